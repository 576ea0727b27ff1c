"""Real SPDK under the controller; RAIDSTORM_SPDK names a tree that is configured and built."""

from __future__ import annotations

import os

import pytest

from chaos.drivers.native.opened import open_target
from chaos.judging.judge import judge
from chaos.plan.target_id import TargetId
from tests.chaos.drivers.native.targets import explore, needs_compiler

TREE = os.environ.get("RAIDSTORM_SPDK", "")
pytestmark = [
    needs_compiler,
    pytest.mark.skipif(not TREE, reason="RAIDSTORM_SPDK names no tree of SPDK to test"),
]


def spdk() -> TargetId:
    return open_target("spdk", TREE)


def test_baseline_is_valid():
    for seed in range(20):
        execution = explore(spdk(), "baseline", seed)
        assert execution.settled, seed
        assert judge(execution) == [], seed


@pytest.mark.parametrize("experiment", ["swarm", "connect-during-rebuild", "power-loss"])
def test_a_seed_runs_alike_twice(experiment):
    for seed in range(10):
        first = explore(spdk(), experiment, seed)
        assert explore(spdk(), experiment, seed).fingerprint == first.fingerprint, seed
