"""The disks that were pulled, whose content proves nothing about the members."""

from __future__ import annotations

from types import ModuleType

from chaos.steps.schedule import Inject
from tests.canaries.cases import Case
from tests.stories import Story


def case(name: str, story: Story, *expected: str) -> Case:
    def ask(module: ModuleType) -> list[str]:
        away = module.PulledDisks()
        for entry in story.history:
            away.take(entry)
        return [str([disk for disk in range(3) if disk in away])]

    return Case(name, ask, list(expected))


def did(*faults: tuple[str, int]) -> Story:
    """Make an array of disks 0 and 1, and inject faults into them."""
    story = Story().happen("raid.created", 0, 1)
    for fault, disk in faults:
        story.add(Inject(90, fault, disk, ()))
    return story


OUT = ("disk_pull", 1)
BACK = ("disk_return", 1)

CASES = [
    case("nothing was pulled", did().write(1), "[]"),
    case("pulled", did(OUT), "[1]"),
    case("two", did(OUT, ("disk_pull", 2)), "[1, 2]"),
    case("pulled and returned", did(OUT, BACK), "[1]"),
    case("replaced", did(("disk_return_blank", 0)), "[0]"),
    case("its bdev was deleted", did(("bdev_delete", 1)), "[1]"),
    case(
        "its bdev was deleted and created, and a new array",
        did(("bdev_delete", 1), ("bdev_create", 1)).happen("raid.created", 0, 1),
        "[]",
    ),
    case("another fault", did(("disk_failure", 0)), "[]"),
    case("healed", did(OUT, ("disk_heal", 1)), "[1]"),
    case(
        "returned, and rebuilt from then on", did(OUT, BACK).happen("rebuild.started", 0, 1), "[]"
    ),
    case("another one is rebuilt", did(OUT, BACK).happen("rebuild.started", 1, 0), "[1]"),
    case("a rebuild ended", did(OUT, BACK).happen("rebuild.finished", 1, 1, 0), "[1]"),
    case("never pulled, and rebuilt", did().happen("rebuild.started", 1, 1), "[]"),
    case("returned, and a new array", did(OUT, BACK).happen("raid.created", 0, 1), "[]"),
    case("returned, and assembled", did(OUT, BACK).happen("raid.assembled", 0, 1), "[]"),
    case("still out, and assembled", did(OUT).happen("raid.assembled", 0), "[1]"),
    case(
        "still out, assembled twice",
        did(OUT).happen("raid.assembled", 0).happen("raid.assembled", 0),
        "[1]",
    ),
]
