"""Members in sync hold equal data: at the end of a rebuild, and at the end of a run."""

from __future__ import annotations

from chaos.run.execution import Execution, RunEnd
from chaos.steps.history import Compared
from chaos.steps.payload import FOREIGN
from chaos.steps.schedule import Inject
from tests.canaries.cases import Case, judged
from tests.stories import CRASH, ERROR, PLAN_WITH_SUPERBLOCK, Story


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_mirrors", name, execution, *expected)


def online(*disks: int) -> Story:
    return Story().happen("raid.created", *disks)


def held(*values: int) -> list[list[int]]:
    """Return, by disk, the content of its first block; the other blocks were never written."""
    return [[value] + [0] * 7 for value in values]


CASES = [
    case(
        "equal",
        online(0, 1).write(1).execution(disks=held(1, 1)),
    ),
    case(
        "one lacks it",
        online(1, 0).write(1).execution(disks=held(1, 0)),
        "INVALID mirrors/divergence/end of run, ops 1",
        "3: block 0 should hold op 1, acknowledged, on every member in sync, but holds disk 0: op 1, disk 1: op 0",
    ),
    case(
        "all lack it",
        online(0, 1).write(1).write(2).execution(disks=held(1, 1)),
        "INVALID mirrors/stale/end of run, ops 2",
        "5: block 0 should hold op 2, acknowledged, on every member in sync, but holds disk 0: op 1, disk 1: op 1",
    ),
    case(
        "no member lacks it",
        online(0, 2).write(1).execution(disks=held(1, 7, 1)),
    ),
    case(
        "never acknowledged",
        online(0, 1).send_write(1).answer(1, status=ERROR).execution(disks=held(1, 0)),
    ),
    case(
        "failed over what was acknowledged",
        online(0, 1).write(1).send_write(2).answer(2, status=ERROR).execution(disks=held(1, 2)),
    ),
    case(
        "failed, and neither is there",
        online(0, 1).write(1).send_write(2).answer(2, status=ERROR).execution(disks=held(1, 3)),
        "INVALID mirrors/divergence/end of run, ops 1",
        "5: block 0 should hold op 1, acknowledged, on every member in sync, but holds disk 0: op 1, disk 1: op 3",
    ),
    case(
        "failed, and gone from both",
        online(0, 1).write(1).send_write(2).answer(2, status=ERROR).execution(disks=held(3, 3)),
        "INVALID mirrors/stale/end of run, ops 1",
        "5: block 0 should hold op 1, acknowledged, on every member in sync, but holds disk 0: op 3, disk 1: op 3",
    ),
    case(
        "zeroes, and data under way",
        online(0, 1).unmap(1).send_write(2).answer(2, status=ERROR).execution(disks=held(0, 2)),
    ),
    case(
        "changed silently",
        online(0, 1).write(1).rot(0).execution(disks=held(1, FOREIGN)),
    ),
    case(
        "another block changed silently",
        online(0, 1).write(1).rot(1).execution(disks=held(1, FOREIGN)),
        "INVALID mirrors/divergence/end of run, ops 1",
        "4: block 0 should hold op 1, acknowledged, on every member in sync, but holds disk 0: op 1, disk 1: op -2",
    ),
    case(
        "the second block",
        online(0, 1).write(1, blocks=2).execution(disks=[[1, 1, *[0] * 6], [1, 0, *[0] * 6]]),
        "INVALID mirrors/divergence/end of run, ops 1",
        "3: block 1 should hold op 1, acknowledged, on every member in sync, but holds disk 0: op 1, disk 1: op 0",
    ),
    case(
        "crashed",
        online(0, 1).write(1).crash().execution(crash=CRASH, disks=held(1, 0)),
    ),
    case(
        "stuck",
        online(0, 1).write(1).execution(end=RunEnd.STUCK, disks=held(1, 0)),
    ),
    case(
        "a rebuild left something out",
        online(0)
        .write(1)
        .happen("rebuild.finished", 1, 1, 0)
        .observe(Compared, "rebuild.finished", held(1, 0))
        .execution(disks=held(1, 1)),
        "INVALID mirrors/divergence/end of a rebuild, ops 1",
        "5: block 0 should hold op 1, acknowledged, on every member in sync, but holds disk 0: op 1, disk 1: op 0",
    ),
    case(
        "a rebuild copied all",
        online(0)
        .write(1)
        .happen("rebuild.finished", 1, 1, 0)
        .observe(Compared, "rebuild.finished", held(1, 1))
        .execution(disks=held(1, 1)),
    ),
    case(
        "a rebuild failed",
        online(0)
        .write(1)
        .happen("rebuild.finished", 1, 1, -5)
        .observe(Compared, "rebuild.finished", held(1, 0))
        .execution(disks=held(1, 0)),
    ),
    case(
        "looked at when it came online",
        online(0, 1)
        .write(1)
        .observe(Compared, "raid.assembled", held(1, 0))
        .execution(disks=held(1, 1)),
    ),
    case(
        "more events in the step in which the rebuild ended",
        online(0)
        .write(1)
        .happen("rebuild.finished", 1, 1, 0)
        .happen("bdev.unquiesced", 2, 1)
        .observe(Compared, "rebuild.finished", held(1, 0))
        .execution(disks=held(1, 1)),
        "INVALID mirrors/divergence/end of a rebuild, ops 1",
        "6: block 0 should hold op 1, acknowledged, on every member in sync, but holds disk 0: op 1, disk 1: op 0",
    ),
    case(
        "pulled as its rebuild ended, and another device is in its place",
        online(0)
        .write(1)
        .happen("rebuild.started", 1, 1)
        .add(Inject(90, "disk_pull", 1, ()))
        .add(Inject(91, "disk_return_blank", 1, ()))
        .happen("rebuild.finished", 1, 1, 0)
        .observe(Compared, "rebuild.finished", held(1, 0))
        .execution(disks=held(1, 1)),
    ),
    case(
        "a kill after a rebuild that left something out",
        online(0).write(1).happen("rebuild.finished", 1, 1, 0).kill().execution(disks=held(1, 0)),
    ),
    case(
        "power was lost",
        online(0, 1)
        .write(1)
        .write_fua(2)
        .lose_power()
        .happen("raid.assembled", 0, 1)
        .execution(disks=held(2, 1)),
        "INVALID mirrors/divergence/end of run, ops 2",
        "7: block 0 should hold op 2, acknowledged, on every member in sync, but holds disk 0: op 2, disk 1: op 1",
    ),
    case(
        "power was lost, and what was not flushed",
        online(0, 1)
        .write_fua(1)
        .write(2)
        .lose_power()
        .happen("raid.assembled", 0, 1)
        .execution(disks=held(2, 1)),
    ),
    case(
        "behind a superblock",
        Story(PLAN_WITH_SUPERBLOCK)
        .happen("raid.created", 0, 1)
        .write(1)
        .rot(8)
        .execution(disks=held(1, 0)),
    ),
    case(
        "a rebuild failed, and other members differ",
        online(0, 1)
        .write(1)
        .happen("rebuild.finished", 2, 2, -5)
        .observe(Compared, "raid.assembled", held(1, 0))
        .execution(disks=held(1, 1)),
    ),
    case(
        "never acknowledged, and changed otherwise",
        online(0, 1).send_write(1).answer(1, status=ERROR).execution(disks=held(7, 0)),
    ),
]

EQUIVALENT = {
    "check_mirrors: 0: 0 is 1": "the first entry brings the array up or opens a connection: no register changes"
}
