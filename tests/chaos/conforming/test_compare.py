"""Comparisons with recordings: everything equal or declared, and every other difference found."""

from __future__ import annotations

import msgspec
import pytest

from chaos.conforming.compare import Verdict
from chaos.conforming.declared import DECLARED
from chaos.conforming.scenario import Scenario, Step
from tests.chaos.conforming.recordings import ALL, compared, scenario
from workers.defects.loader import known_defects
from workers.protocol import DefectSource

# A difference that is declared where SPDK is right should be rare.
DECLARED_WHERE_SPDK_IS_RIGHT_MAX = 20


def changed(name: str, number: int, **changes: object) -> Scenario:
    """Return a recorded scenario with other answers to one of its steps, counted from 1."""
    original = scenario(name)
    steps = list(original.steps)
    steps[number - 1] = msgspec.structs.replace(steps[number - 1], **changes)
    return msgspec.structs.replace(original, steps=steps)


def with_step(name: str, number: int, step: Step) -> Scenario:
    """Return a recorded scenario with another step from ``number`` on, and none after it."""
    original = scenario(name)
    return msgspec.structs.replace(original, steps=[*original.steps[: number - 1], step])


@pytest.mark.parametrize("name", [one.name for one in ALL])
def test_recorded_scenario_is_equal_or_differs_as_declared(name):
    comparison = compared(scenario(name))
    topics = {row.topic for row in DECLARED if name in row.scenarios}
    assert {parting.topic for parting in comparison.partings} == topics
    assert (comparison.verdict is Verdict.EQUAL) == (not topics)
    assert comparison.verdict is not Verdict.DIFFERENT


def test_few_differences_are_declared_where_spdk_is_right():
    names = [name for row in DECLARED if not row.is_spdk_wrong for name in row.scenarios]
    assert 0 < len(names) <= DECLARED_WHERE_SPDK_IS_RIGHT_MAX


def test_each_declared_difference_names_a_function_and_a_defect_that_exists():
    assert len({row.topic for row in DECLARED}) == len(DECLARED)
    for row in DECLARED:
        assert "_" in row.function, row.topic
        assert not row.defect or row.defect in known_defects(), row.topic


@pytest.mark.parametrize(
    ("name", "number", "changes", "place"),
    [
        ("create2", 1, {"code": -17}, "code"),
        ("io_basic", 5, {"data": "hallo"}, "data"),
        ("io_basic", 7, {"status": scenario("io_basic").steps[3].status}, "status.sct"),
        ("sb_io_members", 8, {"members": ["b", "b"]}, "members[0]"),
        ("delete_twice_at_once", 2, {"code": [0, -19]}, "code[1]"),
        ("create2", 1, {"state": scenario("create2").steps[1].state}, "state"),
        (
            "remove_again",
            2,
            {"state": scenario("create2").steps[0].state},
            "state.num_base_bdevs_discovered",
        ),
        (
            "grow_one_then_other",
            3,
            {"state": scenario("create2").steps[0].state},
            "state.num_blocks",
        ),
    ],
)
def test_any_other_answer_is_a_difference(name, number, changes, place):
    comparison = compared(changed(name, number, **changes))
    assert comparison.verdict is Verdict.DIFFERENT
    parting = comparison.partings[-1]
    assert (parting.number, parting.topic) == (number, "")
    assert place in [
        difference.place.partition("base_bdevs_list")[0] for difference in parting.differences
    ]


def test_unsettled_state_is_that_of_some_moment_after_the_answer():
    number = 5
    unsettled = scenario("rb_pull_only_source")
    assert unsettled.steps[number - 1].state.state == "offline"
    assert compared(unsettled).verdict is Verdict.EQUAL
    before = unsettled.steps[number - 2].state
    assert compared(changed(unsettled.name, number, state=before)).verdict is Verdict.DIFFERENT


def test_unsettled_state_of_the_time_before_an_operation_ended_is_a_difference():
    """Plug disks in one after the other: what the target shows between them doesn't count."""
    online = scenario("sb_create2").steps[0].state
    first = with_step("sb_create2", 2, Step(["restart", [0]], code=0, settled=True, state=online))
    between = compared(first).partings[-1].got.state
    assert between.state == "configuring"
    both = Step(["restart", [0, 1]], code=0, state=online)
    assert compared(with_step("sb_create2", 2, both)).verdict is Verdict.EQUAL
    early = msgspec.structs.replace(both, state=between)
    assert compared(with_step("sb_create2", 2, early)).verdict is Verdict.DIFFERENT


