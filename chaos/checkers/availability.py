"""While a good copy exists, no I/O of a host ends with a device error, and no member goes without a reason (C2).

The fault budget always leaves a disk that holds all acknowledged data and works, so an error means that the array did not
use it. While the array has no member, on an operator's order or since its target has just started, there is nothing to use.
I/O may fail if each of the members has had an injected fault since it was sent: faults may stay on a disk that becomes the
last one, and what they have hit stays hit when they are healed. A member that fails every I/O has such a fault until it goes.
A member that waits to be removed doesn't count.

An array without members rightly fails all I/O, so the reason for each removal is checked as well. A member may be removed
when an RPC names it, when its disk was pulled, or when it has missed a write. Superblock writes count.
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
from workers.bdev.stack import member_bdev_id
from workers.nvmf.status import NvmeStatus
from workers.protocol import Event

READ_FAULTS = ("read_errors", "bad_blocks")
CHANGE_FAULTS = ("write_errors", "unmap_errors", "flush_errors")
FAILURE = ("disk_failure",)  # every I/O; the disk stays a member until it misses a write
# The events about members. Most events are others.
RELEVANT = MOVES | {"raid.removing_member"}
DEVICE_ERROR = int(NvmeStatus.INTERNAL_DEVICE_ERROR)
LASTING = sys.maxsize  # where a fault will be healed, as long as it isn't
NEVER = -1  # where what was never faulty was healed


def check_availability(execution: Execution) -> list[Finding]:
    """Find the first I/O that ended with Internal Device Error, or the first removal without a reason."""
    ios: dict[int, tuple[int, Read | Flush | Changing]] = {}
    array = _Array(execution.plan)
    # Reactors that run free report in batches, so a removal may be reported before its reason.
    in_order = was_observed(execution.history)
    outage_ended = blind = barred = 0
    for index, entry in enumerate(execution.history):
        if array.unreadable or array.unwritable:
            blind = max(blind, min(index, array.hit_until(array.unreadable)))
            barred = max(barred, min(index, array.hit_until(array.unwritable)))
        if entry.__class__ is EngineEvent:
            if entry.event.name in RELEVANT:
                if array.members.take(entry) and array.members.disks:
                    outage_ended = index
                if array.observe(entry.event) and in_order:
                    return [_taken(entry)]
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
        layout = plan.layout
        self.members = Members()
        # Disks with blocks that can't be read or changed, and the place in the history where they were healed.
        self.unreadable: dict[int, int] = {}
        self.unwritable: dict[int, int] = {}
        self._failed: dict[int, int] = {}
        self._leaving: list[int] = []
        self._own = {member_bdev_id(layout, disk): disk for disk in range(layout.disks)}
        self._to_go: list[int] = []  # disks with a reason to be removed
        self._asked: dict[int, int] = {}  # request -> disk that it removes once a rebuild allows it
        # The same until it is answered: it may come to the slot's next member.
        self._in_flight: dict[int, int] = {}

    def hit_until(self, weak: dict[int, int]) -> int:
        """Return the place in the history up to which faults may have hit I/O that is under way on all members.

        Failed members alone don't count, as the budget leaves a good one.
        """
        staying = self._staying()
        if not staying:
            return max(weak.values(), default=NEVER)
        if not any(disk in weak for disk in staying):
            return NEVER
        return min(max(hits.get(disk, NEVER) for hits in (weak, self._failed)) for disk in staying)

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

    def observe(self, event: Event) -> bool:
        """Follow the next event; return True if a member is removed without a reason."""
        name, args = event.name, event.args
        if name == "raid.removing_member":
            self._leaving.append(args[1])
            return args[1] not in (*self._to_go, *self._in_flight.values())
        if name == "raid.member_failed":
            self._to_go.append(args[1])
        elif name == "raid.member_removed":
            self._leaving = [disk for disk in self._leaving if disk != args[1]]
            self._asked = {op: disk for op, disk in self._asked.items() if disk != args[1]}
            # The slot's next member is another one, and needs a reason of its own.
            self._to_go = [disk for disk in self._to_go if disk != args[1]]
        return False

    def took(self, index: int, step: OutsideStep) -> None:
        """Follow the next step from outside that is no I/O, at this place in the history."""
        if step.__class__ is Operate:
            if step.method == Rpc.BDEV_RAID_REMOVE_BASE_BDEV:
                disk = self._own.get(step.args[0], NO_DISK)
                self._to_go.append(disk)
                self._asked[step.op] = self._in_flight[step.op] = disk
        elif step.__class__ is Inject:
            if step.fault in PULLS:
                self._to_go.append(step.disk)
            _take_fault(index, step, FAILURE, self._failed)
            _take_fault(index, step, READ_FAULTS, self.unreadable)
            _take_fault(index, step, CHANGE_FAULTS, self.unwritable)
        elif step.__class__ in (Kill, PowerLoss):
            self._to_go.clear()
            self._leaving.clear()
            self._asked.clear()
            self._in_flight.clear()


def _take_fault(index: int, step: Inject, faults: tuple[str, ...], weak: dict[int, int]) -> None:
    if step.fault in faults:
        weak[step.disk] = LASTING
    elif step.fault in CURES and weak.get(step.disk) == LASTING:
        weak[step.disk] = index


def _taken(entry: EngineEvent) -> Finding:
    return Finding(
        check="availability",
        kind="removal",
        shape="no reason",
        summary=(
            f"disk {entry.event.args[1]} was removed from the array, though no request named it, it was not pulled, "
            "and it missed no write"
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
