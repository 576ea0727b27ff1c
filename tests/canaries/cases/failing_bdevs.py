"""Error bdevs that are to fail I/O are faults of the disks under them, until these are healed or the target ends."""

from __future__ import annotations

from chaos.steps.schedule import Operate
from tests.canaries.cases.removals import case, hurt, online
from tests.stories import ERROR, PLAN, Story
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType, Stack, stacked_bdev_id

READS, WRITES = 1 << IoType.READ, 1 << IoType.WRITE


def failing(
    story: Story,
    io_types: int = READS,
    disk: int = 0,
    kind: ErrorType = ErrorType.FAILURE,
    count: int = 3,
) -> Story:
    """Have the error bdev on a disk act."""
    bdev = stacked_bdev_id(PLAN.layout, Stack.ERROR, disk)
    return story.add(Operate(90, "bdev_error_inject_error", (bdev, int(kind), io_types, count)))


def sending(story: Story, kind: str) -> Story:
    return story.send_read(1) if kind == "read" else story.send_write(1)


def unavailable(step: int, kind: str) -> tuple[str, str]:
    return (
        f"INVALID availability/error/{kind}, ops 1",
        f"{step}: {kind} op 1 of host 0 ended with Internal Device Error, "
        "though a member with all acknowledged data works",
    )


CASES = [
    case(
        "the error bdev of the only member fails reads",
        failing(online(0)).send_read(1).answer(1, status=ERROR).execution(),
    ),
    case(
        "reads, and a write fails",
        failing(online(0)).send_write(1).answer(1, status=ERROR).execution(),
        *unavailable(4, "write"),
    ),
    case(
        "the error bdev of the only member fails writes",
        failing(online(0), WRITES).send_write(1).answer(1, status=ERROR).execution(),
    ),
    case(
        "writes, and a read fails",
        failing(online(0), WRITES).send_read(1).answer(1, status=ERROR).execution(),
        *unavailable(4, "read"),
    ),
    case(
        "both, and either fails",
        failing(online(0), READS | WRITES)
        .send_read(1)
        .send_write(2)
        .answer(1, status=ERROR)
        .answer(2, status=ERROR)
        .execution(),
    ),
    case(
        "one member has bad blocks, the error bdev of the other one fails reads",
        failing(hurt(online(0, 1), (1, "bad_blocks")))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "one member fails all I/O, the error bdev of the other one fails writes",
        failing(hurt(online(0, 1), (0, "disk_failure")), WRITES, 1)
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "the error bdev of one of two fails reads",
        failing(online(0, 1)).send_read(1).answer(1, status=ERROR).execution(),
        *unavailable(4, "read"),
    ),
    case(
        "the only one is on its way out, and its error bdev fails reads",
        failing(online(0).happen("raid.removing_member", 1, 0))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "it holds I/O back, and fails none",
        failing(online(0), kind=ErrorType.PENDING).send_read(1).answer(1, status=ERROR).execution(),
        *unavailable(4, "read"),
    ),
    case(
        "it is to fail none",
        failing(online(0), count=0).send_read(1).answer(1, status=ERROR).execution(),
        *unavailable(4, "read"),
    ),
    case(
        "it is to fail one",
        failing(online(0), count=1).send_read(1).answer(1, status=ERROR).execution(),
    ),
    *(
        case(
            f"it failed {kind}s, and its disk was healed",
            sending(hurt(failing(online(0), io_types), (0, "disk_heal")), kind)
            .answer(1, status=ERROR)
            .execution(),
            *unavailable(5, kind),
        )
        for kind, io_types in (("read", READS), ("write", WRITES))
    ),
    *(
        case(
            f"it failed {kind}s, and its target was killed",
            sending(failing(online(0), io_types).kill().happen("raid.assembled", 0), kind)
            .answer(1, status=ERROR)
            .execution(),
            *unavailable(6, kind),
        )
        for kind, io_types in (("read", READS), ("write", WRITES))
    ),
]
