"""Each command is answered once, on its connection, with a status that its kind can have."""

from __future__ import annotations

from chaos.controller import Execution
from chaos.history import Unheard
from chaos.schedule import Admin, Connect, Disconnect, Mark, Open, Operate
from tests.canaries.cases import Case, judged
from tests.stories import Story, observed
from workers.nvmf.status import NvmeStatus


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_protocol", name, observed(execution), *expected)


def answered(story: Story, status: NvmeStatus) -> Execution:
    """Op 1, answered so."""
    return story.answer(1, status=int(status)).execution()


def free(name: str, execution: Execution, *expected: str) -> Case:
    """Of a run in which nobody could look between the steps."""
    return judged("check_protocol", name, execution, *expected)


CASES = [
    case(
        "all answered",
        Story().write(1).read(2, 1).flush(3).execution(),
    ),
    case(
        "twice",
        Story().write(1).answer(1).execution(),
        "INVALID protocol/answer/twice, ops 1",
        "3: op 1 was answered more than once",
    ),
    case(
        "twice, the second unheard",
        Story().write(1).observe(Unheard, 1).execution(),
        "INVALID protocol/answer/twice, ops 1",
        "3: op 1 was answered more than once",
    ),
    case(
        "unheard, then heard",
        Story().send_write(1).observe(Unheard, 1).answer(1).execution(),
        "INVALID protocol/answer/twice, ops 1",
        "3: op 1 was answered more than once",
    ),
    case(
        "an RPC twice",
        Story().add(Operate(1, "bdev_reset", ())).answer(1).answer(1).execution(),
        "INVALID protocol/answer/twice, ops 1",
        "3: op 1 was answered more than once",
    ),
    case(
        "late",
        Story().send_write(1).end(1).answer(1).execution(),
        "INVALID protocol/answer/late, ops 1",
        "3: op 1 was answered after its connection had been destroyed",
    ),
    case(
        "late, and unheard",
        Story().send_write(1).end(1).observe(Unheard, 1).execution(),
        "INVALID protocol/answer/late, ops 1",
        "3: op 1 was answered after its connection had been destroyed",
    ),
    case(
        "after another connection had ended",
        Story().send_write(1).end(3).answer(1).execution(),
    ),
    case(
        "after another event",
        Story().send_write(1).happen("nvmf.qpair_connected", 1).answer(1).execution(),
    ),
    case(
        "a disconnect that ends its connection",
        Story().add(Disconnect(1, 0, 1, 1)).end(1).answer(1).execution(),
    ),
    case(
        "an answer to nobody",
        Story().answer(1, status=9).execution(),
    ),
    case(
        "a mark isn't answered",
        Story().add(Mark("chaos")).execution(),
    ),
    case(
        "too few data",
        Story().send_read(1, 0, 2).answer(1, 0).execution(),
        "INVALID protocol/answer/data, ops 1",
        "2: read op 1 brought 1 of 2 blocks",
    ),
    case(
        "too few data of a read that failed",
        Story().send_read(1, 0, 2).answer(1, status=int(NvmeStatus.ABORTED_BY_REQUEST)).execution(),
    ),
    case(
        "a device error",
        answered(Story().send_write(1), NvmeStatus.INTERNAL_DEVICE_ERROR),
    ),
    case(
        "a miscompare",
        answered(Story().send_compare(1, 0), NvmeStatus.COMPARE_FAILURE),
    ),
    case(
        "a miscompare of a write",
        answered(Story().send_write(1), NvmeStatus.COMPARE_FAILURE),
        "INVALID protocol/answer/status of write, ops 1",
        "2: write op 1 was answered with COMPARE_FAILURE, which it can't be",
    ),
    case(
        "out of range",
        answered(Story().send_read(1), NvmeStatus.LBA_OUT_OF_RANGE),
    ),
    case(
        "a flush out of range",
        answered(Story().send_flush(1), NvmeStatus.LBA_OUT_OF_RANGE),
        "INVALID protocol/answer/status of flush, ops 1",
        "2: flush op 1 was answered with LBA_OUT_OF_RANGE, which it can't be",
    ),
    case(
        "an odd status",
        answered(Story().send_write(1), 4095),
        "INVALID protocol/answer/status of write, ops 1",
        "2: write op 1 was answered with 0xfff, which it can't be",
    ),
    case(
        "an odd status of an admin command",
        answered(Story().add(Admin(1, 0, 1, 1, 24)), 4095),
    ),
    case(
        "connections",
        Story()
        .add(Open(1, 0, 1))
        .answer(1)
        .add(Connect(2, 0, 1, 1, 0, 0))
        .answer(2)
        .answer(2)
        .execution(),
        "INVALID protocol/answer/twice, ops 2",
        "5: op 2 was answered more than once",
    ),
    case(
        "an odd status of a compare-and-write",
        answered(Story().send_compare(1, 0), 4095),
        "INVALID protocol/answer/status of compareandwrite, ops 1",
        "2: compareandwrite op 1 was answered with 0xfff, which it can't be",
    ),
    free(
        "late, running free",
        Story().send_write(1).end(1).answer(1).execution(),
    ),
    free(
        "twice, running free",
        Story().write(1).answer(1).execution(),
        "INVALID protocol/answer/twice, ops 1",
        "3: op 1 was answered more than once",
    ),
]

EQUIVALENT = {"check_protocol: 0: 0 is -1": "the event has one number"}
