"""Each command is answered once, on its connection, with a status that is possible for its kind (C12)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.plan.plan import Plan
from chaos.run.execution import Execution
from chaos.steps.history import Completed, EngineEvent, Invoked, Undelivered, was_observed
from chaos.steps.schedule import (
    IO,
    Admin,
    CompareAndWrite,
    Connect,
    Disconnect,
    Flush,
    Inject,
    Open,
    Operate,
    OutsideStep,
    Read,
)
from workers.nvmf.status import DO_NOT_RETRY, AdminOpcode, NvmeStatus

ANSWERED = frozenset((Open, Connect, Disconnect, Admin, Operate, Inject, *IO))
JUDGED = frozenset((Open, Connect, Admin, *IO))
SUCCESS = int(NvmeStatus.SUCCESS)
# The possible errors for a host's valid commands.
CONNECT_ERRORS = (NvmeStatus.CONNECT_CONTROLLER_BUSY, NvmeStatus.CONNECT_INVALID_PARAMETERS)
ADMIN_ERRORS = (NvmeStatus.ABORTED_BY_REQUEST, NvmeStatus.ABORTED_SQ_DELETION)
IO_ERRORS = (
    NvmeStatus.INTERNAL_DEVICE_ERROR,
    NvmeStatus.ABORTED_BY_REQUEST,
    NvmeStatus.ABORTED_SQ_DELETION,
    NvmeStatus.INVALID_NAMESPACE,
)


def check_protocol(execution: Execution) -> list[Finding]:
    """Follow every command from its sending to its answer."""
    waiting: dict[int, OutsideStep] = {}
    answered: dict[int, bool] = {}
    ended: dict[int, bool] = {}  # connections destroyed
    in_order = was_observed(execution.history)
    for entry in execution.history:
        if entry.__class__ is Invoked:
            if entry.step.__class__ in ANSWERED:
                waiting[entry.step.op] = entry.step
        elif entry.__class__ is EngineEvent:
            if entry.event.name == "nvmf.qpair_destroyed":
                ended[entry.event.args[0]] = True
        elif entry.__class__ is Completed or entry.__class__ is Undelivered:
            if entry.op in answered:
                return [_finding("twice", f"op {entry.op} was answered more than once", entry)]
            answered[entry.op] = True
            step = waiting.pop(entry.op, None)
            if step is None:
                return [_finding("nobody", f"op {entry.op} was answered but never sent", entry)]
            if in_order and step.__class__ in IO and step.connection in ended:
                what = f"op {step.op} was answered after its connection had been destroyed"
                return [_finding("late", what, entry)]
            if entry.__class__ is Completed:
                odd = _oddity(step, entry, execution.plan)
                if odd is not None:
                    return [_finding(*odd, entry)]
    return []


def _oddity(step: OutsideStep, entry: Completed, plan: Plan) -> tuple[str, str] | None:
    """Return what is wrong with an answer.

    "Do not retry" and the numbers of threads are judged of the engine alone, as SPDK uses them differently.
    """
    if step.__class__ not in JUDGED:
        return None
    is_strict = plan.target is None
    kind = type(step).__name__.lower()
    status = entry.status
    if status == SUCCESS:
        if step.__class__ is Read and len(entry.values) != step.blocks:
            return "data", f"read op {step.op} returned {len(entry.values)} of {step.blocks} blocks"
        if step.__class__ is Open and is_strict and not 1 <= entry.value <= plan.layout.reactors:
            what = f"open op {step.op} was answered with thread {entry.value}, which doesn't exist"
            return "thread", what
        return None
    if _can_be(step, status) or (not is_strict and _can_be(step, status ^ DO_NOT_RETRY)):
        return None
    name = NvmeStatus(status).name if status in NvmeStatus.__members__.values() else hex(status)
    return (
        f"status of {kind}",
        f"{kind} op {step.op} was answered with {name}, which is impossible for it",
    )


def _can_be(step: OutsideStep, status: int) -> bool:
    """Return whether a valid command of this kind may end with this error."""
    match step:
        case Open():
            return status in CONNECT_ERRORS
        case Connect():
            # The admin queue's id can't be taken: its controller is new.
            is_taken = status == NvmeStatus.INVALID_QUEUE_IDENTIFIER and step.qid != 0
            return is_taken or status in CONNECT_ERRORS
        case Admin():
            is_event_request = step.opcode == AdminOpcode.ASYNC_EVENT_REQUEST
            return status in ADMIN_ERRORS or (
                is_event_request and status == NvmeStatus.ASYNC_EVENT_LIMIT
            )
        case Flush():
            return status in IO_ERRORS
        case CompareAndWrite() if status == NvmeStatus.COMPARE_FAILURE:
            return True
        case _:
            return status in (*IO_ERRORS, NvmeStatus.LBA_OUT_OF_RANGE)


def _finding(shape: str, what: str, entry: Completed | Undelivered) -> Finding:
    return Finding(
        check="protocol",
        kind="answer",
        shape=shape,
        summary=what,
        step=entry.number,
        verdict=Verdict.INVALID,
        ops=[entry.op],
    )