STAYS_ONLINE = """
from workers.raid import membership


class Membership(membership.Membership):
    async def remove_slot(self, thread, number):
        return 0 if number else await super().remove_slot(thread, number)
"""
DIES_AT_REMOVALS = """
from workers.raid import membership


class Membership(membership.Membership):
    async def remove_slot(self, thread, number):
        raise AssertionError("boom")
"""
DIES_AT_ADDITIONS = """
from workers.raid import membership


class Membership(membership.Membership):
    async def add(self, thread, bdev):
        raise AssertionError("boom")
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sb_remove_both_at_once", STAYS_ONLINE),
        ("sb_remove_both_at_once", DIES_AT_REMOVALS),
        ("add_itself", DIES_AT_ADDITIONS),
        ("as_stale_alone", DIES_AT_REMOVALS),
    ],
)
def test_engine_that_does_otherwise_than_declared_is_reported(name, text):
    comparison = compared(scenario(name), DefectSource("wrong", text))
    assert comparison.verdict is Verdict.DIFFERENT


def test_engine_that_ends_after_a_declared_difference_is_reported():
    original = scenario("as_stale_alone")
    assert compared(original).partings[-1].number == len(original.steps)
    steps = [*original.steps, Step(["add", 0], code=-17)]
    longer = msgspec.structs.replace(original, steps=steps)
    assert compared(longer).verdict is Verdict.DECLARED
    died = compared(longer, DefectSource("dies", DIES_AT_ADDITIONS))
    assert died.verdict is Verdict.DIFFERENT
    assert "the engine comes to its end" in died.partings[-1].sentence


def test_target_that_dies_when_it_finds_its_disks_has_crashed_in_the_first_step():
    text = STAYS_ONLINE.replace("membership", "examine").replace("Membership", "Examine")
    text = text.partition("    async def")[0] + (
        "    async def look_at(self, thread, bdev, passing=b''):\n        raise AssertionError('boom')\n"
    )
    comparison = compared(scenario("create2"), DefectSource("dies", text))
    assert (comparison.verdict, comparison.partings[0].number) == (Verdict.DIFFERENT, 1)
    assert comparison.partings[0].got.code == "crash"


def test_engine_with_a_mistake_of_spdk_no_longer_differs():
    assert compared(scenario("as_stale_alone")).verdict is Verdict.DECLARED
    assert compared(scenario("as_stale_alone"), "stale-member-left-out").verdict is Verdict.EQUAL


def test_engine_that_loses_acknowledged_data_where_spdk_does_is_reported():
    comparison = compared(scenario("as_blanked_data"), "blank-disk-joins-waiting-array")
    assert comparison.verdict is Verdict.DIFFERENT
    assert comparison.partings[-1].sentence == "block 5 reads as '', and not as it was written"


def test_engine_that_crashes_where_spdk_does_is_reported():
    name = "sb_old_returns_during_replacement"
    comparison = compared(scenario(name), "return-during-rebuild-crash")
    assert comparison.verdict is Verdict.DIFFERENT
    assert (
        "raid_bdev_examine_sb: base_info->is_configured == false"
        in comparison.partings[-1].sentence
    )


def test_data_that_is_on_no_disk_any_more_is_lost():
    steps = scenario("io_basic").steps[:4]
    wrong = msgspec.structs.replace(
        steps[-1], do=["settle"], spdk_is_wrong="something", status=msgspec.UNSET
    )
    blanked = [Step(["blank", disk], code=0) for disk in (0, 1)]
    played = msgspec.structs.replace(scenario("io_basic"), steps=[*steps, *blanked, wrong])
    comparison = compared(played)
    assert comparison.partings[-1].sentence == "the acknowledged data of block 3 is on no disk"


def test_operation_that_the_engine_does_not_have_is_a_difference_with_a_sentence():
    step = Step(["inject", 0, "write", "corrupt_data", 1], code=0, settled=True)
    comparison = compared(with_step("err_write_one", 2, step))
    assert comparison.verdict is Verdict.DIFFERENT
    assert "no error type 'corrupt_data'" in comparison.partings[-1].sentence
