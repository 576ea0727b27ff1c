"""From an outside step to the message that the target gets."""

from __future__ import annotations

from chaos.plan.injection import apply_to_disk
from chaos.plan.namespaces import first_block, namespace_of
from chaos.plan.plan import Plan
from chaos.steps.payload import payload
from chaos.steps.schedule import (
    Admin,
    CompareAndWrite,
    Connect,
    Disconnect,
    Flush,
    Impair,
    Inject,
    Io,
    Kill,
    Mark,
    Open,
    Operate,
    OutsideStep,
    PowerLoss,
    Read,
    Stall,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.bdev.disk import Disk
from workers.nvmf.status import Opcode
from workers.protocol import APP_THREAD, NEMESIS, OPERATOR, Layout, Message
from workers.reactor import FIRST_POLL_GROUP_THREAD


def message_of(step: OutsideStep, layout: Layout) -> Message | None:
    """Return the frame that a step from outside puts on the wire, if it puts one there."""
    match step:
        # The most frequent classes come first, since each comparison takes time.
        case Read() | Write() | Flush() | Unmap() | WriteZeroes() | CompareAndWrite():
            return _nvm_command(step, layout)
        case Open():
            return _to(APP_THREAD, step.connection, "nvmf.accept", step.op, step.connection)
        case Connect():
            return _to(
                step.thread,
                step.connection,
                "nvmf.connect",
                step.op,
                step.connection,
                step.qid,
                step.cntlid,
                step.host,
                step.keep_alive_ms,
            )
        case Admin():
            return _to(
                step.thread,
                step.connection,
                "nvmf.admin",
                step.op,
                step.connection,
                step.op,
                step.opcode,
                step.first,
                step.second,
            )
        case Disconnect():
            return _to(step.thread, step.connection, "nvmf.disconnect", step.op, step.connection)
        case Operate():
            return _to(APP_THREAD, OPERATOR, f"rpc.{step.method}", step.op, *step.args)
        case Inject() | Impair() | Stall() | Kill() | PowerLoss() | Mark():
            return None


def _nvm_command(step: Io, layout: Layout) -> Message:
    if isinstance(step, Flush):
        return _io(step, Opcode.FLUSH, (step.namespace, 0, 0))
    nsid = namespace_of(layout, step.slba)
    where = (nsid, step.slba - first_block(layout, nsid), step.blocks)
    match step:
        case Read():
            return _io(step, Opcode.READ, where)
        case Write():
            data = payload(step.host, step.op, step.slba, step.blocks)
            return _io(step, Opcode.WRITE, where, data, fua=step.fua)
        case Unmap():
            return _io(step, Opcode.DATASET_MANAGEMENT, where)
        case WriteZeroes():
            return _io(step, Opcode.WRITE_ZEROES, where)
        case CompareAndWrite():
            data = payload(step.host, step.op, step.slba, step.blocks)
            expected = payload(step.expected_host, step.expected_op, step.slba, step.blocks)
            return _io(step, Opcode.COMPARE_AND_WRITE, where, data, expected=expected)


def nemesis_message(step: Inject, disks: list[Disk], plan: Plan) -> Message | None:
    """Break or heal the disk; return the event that the target gets, if any."""
    largest = max(plan.layout.disk_blocks, *(disk.num_blocks for disk in disks))
    handler = apply_to_disk(step, disks[step.disk], (plan.layout.disk_blocks, largest))
    if handler is None:
        return None
    return _to(APP_THREAD, NEMESIS, handler, step.op, step.disk)


def _io(
    step: Io,
    opcode: Opcode,
    where: tuple[int, int, int],
    data: bytes = b"",
    *,
    fua: bool = False,
    expected: bytes = b"",
) -> Message:
    return _to(
        step.thread,
        step.connection,
        "nvmf.io",
        step.op,
        step.connection,
        step.op,
        int(opcode),
        *where,
        int(fua),
        data,
        expected,
    )


def _to(thread: int, sender: int, handler: str, token: int, *args: int | bytes) -> Message:
    reactor = 0 if thread == APP_THREAD else thread - FIRST_POLL_GROUP_THREAD
    return Message(reactor, sender, thread, handler, token, args)
