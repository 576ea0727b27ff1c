"""Counts answers: I/O and admin commands of hosts, and RPCs that were refused."""

from __future__ import annotations

from chaos.judging.reach.situation import Situation
from chaos.plan.rpcs import Rpc
from chaos.steps.history import Completed
from chaos.steps.schedule import (
    IO,
    Admin,
    CompareAndWrite,
    Flush,
    Operate,
    OutsideStep,
    Read,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.errors import ENODEV, EPERM
from workers.nvmf.status import AdminOpcode, NvmeStatus

_IO_NAMES: dict[type, str] = {
    Flush: "flushes",
    Unmap: "unmaps",
    WriteZeroes: "write_zeroes",
}


def count_answer(situation: Situation, entry: Completed, step: OutsideStep) -> None:
    """Count an answer to this step."""
    counts, status = situation.counts, entry.status
    match step:
        case Read():
            counts["reads"] += 1
            counts["io_errors"] += status != 0
            return
        case Admin():
            _count_admin(situation, entry, step)
        case Operate():
            _count_refusal(situation, step, status)
        case CompareAndWrite():
            counts["compares_matched"] += status == NvmeStatus.SUCCESS
            counts["compares_missed"] += status == NvmeStatus.COMPARE_FAILURE
        case _:
            counts[_IO_NAMES.get(type(step), "writes")] += 1
            counts["fua_writes"] += isinstance(step, Write) and step.fua
            counts["io_errors"] += status != 0
    if situation.rebuilding and isinstance(step, IO):
        _count_in_rebuild(situation, step)


def _count_admin(situation: Situation, entry: Completed, step: Admin) -> None:
    counts = situation.counts
    is_abort = step.opcode == AdminOpcode.ABORT
    counts["events_told"] += step.opcode == AdminOpcode.ASYNC_EVENT_REQUEST
    counts["aborts"] += is_abort
    counts["commands_aborted"] += is_abort and entry.status == 0 and entry.value == 0


def _count_in_rebuild(situation: Situation, step: OutsideStep) -> None:
    counts = situation.counts
    counts["io_in_rebuild"] += 1
    counts["flushes_in_rebuild"] += isinstance(step, Flush)
    counts["unmaps_in_rebuild"] += isinstance(step, Unmap)
    counts["write_zeroes_in_rebuild"] += isinstance(step, WriteZeroes)
    counts["fua_writes_in_rebuild"] += isinstance(step, Write) and step.fua


def _count_refusal(situation: Situation, step: Operate, status: int) -> None:
    if status == 0:
        return
    is_add = step.method == Rpc.BDEV_RAID_ADD_BASE_BDEV
    if is_add and status == EPERM and situation.rebuilding:
        situation.counts["adds_refused_in_rebuild"] += 1
    elif is_add and status == ENODEV and situation.is_dismantled:
        situation.counts["adds_refused_offline"] += 1
    else:
        situation.counts["requests_refused"] += 1
