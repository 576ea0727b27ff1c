"""Each command is answered once, on its connection, with a status that its kind can have."""

from __future__ import annotations

from chaos.run.execution import Execution
from chaos.steps.history import Undelivered
from chaos.steps.schedule import (
    Admin,
    CompareAndWrite,
    Connect,
    Disconnect,
    Flush,
    Inject,
    Mark,
    Open,
    Operate,
    Unmap,
    Write,
    WriteZeroes,
)
from tests.canaries.cases import Case, judged, of_target
from tests.stories import Story, observed
from workers.nvmf.status import DO_NOT_RETRY, AdminOpcode, NvmeStatus

KEEP_ALIVE, EVENT_REQUEST = AdminOpcode.KEEP_ALIVE, AdminOpcode.ASYNC_EVENT_REQUEST


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_protocol", name, observed(execution), *expected)


def answered(story: Story, status: NvmeStatus) -> Execution:
    """Answer op 1 with this status."""
    return story.answer(1, status=int(status)).execution()


def one_of_each() -> Story:
    """Give one answer of each kind."""
    story = Story()
    steps = (
        Open(1, 0, 1),
        Connect(2, 0, 1, 1, 0, 0),
        Admin(3, 0, 1, 1, KEEP_ALIVE),
        Operate(4, "bdev_reset", ()),
        Inject(5, "disk_heal", 0, ()),
        Disconnect(6, 0, 1, 1),
        Write(7, 0, 1, 1, 0, 1),
        Flush(8, 0, 1, 1),
        Unmap(9, 0, 1, 1, 0, 1),
        WriteZeroes(10, 0, 1, 1, 0, 1),
        CompareAndWrite(11, 0, 1, 1, 0, 1, 0, 1),
    )
    for step in steps:
        story.add(step).answer(step.op, value=int(isinstance(step, Open)))
    return story.read(12, 1)


def opened(thread: int) -> Story:
    """Open a connection, which is accepted on this thread."""
    return Story().add(Open(1, 0, 1)).answer(1, value=thread)


def free(name: str, execution: Execution, *expected: str) -> Case:
    """Make the same without observations between the steps."""
    return judged("check_protocol", name, execution, *expected)


REACTORS = Story().execution().plan.layout.reactors
RETRIED = int(NvmeStatus.INVALID_NAMESPACE) & ~DO_NOT_RETRY


