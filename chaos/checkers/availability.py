"""While a good copy exists, no I/O of a host ends with a device error (C2).

The fault budget always leaves a disk that holds all acknowledged data and works, so an error means that the array
did not use it. While the array has no member, on an operator's order or since its target has just started, there
is nothing to use; and while its only member has blocks that can't be read, reads may fail.
"""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import Members
from chaos.controller import Execution
from chaos.history import Completed, Entry, Invoked
from chaos.schedule import IO, Changing, CompareAndWrite, Flush, Inject, Read
from workers.nvmf.status import NvmeStatus

READ_FAULTS = ("read_errors", "bad_blocks")
READ_HEALS = ("disk_heal", "disk_return_blank", "disk_return_small")


def check_availability(execution: Execution) -> list[Finding]:
    """The first I/O that ended with Internal Device Error."""
    ios: dict[int, tuple[int, Read | Flush | Changing]] = {}
    members = Members()
    unreadable: list[int] = []  # disks with blocks that can't be read
    outage_ended = blind = 0
    for index, entry in enumerate(execution.history):
        if unreadable and all(disk in unreadable for disk in members.disks):
            blind = index
        if members.take(entry) and members.disks:
            outage_ended = index
        _take_faults(entry, unreadable)
        if entry.__class__ is Invoked and isinstance(entry.step, IO):
            ios[entry.step.op] = (index, entry.step)
        elif entry.__class__ is Completed and entry.status == NvmeStatus.INTERNAL_DEVICE_ERROR:
            sent, step = ios.get(entry.op, (0, None))
            if step is None or not members.disks or sent < outage_ended:
                continue
            if isinstance(step, (Read, CompareAndWrite)) and sent <= blind:
                continue
            return [_finding(step, entry)]
    return []


def _take_faults(entry: Entry, unreadable: list[int]) -> None:
    if entry.__class__ is Invoked and isinstance(entry.step, Inject):
        step = entry.step
        if step.fault in READ_FAULTS and step.disk not in unreadable:
            unreadable.append(step.disk)
        elif step.fault in READ_HEALS and step.disk in unreadable:
            unreadable.remove(step.disk)


def _finding(step: Read | Flush | Changing, entry: Completed) -> Finding:
    kind = type(step).__name__.lower()
    return Finding(
        check="availability",
        kind="error",
        shape=kind,
        summary=(
            f"{kind} op {step.op} of host {step.host} ended with Internal Device Error, "
            "though a member with all acknowledged data works"
        ),
        step=entry.number,
        verdict=Verdict.INVALID,
        ops=[step.op],
    )
