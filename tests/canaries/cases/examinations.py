"""Examinations, and the reads by which they end."""

from __future__ import annotations

from types import ModuleType

from chaos.checkers.target_facts import TargetFacts
from chaos.steps.history import Completed
from tests.canaries.cases import Case
from tests.canaries.cases.facts import WITH
from tests.stories import Story
from workers.bdev.io import IoType

LAST_STEP = 6


def case(name: str, story: Story, *expected: str, facts_after=()) -> Case:
    """Disk 2 is examined by a request of moment 1 that is answered in step 2, at moment 3; the story is the schedule."""

    def ask(module: ModuleType) -> list[str]:
        while len(story.schedule) < LAST_STEP:
            story.happen("raid.reset")
        facts = TargetFacts(WITH)
        moments = facts.moments
        moments.now = 3
        moments.begin(("ready", 2))
        examinations = module.Examinations(story.execution(), facts)
        examinations.begin(6, 1, Completed(2, 7, 0, 0, []))
        for moment, change in facts_after:
            moments.now = moment
            change(moments)
        asked = [(4, 3), (3, 4), (4, 4), (LAST_STEP, 9)]  # until a step, begun before a moment
        return [_text(examinations.unread(*when)) for when in asked]

    return Case(name, ask, list(expected))


def _text(examination) -> str:
    if examination is None:
        return "nothing"
    place = f"asked {examination.asked}, begun {examination.begun}, step {examination.step}"
    return f"{place}, ops {examination.ops}, bdev {examination.bdev}"


def begun() -> Story:
    return Story(WITH).serve(2).serve(2)


HARMED, GONE = (
    (lambda moments: moments.mark(("harmed", 2))),
    (lambda moments: moments.end(("ready", 2))),
)
CASES = [
    case(
        "never read",
        begun(),
        "nothing",
        "asked 1, begun 3, step 2, ops [7], bdev 6",
        "nothing",
        "nothing",
    ),
    case("read", begun().serve(2), "nothing", "nothing", "nothing", "nothing"),
    case(
        "read in the last step",
        begun().serve(0).serve(2),
        "nothing",
        "asked 1, begun 3, step 2, ops [7], bdev 6",
        "nothing",
        "nothing",
    ),
    case(
        "another disk was read",
        begun().serve(1),
        "nothing",
        "asked 1, begun 3, step 2, ops [7], bdev 6",
        "nothing",
        "nothing",
    ),
    case(
        "it was written",
        begun().serve(2, io_type=IoType.WRITE),
        "nothing",
        "asked 1, begun 3, step 2, ops [7], bdev 6",
        "nothing",
        "nothing",
    ),
    case(
        "another block was read",
        begun().serve(2, offset=1),
        "nothing",
        "asked 1, begun 3, step 2, ops [7], bdev 6",
        "nothing",
        "nothing",
    ),
    case(
        "the disk was hurt",
        begun(),
        "nothing",
        "nothing",
        "nothing",
        "nothing",
        facts_after=[(4, HARMED)],
    ),
    case(
        "the disk was hurt at once",
        begun(),
        "nothing",
        "nothing",
        "nothing",
        "nothing",
        facts_after=[(2, HARMED)],
    ),
    case(
        "the disk was hurt before",
        begun(),
        "nothing",
        "asked 1, begun 3, step 2, ops [7], bdev 6",
        "nothing",
        "nothing",
        facts_after=[(1, HARMED)],
    ),
    case(
        "the disk went",
        begun(),
        "nothing",
        "nothing",
        "nothing",
        "nothing",
        facts_after=[(4, GONE)],
    ),
]


def arrival(name: str, disk: int, *expected: str, ready=True) -> Case:
    """Plug in a disk at moment 3, in step 2, that is never read."""

    def ask(module: ModuleType) -> list[str]:
        facts = TargetFacts(WITH)
        facts.moments.now = 3
        facts.moments.change(("ready", disk), holds=ready)
        examinations = module.Examinations(Story(WITH).serve(0).serve(0).execution(), facts)
        examinations.arrived(disk, 2)
        return [_text(examinations.unread(2, 3)), _text(examinations.unread(2, 4))]

    return Case(name, ask, list(expected))


CASES += [
    arrival("plugged in", 2, "nothing", "asked 3, begun 3, step 2, ops [], bdev 6"),
    arrival("pulled again", 2, "nothing", "nothing", ready=False),
]
