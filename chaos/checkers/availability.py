"""While a good copy exists, no I/O of a host ends with a device error, and no member goes without a reason (C2).

The fault budget always leaves a disk that holds all acknowledged data and works, so an error means that the array
did not use it. While the array has no member, on an operator's order or since its target has just started, there
is nothing to use. While a fault is injected on each of its members, reads or changes may fail that the fault hits:
faults may stay on a disk that becomes the last one.

An array without members fails everything rightly, so who emptied it is asked as well. A member may be taken out when
an RPC names it, when its disk was pulled, or when it has missed a write (its superblock's among them).
"""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import NO_DISK, Members
from chaos.faults import REPLACEMENTS
from chaos.history import Completed, Entry, Happened, Invoked, was_observed
from chaos.recorder import Execution
from chaos.schedule import (
    IO,
    Changing,
    CompareAndWrite,
    Flush,
    Inject,
    Kill,
    Operate,
    PowerLoss,
    Read,
)
from workers.bdev.stack import member_bdev_id
from workers.nvmf.status import NvmeStatus

READ_FAULTS = ("read_errors", "bad_blocks")
CHANGE_FAULTS = ("write_errors", "unmap_errors", "flush_errors")
HEALS = ("disk_heal", *REPLACEMENTS)


def check_availability(execution: Execution) -> list[Finding]:
    """The first I/O that ended with Internal Device Error, or member taken out for nothing."""
    ios: dict[int, tuple[int, Read | Flush | Changing]] = {}
    members = Members()
    unreadable: list[int] = []  # disks with blocks that can't be read
    unwritable: list[int] = []
    leaving: list[int] = []
    layout = execution.plan.layout
    own = {member_bdev_id(layout, disk): disk for disk in range(layout.disks)}
    to_go: list[int] = []  # disks that there is a reason to take out
    # Reactors that run free tell in batches: a removal may be told of before its reason.
    in_order = was_observed(execution.history)
    outage_ended = blind = barred = 0
    for index, entry in enumerate(execution.history):
        if unreadable or unwritable:
            staying = [disk for disk in members.disks if disk not in leaving]
            if unreadable and all(disk in unreadable for disk in staying):
                blind = index
            if unwritable and all(disk in unwritable for disk in staying):
                barred = index
        if members.take(entry) and members.disks:
            outage_ended = index
        taken = _taken_for_nothing(entry, own, to_go)
        if in_order and taken is not None:
            return [taken]
        _take_leave(entry, leaving)
        _take_faults(entry, READ_FAULTS, unreadable)
        _take_faults(entry, CHANGE_FAULTS, unwritable)
        if entry.__class__ is Invoked and isinstance(entry.step, IO):
            ios[entry.step.op] = (index, entry.step)
        elif entry.__class__ is Completed and entry.status == NvmeStatus.INTERNAL_DEVICE_ERROR:
            sent, step = ios.get(entry.op, (0, None))
            if step is None or not members.disks or sent < outage_ended:
                continue
            if isinstance(step, (Read, CompareAndWrite)) and sent <= blind:
                continue
            if not isinstance(step, Read) and sent <= barred:
                continue
            return [_finding(step, entry)]
    return []


def _taken_for_nothing(entry: Entry, own: dict[int, int], to_go: list[int]) -> Finding | None:
    """The removal of a member that there was no reason for; else the reasons are noted."""
    if entry.__class__ is Happened:
        name, args = entry.event.name, entry.event.args
        if name == "raid.removing_member" and args[1] not in to_go:
            return _taken(entry)
        if name == "raid.member_failed":
            to_go.append(args[1])
        elif name == "raid.member_removed":
            # What comes later is another member, and needs a reason of its own.
            to_go[:] = [disk for disk in to_go if disk != args[1]]
    elif entry.__class__ is Invoked:
        step = entry.step
        if isinstance(step, Operate) and step.method == "bdev_raid_remove_base_bdev":
            to_go.append(own.get(step.args[0], NO_DISK))
        elif isinstance(step, Inject) and step.fault == "disk_pull":
            to_go.append(step.disk)
        elif isinstance(step, (Kill, PowerLoss)):
            to_go.clear()
    return None


def _take_leave(entry: Entry, leaving: list[int]) -> None:
    """A member that is being removed isn't there for what the others can't do."""
    if entry.__class__ is Happened:
        if entry.event.name == "raid.removing_member":
            leaving.append(entry.event.args[1])
        elif entry.event.name == "raid.member_removed" and entry.event.args[1] in leaving:
            leaving.remove(entry.event.args[1])
    elif entry.__class__ is Invoked and isinstance(entry.step, (Kill, PowerLoss)):
        leaving.clear()


def _take_faults(entry: Entry, faults: tuple[str, ...], disks: list[int]) -> None:
    if entry.__class__ is Invoked and isinstance(entry.step, Inject):
        step = entry.step
        if step.fault in faults and step.disk not in disks:
            disks.append(step.disk)
        elif step.fault in HEALS and step.disk in disks:
            disks.remove(step.disk)


def _taken(entry: Happened) -> Finding:
    return Finding(
        check="availability",
        kind="removal",
        shape="no reason",
        summary=(
            f"disk {entry.event.args[1]} is taken out of the array, though no request named it, it was not pulled "
            "and missed no write"
        ),
        step=entry.number,
        verdict=Verdict.INVALID,
    )


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
