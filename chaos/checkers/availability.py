"""While a good copy exists, no I/O of a host ends with a device error, and no member goes without a reason (C2).

The fault budget always leaves a disk that holds all acknowledged data and works, so an error means that the array did not
use it. While the array has no member, on an operator's order or since its target has just started, there is nothing to use.
I/O may fail if each of the members has had an injected fault since it was sent: faults may stay on a disk that becomes the
last one, and what they have hit stays hit when they are healed. An error bdev that is to fail I/O is such a fault of its disk.
A member that fails every I/O has one until it goes. A member that waits to be removed doesn't count.

An array without members rightly fails all I/O, so the reason for each removal is checked as well. A member may be removed
when an RPC names it, when its disk was pulled, or when it has missed a write. Superblock writes count. But the last member
that is left stays whatever fails on it, for its data can't be had elsewhere.
"""

from __future__ import annotations

import sys

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import MOVES, NO_DISK, Members
from chaos.plan.faults import CURES, PULLS
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.run.execution import Execution
from chaos.steps.history import Completed, EngineEvent, Invoked, was_observed
from chaos.steps.schedule import (
    IO,
    Changing,
    CompareAndWrite,
    Flush,
    Inject,
    Kill,
    Operate,
    OutsideStep,
    PowerLoss,
    Read,
)
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType, disk_of, member_bdev_id
from workers.nvmf.status import NvmeStatus
from workers.protocol import Event

READ_FAULTS = ("read_errors", "bad_blocks")
CHANGE_FAULTS = ("write_errors", "unmap_errors", "flush_errors")
FAILURE = ("disk_failure",)  # every I/O; the disk stays a member until it misses a write
# The events about members. Most events are others.
RELEVANT = MOVES | {"raid.removing_member"}
DEVICE_ERROR = int(NvmeStatus.INTERNAL_DEVICE_ERROR)
LASTING = sys.maxsize  # where a fault will be healed, as long as it isn't
NO_REASON, LAST = "no reason", "last member"  # shapes of a removal
NEVER = -1  # where what was never faulty was healed


def check_availability(execution: Execution) -> list[Finding]:
    """Find the first I/O that ended with Internal Device Error, or the first removal without a reason."""
    ios: dict[int, tuple[int, Read | Flush | Changing]] = {}
    array = _Array(execution.plan)
    # Reactors that run free report in batches, so a removal may be reported before its reason.
    in_order = was_observed(execution.history)
    outage_ended = blind = barred = 0
    for index, entry in enumerate(execution.history):
        if array.is_hurt:
            blind = max(
                blind, min(index, array.hit_until(array.unreadable, array.unreadable_bdevs))
            )
            barred = max(
                barred, min(index, array.hit_until(array.unwritable, array.unwritable_bdevs))
            )
        if entry.__class__ is EngineEvent:
            if entry.event.name in RELEVANT:
                before = list(array.members.disks)
                if array.members.take(entry) and array.members.disks:
                    outage_ended = index
                wrong = array.observe(entry.event, before)
                if wrong and in_order:
                    return [_taken(entry, wrong)]
        elif entry.__class__ is Invoked:
            if entry.step.__class__ in IO:
                ios[entry.step.op] = (index, entry.step)
            else:
                array.members.take(entry)
                array.took(index, entry.step)
        elif entry.__class__ is Completed and entry.op not in ios:
            array.answered(entry)
        elif entry.__class__ is Completed and entry.status == DEVICE_ERROR:
            sent, step = ios.get(entry.op, (0, None))
            if step is None or not array.members.disks or sent < outage_ended:
                continue
            if isinstance(step, (Read, CompareAndWrite)) and sent <= blind:
                continue
            if not isinstance(step, Read) and sent <= barred:
                continue
            return [_finding(step, entry)]
    return []


