"""Damaged superblocks: SPDK's verdict on each, or a declared one that is safer."""

from __future__ import annotations

import pytest

from chaos.cli.superblock import remarks
from chaos.conforming.compare import Verdict
from chaos.conforming.declared_verdicts import DECLARED_VERDICTS
from chaos.conforming.scenario import ScenarioError
from chaos.conforming.sides import engine_on_spdk_disks
from chaos.conforming.superblocks import (
    NO_SUPERBLOCK,
    SETUP,
    compare_superblock,
    damaged,
    read_cases,
)
from tests.chaos.conforming.recordings import SUPERBLOCKS
from workers.protocol import DefectSource
from workers.raid.superblock import SuperblockError, decode

CASES = read_cases(SUPERBLOCKS.read_bytes(), SUPERBLOCKS)
# All else of a superblock that is accepted is as it should be.
UNREMARKABLE = (
    "block size 4096",
    "data offset beyond the disk",
    "data_size of entry 0 + 1",
    "flags 5",
    "state 3",
)


def test_thirty_superblocks_are_there_and_each_declared_verdict_is_shown_by_one():
    side = engine_on_spdk_disks()
    topics = []
    for case in CASES.cases:
        comparison = compare_superblock(
            damaged(CASES.untouched.hex, case), case, side.player(SETUP, 1)
        )
        assert comparison.verdict is not Verdict.DIFFERENT, (case.name, comparison.differences)
        topics += [comparison.topic] * bool(comparison.topic)
    assert len(CASES.cases) == 30
    assert sorted(topics) == sorted(row.topic for row in DECLARED_VERDICTS)


@pytest.mark.parametrize("case", CASES.cases, ids=lambda case: case.name)
def test_superblock_show_reads_what_spdk_reads_and_remarks_on_what_is_odd(case):
    image = damaged(CASES.untouched.hex, case)
    if case.verdict == NO_SUPERBLOCK or case.name == "entry state 7":
        with pytest.raises(SuperblockError):
            decode(image)
    elif case.name not in UNREMARKABLE:
        assert remarks(decode(image))
    else:
        assert not remarks(decode(image))


def test_another_verdict_is_a_difference():
    side = engine_on_spdk_disks()
    case = CASES.cases[0]
    untouched = bytes.fromhex(CASES.untouched.hex).ljust(32 * 512, b"\0")
    comparison = compare_superblock(untouched, case, side.player(SETUP, 1))
    assert comparison.verdict is Verdict.DIFFERENT
    places = [difference.place for difference in comparison.differences]
    assert places[-2:] == ["registered", "superblock show"]
    assert "after disk0: state" in places


DIES = DefectSource(
    "dies",
    """
from workers.raid import examine


class Examine(examine.Examine):
    async def look_at(self, thread, bdev, passing=b""):
        raise AssertionError("boom")
""",
)


def test_target_that_dies_is_no_declared_difference_whatever_the_superblock():
    side = engine_on_spdk_disks(defects=(DIES,))
    for case in CASES.cases:
        image = damaged(CASES.untouched.hex, case)
        comparison = compare_superblock(image, case, side.player(SETUP, 1))
        assert comparison.verdict is Verdict.DIFFERENT, case.name


def test_nothing_is_declared_for_spdk_itself():
    side = engine_on_spdk_disks()
    verdicts = [
        compare_superblock(
            damaged(CASES.untouched.hex, case), case, side.player(SETUP, 1), is_engine=False
        ).verdict
        for case in CASES.cases
    ]
    assert Verdict.DECLARED not in verdicts
    assert Verdict.DIFFERENT in verdicts


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b'"cases": [', b'"cases": [], "rest": [', "has no superblocks"),
        (b'"bytes": "58"', b'"bytes": "5x"', "has bytes that are no hexadecimal numbers"),
        (b'{"offset": 0, "bytes": "58"}', b'{"offset": 99999, "bytes": "58"}', "of more than"),
    ],
)
def test_file_of_superblocks_with_a_mistake_is_refused(old, new, sentence):
    data = SUPERBLOCKS.read_bytes()
    assert old in data
    with pytest.raises(ScenarioError, match=sentence):
        read_cases(data.replace(old, new, 1), SUPERBLOCKS)
