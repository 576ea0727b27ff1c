"""SPDK's own code: it answers as it was recorded, and walks beside the engine. RAIDSTORM_SPDK names a tree of v26.05."""

from __future__ import annotations

import os

import pytest

from chaos.conforming.compare import Verdict, compare_spdk
from chaos.conforming.sides import UNITS, engine_side, spdk_side
from chaos.conforming.walk import walk
from chaos.drivers.native.opened import open_target
from tests.chaos.conforming.recordings import RECORDING
from tests.chaos.drivers.native.targets import needs_compiler

TREE = os.environ.get("RAIDSTORM_SPDK", "")
pytestmark = [
    needs_compiler,
    pytest.mark.skipif(not TREE, reason="RAIDSTORM_SPDK names no tree of SPDK to test"),
]
EQUAL_MIN, WALKS, WALKS_EQUAL_MIN = 100, 40, 36


def test_spdk_under_the_controller_answers_as_the_process_did_over_its_socket():
    side = spdk_side(open_target("spdk", TREE), RECORDING.units)
    equal = [
        scenario.name
        for scenario in RECORDING.scenarios
        if compare_spdk(scenario, side.player(scenario.setup, scenario.size_max)).verdict
        is Verdict.EQUAL
    ]
    assert len(equal) >= EQUAL_MIN


def test_walks_beside_spdk_differ_only_as_declared():
    spdk, engine = spdk_side(open_target("spdk", TREE), UNITS), engine_side(UNITS)
    assert sum(walk(seed, spdk, engine).is_equal for seed in range(WALKS)) >= WALKS_EQUAL_MIN