class _Array:
    """The members, those with a reason to be removed, and the injected faults."""

    def __init__(self, plan: Plan) -> None:
        self._layout = layout = plan.layout
        self.members = Members()
        # Disks with blocks that can't be read or changed, and the place in the history where they were healed.
        self.unreadable: dict[int, int] = {}
        self.unwritable: dict[int, int] = {}
        self.failed: dict[int, int] = {}
        # The same of disks under an error bdev that is to fail I/O; it forgets that when the target ends.
        self.unreadable_bdevs: dict[int, int] = {}
        self.unwritable_bdevs: dict[int, int] = {}
        self._leaving: list[int] = []
        self._own = {member_bdev_id(layout, disk): disk for disk in range(layout.disks)}
        self._to_go: list[int] = []  # disks with a reason to be removed
        self._asked: dict[int, int] = {}  # request -> disk that it removes once a rebuild allows it
        # The same until it is answered: it may come to the slot's next member.
        self._in_flight: dict[int, int] = {}

    @property
    def is_hurt(self) -> bool:
        """Return whether any disk has had a fault."""
        bdevs = self.unreadable_bdevs or self.unwritable_bdevs
        return bool(self.unreadable or self.unwritable or self.failed or bdevs)

    def hit_until(self, *weak: dict[int, int]) -> int:
        """Return the place in the history up to which faults may have hit I/O that is under way on all members.

        Failed members alone don't count, as the budget leaves a good one, unless an operator has that one removed.
        """
        staying = self._staying()
        if not staying:
            return max((hit for hits in weak for hit in hits.values()), default=NEVER)
        is_left_good = not any(disk in self._in_flight.values() for disk in self.members.disks)
        if is_left_good and not any(disk in hits for disk in staying for hits in weak):
            return NEVER
        return min(max(hits.get(disk, NEVER) for hits in (*weak, self.failed)) for disk in staying)

    def _staying(self) -> list[int]:
        """Return the members that are neither being removed nor about to be."""
        going = (*self._leaving, *self._asked.values())
        return [disk for disk in self.members.disks if disk not in going]

    def answered(self, entry: Completed) -> None:
        """Note an answer to a request: when it has failed, the disk that it named stays."""
        disk = self._in_flight.pop(entry.op, None)
        if entry.status:
            self._asked.pop(entry.op, None)
            if disk in self._to_go:
                self._to_go.remove(disk)

    def observe(self, event: Event, members: list[int]) -> str:
        """Follow the next event; return what is wrong where a member is removed without a reason, or the last one fails.

        ``members``: those before the event.
        """
        name, args = event.name, event.args
        if name == "raid.removing_member":
            self._leaving.append(args[1])
            has_reason = args[1] in (*self._to_go, *self._in_flight.values())
            return "" if has_reason else NO_REASON
        if name == "raid.member_failed":
            gone = (*self._leaving, args[1])
            is_last = args[1] in members and all(disk in gone for disk in members)
            self._to_go.append(args[1])
            return LAST if is_last else ""
        elif name == "raid.member_removed":
            self._leaving = [disk for disk in self._leaving if disk != args[1]]
            self._asked = {op: disk for op, disk in self._asked.items() if disk != args[1]}
            # The slot's next member is another one, and needs a reason of its own.
            self._to_go = [disk for disk in self._to_go if disk != args[1]]
        return ""

    def took(self, index: int, step: OutsideStep) -> None:
        """Follow the next step from outside that is no I/O, at this place in the history."""
        if step.__class__ is Operate:
            if step.method == Rpc.BDEV_RAID_REMOVE_BASE_BDEV:
                disk = self._own.get(step.args[0], NO_DISK)
                self._to_go.append(disk)
                self._asked[step.op] = self._in_flight[step.op] = disk
            elif step.method == Rpc.BDEV_ERROR_INJECT_ERROR:
                self._set_to_fail(*step.args)
        elif step.__class__ is Inject:
            if step.fault in PULLS:
                self._to_go.append(step.disk)
            _take_fault(index, step, FAILURE, self.failed)
            _take_fault(index, step, READ_FAULTS, self.unreadable)
            _take_fault(index, step, CHANGE_FAULTS, self.unwritable)
            _take_fault(index, step, (), self.unreadable_bdevs)
            _take_fault(index, step, (), self.unwritable_bdevs)
        elif step.__class__ in (Kill, PowerLoss):
            self._to_go.clear()
            self._leaving.clear()
            self._asked.clear()
            self._in_flight.clear()
            self.unreadable_bdevs.clear()
            self.unwritable_bdevs.clear()

    def _set_to_fail(self, bdev: int, kind: int, io_types: int, count: int) -> None:
        if kind == ErrorType.FAILURE and count:
            disk = disk_of(self._layout, bdev)
            if io_types >> IoType.READ & 1:
                self.unreadable_bdevs[disk] = LASTING
            if io_types & ~(1 << IoType.READ):
                self.unwritable_bdevs[disk] = LASTING


def _take_fault(index: int, step: Inject, faults: tuple[str, ...], weak: dict[int, int]) -> None:
    if step.fault in faults:
        weak[step.disk] = LASTING
    elif step.fault in CURES and weak.get(step.disk) == LASTING:
        weak[step.disk] = index


def _taken(entry: EngineEvent, wrong: str) -> Finding:
    disk = entry.event.args[1]
    return Finding(
        check="availability",
        kind="removal",
        shape=wrong,
        summary={
            NO_REASON: (
                f"disk {disk} was removed from the array, though no request named it, it was not pulled, "
                "and it missed no write"
            ),
            LAST: (
                f"disk {disk} was failed for a write, though no other member is left to serve the acknowledged data"
            ),
        }[wrong],
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
