"""Validate steps from a file, since a capsule from outside may contain anything."""

from __future__ import annotations

from chaos.plan.faults import IMPAIRMENTS, INJECTIONS, argument_count
from chaos.plan.rpcs import RPCS, Rpc
from chaos.steps.schedule import (
    OF_BLOCKS,
    Admin,
    CompareAndWrite,
    Connect,
    Deliver,
    Disconnect,
    FinishIo,
    FireTimer,
    Flush,
    HostStep,
    Impair,
    Inject,
    Kill,
    Mark,
    Open,
    Operate,
    PowerLoss,
    Read,
    Stall,
    Step,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.nvmf.status import AdminOpcode
from workers.protocol import FIRST_CONNECTION, Layout
from workers.reactor import FIRST_POLL_GROUP_THREAD

NUMBER_MAX = 2**31


def step_error(step: Step, layout: Layout, hosts: int) -> str:
    """Return the error of a step in a few words, or "" when it is well-formed."""
    numbers = [value for value in _values(step) if isinstance(value, int)]
    if any(not 0 <= number < NUMBER_MAX for number in numbers if not isinstance(step, FireTimer)):
        return "a number is out of bounds"
    match step:
        case Deliver() | FinishIo() | FireTimer() | Stall():
            return "" if 0 <= step.reactor < layout.reactors else "no such reactor"
        case Kill() | PowerLoss():
            return _wrong_restart(step, layout)
        case Mark():
            return ""
        case Operate():
            return _wrong_rpc(step, layout)
        case Inject():
            return _wrong_fault(step, layout)
        case Impair():
            if step.fault not in IMPAIRMENTS:
                return "no such fault"
            return "" if step.host < hosts else "no such host"
        case Open():
            return _wrong_host(step, hosts)
        case (
            Connect()
            | Admin()
            | Disconnect()
            | Flush()
            | Read()
            | Write()
            | Unmap()
            | WriteZeroes()
            | CompareAndWrite()
        ):
            return _wrong_host(step, hosts) or _wrong_place(step, layout) or _wrong_admin(step)


def _wrong_admin(step: Step) -> str:
    known = not isinstance(step, Admin) or step.opcode in AdminOpcode.__members__.values()
    return "" if known else "no such admin command"


def _wrong_rpc(step: Operate, layout: Layout) -> str:
    if step.method not in RPCS:
        return "no such RPC"
    least, most = RPCS[step.method].arity
    if not least <= len(step.args) <= most:
        return f"{step.method} takes from {least} to {most} arguments"
    if step.method == Rpc.FRAMEWORK_START_INIT and any(disk >= layout.disks for disk in step.args):
        return "no such disk"
    return ""


def _values(step: Step) -> list[object]:
    values: list[object] = []
    for field in step.__struct_fields__:
        value = getattr(step, field)
        values += value if isinstance(value, tuple) else [value]
    return values


def _wrong_fault(step: Inject, layout: Layout) -> str:
    if step.disk >= layout.disks:
        return "no such disk"
    if step.fault not in INJECTIONS:
        return "no such fault"
    wanted = argument_count(step.fault)
    if len(step.args) != wanted:
        return f"the fault takes {wanted} arguments"
    is_outside = step.fault == "bit_rot" and step.args[0] >= layout.disk_blocks
    return "no such block" if is_outside else ""


def _wrong_restart(step: Kill | PowerLoss, layout: Layout) -> str:
    if any(disk >= layout.disks for disk in step.clones):
        return "no such disk"
    if isinstance(step, PowerLoss) and any(
        not 0 <= block < layout.capacity for lost in step.lost for block in lost
    ):
        return "no such block"
    return ""


def _wrong_host(step: HostStep, hosts: int) -> str:
    if step.host >= hosts:
        return "no such host"
    return "" if step.connection >= FIRST_CONNECTION else "no such connection"


def _wrong_place(step: HostStep, layout: Layout) -> str:
    first = FIRST_POLL_GROUP_THREAD
    if isinstance(step, Open) or not first <= step.thread < first + layout.reactors:
        return "no such thread"
    # A host may ask for blocks beyond the end and be refused, but not for more blocks than the array has.
    if isinstance(step, OF_BLOCKS) and not (1 <= step.blocks <= layout.capacity):
        return "too many blocks, or none"
    return ""
