"""Changes that ended without success, and others that met them: cases of ``order``."""

from __future__ import annotations

from chaos.run.execution import Execution
from chaos.steps.history import Undelivered
from chaos.steps.schedule import Admin
from tests.canaries.cases import Case, judged
from tests.stories import ERROR, Story
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType
from workers.nvmf.status import AdminOpcode

AGREED, APART = (1, 1), (1, 2)  # the op in block 0, on disk 0 and disk 1
RESET = "bdev.resetting"


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_order", name, execution, *expected)


def online(*disks: int) -> Story:
    return Story().happen("raid.created", *disks)


def sent(story: Story | None = None) -> Story:
    """Send two writes of block 0, of two connections; the first one's host will be gone."""
    return (story or online(0, 1)).send_write(1, connection=1).send_write(2, connection=2)


def cut(story: Story) -> Story:
    """Answer the second of both writes, and end the connection of the first."""
    return story.answer(2).end(1)


def acknowledged(story: Story | None = None) -> Story:
    return sent(story).answer(1).answer(2)


def held(*values: int) -> list[list[int]]:
    """Return, by disk, the content of 8 blocks, of which only the first was written."""
    return [[value] + [0] * 7 for value in values]


def ends(story: Story, *values: int) -> Execution:
    return story.execution(disks=held(*(values or APART)))


def differs(
    step: int, ops="1 2", block=0, shown="disk 0: op 1, disk 1: op 2", when="end of run"
) -> tuple[str, str]:
    named = ", ".join(f"op {op}" for op in ops.split())
    return (
        f"INVALID order/divergence/{when}, ops {ops}, blocks {block}-{block}, disk None",
        f"{step}: block {block} was changed by {named}, in flight together; all have ended, and the members don't agree "
        f"which came last: {shown}",
    )


# Such a change may be on some members only, or it is on all of them or on none.
CASES = [
    case("its connection has ended", ends(cut(sent())), *differs(5)),
    case(
        "only another connection has ended",
        sent().answer(2).end(3).execution(disks=held(*APART)),
    ),
    case(
        "its answer got lost, and then its connection ended",
        ends(cut(sent().observe(Undelivered, 1))),
        *differs(6),
    ),
    case("failed", ends(sent().answer(1, status=ERROR).answer(2))),
    case(
        "failed, and of three the others don't agree",
        ends(sent().send_write(3).answer(1, status=ERROR).answer(2).answer(3), 3, 2),
        *differs(7, "2 3", shown="disk 0: op 3, disk 1: op 2"),
    ),
    case(
        "failed, where no other was in flight",
        ends(acknowledged().send_write(3, slba=1).answer(3, status=ERROR)),
        *differs(7),
    ),
    case(
        "failed, and has touched more blocks than the other",
        ends(online(0, 1).send_write(1, blocks=2).send_write(2).answer(1, status=ERROR).answer(2)),
    ),
    case(
        "a member missed a write while it was in flight",
        ends(cut(sent().happen("raid.member_failed", 2, 2))),
    ),
    case(
        "a member missed a write before",
        ends(cut(sent(online(0, 1).happen("raid.member_failed", 2, 2)))),
        *differs(6),
    ),
    case("a member was being removed", ends(cut(sent().happen("raid.removing_member", 2, 2)))),
    case("the array was being unregistered", ends(cut(sent().happen("bdev.unregistering", 3, 0)))),
    case("a member was being reset", ends(cut(sent().happen(RESET, 0)))),
    case("a reset had begun before", ends(cut(sent(online(0, 1).happen(RESET, 0))))),
    case(
        "a reset had ended before",
        ends(cut(sent(online(0, 1).happen(RESET, 0).happen("bdev.reset", 0)))),
        *differs(7),
    ),
    case(
        "of two resets one had ended before",
        ends(cut(sent(online(0, 1).happen(RESET, 0).happen(RESET, 1).happen("bdev.reset", 0)))),
    ),
    case(
        "a reset that a kill had ended",
        ends(cut(sent(online(0, 1).happen(RESET, 0).kill().happen("raid.assembled", 0, 1)))),
        *differs(8),
    ),
    case(
        "disturbed, and acknowledged all the same",
        ends(sent().happen(RESET, 0).answer(1).answer(2)),
        *differs(6),
    ),
    case(
        "disturbed, and the other had been sent later",
        ends(
            online(0, 1)
            .send_write(1, connection=2)
            .happen(RESET, 0)
            .happen("bdev.reset", 0)
            .send_write(2)
            .answer(1)
            .end(1)
        ),
        *differs(7),
    ),
    case(
        "a write failed on a disk",
        ends(cut(sent().happen("disk.fault", 0, FaultKind.ERROR, IoType.WRITE, 0, 1))),
    ),
    case(
        "a write was slow on a disk",
        ends(cut(sent().happen("disk.fault", 0, FaultKind.SLOW, IoType.WRITE, 0, 1))),
        *differs(6),
    ),
    case(
        "a read failed on a disk",
        ends(cut(sent().happen("disk.fault", 0, FaultKind.ERROR, IoType.READ, 0, 1))),
        *differs(6),
    ),
    case(
        "a write failed on an error bdev",
        ends(cut(sent().happen("bdev.error_injected", 0, ErrorType.FAILURE, IoType.WRITE))),
    ),
    case(
        "a write was held by an error bdev",
        ends(cut(sent().happen("bdev.error_injected", 0, ErrorType.PENDING, IoType.WRITE))),
        *differs(6),
    ),
    case(
        "its host asked to abort it",
        ends(cut(sent().add(Admin(9, 0, 1, 1, AdminOpcode.ABORT, 1, 1)))),
    ),
    case(
        "its host asked for a log page",
        ends(cut(sent().add(Admin(9, 0, 1, 1, AdminOpcode.GET_LOG_PAGE)))),
        *differs(6),
    ),
    case("a block had changed silently", ends(acknowledged(online(0, 1).rot(5)))),
    case(
        "a write may have landed elsewhere",
        ends(acknowledged(online(0, 1).inject("misdirected_write", 0))),
    ),
    case(
        "a disk had another fault",
        ends(acknowledged(online(0, 1).inject("disk_slow", 0))),
        *differs(6),
    ),
]
