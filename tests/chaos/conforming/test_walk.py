"""Random walks: two engines walk alike, and a difference is found and shrunk."""

from __future__ import annotations

import pytest

from chaos.base.interrupt import never
from chaos.conforming.compare import compare_engine
from chaos.conforming.scenario import CRASH, Scenario
from chaos.conforming.sides import UNITS, Side, engine_side
from chaos.conforming.walk import SPDK_ENDS, STEPS_MAX, STEPS_MIN, shrink, walk
from workers.protocol import DefectSource

KEEPS_SLOT_1 = DefectSource(
    "keeps_slot_1",
    '''"""A removal of the second member is answered, and not carried out."""

from workers.raid import membership


class Membership(membership.Membership):
    """Leaves slot 1 alone."""

    async def remove_slot(self, thread, number):
        return 0 if number == 1 else await super().remove_slot(thread, number)
''',
)

SMALLEST = 3  # an array, perhaps its second disk, and the removal


def engine(*defects: DefectSource) -> Side:
    return engine_side(UNITS, defects=defects)


def test_two_equal_engines_walk_alike_and_the_same_seed_walks_the_same_way():
    one, other = engine(), engine()
    for seed in range(12):
        walked = walk(seed, one, other)
        assert walked.is_equal
        assert STEPS_MIN <= len(walked.steps) <= STEPS_MAX
        assert walk(seed, one, other) == walked


def test_difference_is_shrunk_to_the_steps_that_it_needs():
    one, other = engine(), engine(KEEPS_SLOT_1)
    found = next(walked for seed in range(50) if not (walked := walk(seed, one, other)).is_equal)
    smallest = shrink(found, one, other, never)
    assert smallest.steps[0].operation == "create"
    assert smallest.steps[-1].operation in ("remove", "both", "pull")
    assert len(smallest.steps) <= SMALLEST
    assert smallest.differences
    assert smallest.got is not None
    # It is a scenario, which fails in the same way.
    played = Scenario("walk", "walk", smallest.setup, smallest.steps)
    again = compare_engine(played, other.player(played.setup, played.size_max))
    assert again.partings[-1].number == len(smallest.steps)


def test_declared_difference_is_taken_back_and_the_walk_goes_on():
    one, other = engine(DefectSource("stale-member-left-out")), engine()
    topics = [
        passed.topic
        for seed in range(30)
        for walked in [walk(seed, one, other)]
        for passed in walked.passed
        if walked.is_equal
    ]
    assert "stale-member-first" in topics


DIES_AT_REMOVALS = DefectSource(
    "dies_at_removals",
    KEEPS_SLOT_1.source.replace(
        "return 0 if number == 1 else await super().remove_slot(thread, number)",
        'raise AssertionError("boom")',
    ),
)


def test_side_at_its_end_is_taken_back_unless_it_is_the_engine():
    walked = [walk(seed, engine(DIES_AT_REMOVALS), engine()) for seed in range(3)]
    assert all(one.is_equal for one in walked)
    assert any(passed.topic.startswith(SPDK_ENDS) for one in walked for passed in one.passed)
    for spdk in (engine(), engine(DIES_AT_REMOVALS)):
        walked = [walk(seed, spdk, engine(DIES_AT_REMOVALS)) for seed in range(3)]
        ended = [one for one in walked if not one.is_equal]
        assert ended
        assert all(one.got.code == CRASH for one in ended)


@pytest.mark.parametrize("seed", range(5))
def test_walk_has_an_array_for_most_of_its_steps(seed):
    walked = walk(seed, engine(), engine())
    states = [step.state.state for step in walked.steps]
    assert sum(state is not None for state in states) > len(states) / 3
