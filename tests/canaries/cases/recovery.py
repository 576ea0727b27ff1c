"""An array is assembled only from members with all acknowledged data."""

from __future__ import annotations

from chaos.run.execution import Execution
from chaos.steps.history import Compared
from tests.canaries.cases import Case, judged
from tests.stories import Story


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_recovery", name, execution, *expected)


def held(*values: int) -> list[list[int]]:
    """Return, by disk, the content of its first block; the other blocks were never written."""
    return [[value] + [0] * 7 for value in values]


def again(*disks: int) -> Story:
    """Write, kill, and assemble from these disks."""
    return Story().happen("raid.created", 0, 1).write(1).kill().happen("raid.assembled", *disks)


CASES = [
    case(
        "not observed",
        again(0, 1).execution(),
    ),
    case(
        "all have it",
        again(0, 1).observe(Compared, "raid.assembled", held(1, 1)).execution(),
    ),
    case(
        "one lacks it",
        again(0, 1).observe(Compared, "raid.assembled", held(1, 0)).execution(),
        "INVALID recovery/divergence/assembly, ops 1",
        "6: the array was assembled with a member that lacks acknowledged data: block 0 should hold op 1, but holds disk 0: op 1, disk 1: op 0",
    ),
    case(
        "no member lacks it",
        again(0).observe(Compared, "raid.assembled", held(1, 0)).execution(),
    ),
    case(
        "looked at a second time, after a rebuild",
        again(0, 1)
        .observe(Compared, "raid.assembled", held(1, 1))
        .observe(Compared, "rebuild.finished", held(1, 0))
        .execution(),
    ),
    case(
        "looked at before",
        Story().write(1).observe(Compared, "raid.assembled", held(0, 0)).execution(),
    ),
    case(
        "looked at again when a rebuild had ended",
        again(0, 1)
        .observe(Compared, "raid.assembled", held(1, 1))
        .happen("rebuild.finished", 1, 1, 0)
        .observe(Compared, "rebuild.finished", held(1, 0))
        .execution(),
    ),
]

EQUIVALENT = {
    "check_recovery: 0: 0 is 1": "the first entry brings the array up or opens a connection: no register changes"
}