CASES = [
    case(
        "do not retry, left out by a target in C",
        of_target(Story().send_write(1).answer(1, status=RETRIED).execution()),
    ),
    case(
        "do not retry, added by a target in C",
        of_target(
            Story()
            .send_write(1)
            .answer(1, status=int(NvmeStatus.INTERNAL_DEVICE_ERROR) | DO_NOT_RETRY)
            .execution()
        ),
    ),
    case(
        "do not retry, left out by the engine",
        Story().send_write(1).answer(1, status=RETRIED).execution(),
        "INVALID protocol/answer/status of write, ops 1",
        "2: write op 1 was answered with 0xb, which is impossible for it",
    ),
    case(
        "an impossible status of a target in C",
        of_target(
            Story().send_write(1).answer(1, status=int(NvmeStatus.COMPARE_FAILURE)).execution()
        ),
        "INVALID protocol/answer/status of write, ops 1",
        "2: write op 1 was answered with COMPARE_FAILURE, which is impossible for it",
    ),
    case(
        "a connection on the first thread, and on the last",
        opened(1).add(Open(2, 0, 2)).answer(2, value=REACTORS).execution(),
    ),
    case(
        "a connection on the app thread",
        opened(0).execution(),
        "INVALID protocol/answer/thread, ops 1",
        "2: open op 1 was answered with thread 0, which doesn't exist",
    ),
    case(
        "a connection on a thread beyond the last",
        opened(REACTORS + 1).execution(),
        "INVALID protocol/answer/thread, ops 1",
        f"2: open op 1 was answered with thread {REACTORS + 1}, which doesn't exist",
    ),
    case(
        "a thread as a target in C numbers it",
        of_target(opened(99).execution()),
    ),
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
        Story().write(1).observe(Undelivered, 1).execution(),
        "INVALID protocol/answer/twice, ops 1",
        "3: op 1 was answered more than once",
    ),
    case(
        "unheard, then heard",
        Story().send_write(1).observe(Undelivered, 1).answer(1).execution(),
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
        Story().send_write(1).end(1).observe(Undelivered, 1).execution(),
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
        "an answer without a request",
        Story().answer(1, status=9).execution(),
        "INVALID protocol/answer/nobody, ops 1",
        "1: op 1 was answered but never sent",
    ),
    case(
        "an answer without a request, which no host receives",
        Story().observe(Undelivered, 1).execution(),
        "INVALID protocol/answer/nobody, ops 1",
        "1: op 1 was answered but never sent",
    ),
    case(
        "one of each kind",
        one_of_each().execution(),
    ),
    case(
        "a mark isn't answered",
        Story().add(Mark("chaos")).execution(),
    ),
    case(
        "too few data",
        Story().send_read(1, 0, 2).answer(1, 0).execution(),
        "INVALID protocol/answer/data, ops 1",
        "2: read op 1 returned 1 of 2 blocks",
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
        "2: write op 1 was answered with COMPARE_FAILURE, which is impossible for it",
    ),
    case(
        "out of range",
        answered(Story().send_read(1), NvmeStatus.LBA_OUT_OF_RANGE),
    ),
    case(
        "a flush out of range",
        answered(Story().send_flush(1), NvmeStatus.LBA_OUT_OF_RANGE),
        "INVALID protocol/answer/status of flush, ops 1",
        "2: flush op 1 was answered with LBA_OUT_OF_RANGE, which is impossible for it",
    ),
    case(
        "an odd status",
        answered(Story().send_write(1), 4095),
        "INVALID protocol/answer/status of write, ops 1",
        "2: write op 1 was answered with 0xfff, which is impossible for it",
    ),
    case(
        "an odd status of an admin command",
        answered(Story().add(Admin(1, 0, 1, 1, KEEP_ALIVE)), 4095),
        "INVALID protocol/answer/status of admin, ops 1",
        "2: admin op 1 was answered with 0xfff, which is impossible for it",
    ),
    *(
        case(
            f"{status.name} of a connection",
            Story()
            .add(Open(1, 0, 1))
            .answer(1, status=int(status))
            .add(Connect(2, 0, 1, 1, 0, 0))
            .answer(2, status=int(status))
            .execution(),
        )
        for status in (NvmeStatus.CONNECT_CONTROLLER_BUSY, NvmeStatus.CONNECT_INVALID_PARAMETERS)
    ),
    case(
        "an I/O queue whose id is taken",
        answered(Story().add(Connect(1, 0, 1, 1, 1, 1)), NvmeStatus.INVALID_QUEUE_IDENTIFIER),
    ),
    case(
        "an odd status of an I/O queue's Connect",
        answered(Story().add(Connect(1, 0, 1, 1, 1, 1)), 4095),
        "INVALID protocol/answer/status of connect, ops 1",
        "2: connect op 1 was answered with 0xfff, which is impossible for it",
    ),
    *(
        case(
            f"a taken id of {type(step).__name__.lower()}",
            answered(Story().add(step), NvmeStatus.INVALID_QUEUE_IDENTIFIER),
            f"INVALID protocol/answer/status of {type(step).__name__.lower()}, ops 1",
            f"2: {type(step).__name__.lower()} op 1 was answered with INVALID_QUEUE_IDENTIFIER, which is impossible for it",
        )
        for step in (Open(1, 0, 1), Connect(1, 0, 1, 1, 0, 0))
    ),
    *(
        case(
            f"an aborted {type(step).__name__}",
            answered(Story().add(step), NvmeStatus.ABORTED_BY_REQUEST),
            f"INVALID protocol/answer/status of {type(step).__name__.lower()}, ops 1",
            f"2: {type(step).__name__.lower()} op 1 was answered with ABORTED_BY_REQUEST, which is impossible for it",
        )
        for step in (Open(1, 0, 1), Connect(1, 0, 1, 1, 0, 0))
    ),
    *(
        case(
            f"{status.name} of an admin command",
            answered(Story().add(Admin(1, 0, 1, 1, KEEP_ALIVE)), status),
        )
        for status in (NvmeStatus.ABORTED_BY_REQUEST, NvmeStatus.ABORTED_SQ_DELETION)
    ),
    *(
        case(f"{status.name} of a write", answered(Story().send_write(1), status))
        for status in (
            NvmeStatus.ABORTED_BY_REQUEST,
            NvmeStatus.ABORTED_SQ_DELETION,
            NvmeStatus.INVALID_NAMESPACE,
        )
    ),
    case(
        "too many requests for events",
        answered(Story().add(Admin(1, 0, 1, 1, EVENT_REQUEST)), NvmeStatus.ASYNC_EVENT_LIMIT),
    ),
    case(
        "too many of another admin command",
        answered(Story().add(Admin(1, 0, 1, 1, KEEP_ALIVE)), NvmeStatus.ASYNC_EVENT_LIMIT),
        "INVALID protocol/answer/status of admin, ops 1",
        "2: admin op 1 was answered with ASYNC_EVENT_LIMIT, which is impossible for it",
    ),
    case(
        "an odd status of a request for events",
        answered(Story().add(Admin(1, 0, 1, 1, EVENT_REQUEST)), 4095),
        "INVALID protocol/answer/status of admin, ops 1",
        "2: admin op 1 was answered with 0xfff, which is impossible for it",
    ),
    case(
        "an errno of an RPC",
        Story().add(Operate(1, "bdev_reset", ())).answer(1, status=-19).execution(),
    ),
    case("an aborted flush", answered(Story().send_flush(1), NvmeStatus.ABORTED_BY_REQUEST)),
    case(
        "a compare out of range", answered(Story().send_compare(1, 0), NvmeStatus.LBA_OUT_OF_RANGE)
    ),
    case(
        "connections",
        Story()
        .add(Open(1, 0, 1))
        .answer(1, value=1)
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
        "2: compareandwrite op 1 was answered with 0xfff, which is impossible for it",
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
