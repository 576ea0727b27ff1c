"""What the target owes by itself: a disk that comes back is taken in and rebuilt, without an RPC (C18).

It is judged where the target has come to rest after disks have been plugged in, and no request has concerned the array since.
An array that is online takes in each disk that its superblocks list, whatever they call it. An array that isn't comes up when
all disks are there that the newest superblock calls CONFIGURED, unless a request has made another one that waits.
"""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import NO_DISK, Members
from chaos.checkers.superblock import Superblocks
from chaos.plan.faults import CURES, FAULTS, HARMLESS, PULLS
from chaos.plan.plan import Plan
from chaos.plan.rpcs import RPCS, Rpc
from chaos.run.execution import Execution
from chaos.steps.history import Completed, EngineEvent, Entry, Invoked, Written
from chaos.steps.schedule import RESTED, Inject, Kill, Mark, Operate, PowerLoss
from workers.bdev.stack import disk_of
from workers.errors import OK
from workers.protocol import Event, Layout

# Requests that concern the array or its members: what it does after one of them isn't its own doing.
HELPING = frozenset(
    (
        Rpc.BDEV_EXAMINE_AGAIN,
        Rpc.BDEV_RESET,
        Rpc.BDEV_RAID_CREATE,
        Rpc.BDEV_RAID_DELETE,
        Rpc.BDEV_RAID_ADD_BASE_BDEV,
        Rpc.BDEV_RAID_REMOVE_BASE_BDEV,
        Rpc.BDEV_RAID_START_DEGRADED,
    )
)


class Disks:
    """The disks that the target has found, while no disk failed and no request concerned the array, from then to now."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.members = Members()
        self.superblocks = Superblocks()
        self.found: dict[int, bool] = {}
        self._harmed: dict[int, bool] = {}
        # Bdevs that fail or delay I/O, by disk and RPC; such requests in flight, and heals of disks, by op.
        self._armed: dict[tuple[int, str], bool] = {}
        self._arming: dict[int, tuple[int, str]] = {}
        self._curing: dict[int, int] = {}
        self._asked: dict[int, str] = {}  # requests that concern the array, not yet answered
        self._unfinished: dict[int, bool] = {}  # disks in slots that the superblocks don't show yet
        self.is_made_by_request = False  # the array that there is, even if it only waits for a bdev

    def take(self, entry: Entry) -> None:
        """Follow the next entry of a history."""
        self.members.take(entry)
        self.superblocks.take(entry)
        if entry.__class__ is EngineEvent:
            self._observe(entry.event)
        elif entry.__class__ is Completed:
            self._answered(entry)
        elif entry.__class__ is Invoked:
            step = entry.step
            if isinstance(step, Operate):
                self._operated(step)
            elif isinstance(step, Inject):
                self._injected(step)
            elif isinstance(step, Kill | PowerLoss):
                self._ended(step)

    def _observe(self, event: Event) -> None:
        match event.name:
            case "bdev.registered" if not (self._harmed or self._armed or self._asked):
                self.found |= dict.fromkeys(event.args, True)
            case "raid.deleted":
                self.found.clear()  # what was found while that array had its members need not be looked at again
                self.is_made_by_request = False
            case "rebuild.started":
                self._unfinished[event.args[1]] = True
            case "rebuild.finished" if event.args[2] == 0:
                self._unfinished.pop(event.args[1], None)
            case "raid.superblock_writing":
                self._unfinished.clear()
            case _:
                pass

    def _operated(self, step: Operate) -> None:
        if step.method in HELPING:
            self.found.clear()
            self._asked[step.op] = step.method
        elif RPCS[step.method].is_for_stack:
            armed = disk_of(self.layout, step.args[0]), step.method
            self.found.clear()
            if step.args[-1]:
                self._arming[step.op], self._armed[armed] = armed, True
            else:  # no more errors, or no more latency
                self._armed.pop(armed, None)

    def _injected(self, step: Inject) -> None:
        if step.fault in PULLS:
            self.found.clear()  # a rebuild may have lost its source, or its target
        elif step.fault in FAULTS and step.fault not in HARMLESS:
            # What the target gives up while a disk fails, it need not take up again by itself.
            self.found.clear()
            self._harmed[step.disk] = True
        elif step.fault in CURES:
            self._harmed.pop(step.disk, None)
            self._disarm(step.disk)
            self._curing[step.op] = step.disk

    def _disarm(self, disk: int) -> None:
        self._armed = {armed: True for armed in self._armed if armed[0] != disk}

    def _answered(self, entry: Completed) -> None:
        if self._asked.pop(entry.op, None) == Rpc.BDEV_RAID_CREATE and entry.status == OK:
            self.is_made_by_request = True
        # A cure may overtake a request that was sent before it, and the request a cure.
        armed = self._arming.pop(entry.op, None)
        if armed is not None and entry.status == OK:
            self._armed[armed] = True
            self.found.clear()
        cured = self._curing.pop(entry.op, None)
        if cured is not None:
            self._disarm(cured)

    def _ended(self, step: Kill | PowerLoss) -> None:
        """Forget what has ended with the target: requests, and what bdevs were set to. With clones, all disks are well."""
        self.found.clear()
        self._asked.clear()
        self._unfinished.clear()
        self.is_made_by_request = False
        self._arming.clear()
        self._armed.clear()
        self._curing.clear()
        if step.clones:
            self._harmed.clear()

    def has_own(self, disk: int, newest: Written) -> bool:
        """Return whether the disk has been found, with a superblock of this array, which hasn't grown since."""
        own = self.superblocks.by_disk.get(disk)
        return (
            disk in self.found
            and own is not None
            and own.array == newest.array
            and own.blocks == newest.blocks
        )

    def is_outgrown(self, disk: int) -> bool:
        """Return whether a member's superblock is as new as the disk's: else the array lacks what the disk has."""
        by_disk = self.superblocks.by_disk
        own = by_disk[disk].sequence
        return any(
            by_disk[member].sequence >= own for member in self.members.disks if member in by_disk
        )

    def has_place(self, disk: int) -> bool:
        """Return whether its slot is its own: once a rebuild has begun, it may be another disk's before superblocks show it."""
        return all(other == disk for other in self._unfinished)


def check_self_healing(execution: Execution) -> list[Finding]:
    """Judge each rest of the target for which no RPC has helped."""
    disks = Disks(execution.plan.layout)
    for entry in execution.history:
        disks.take(entry)
        if entry.__class__ is Invoked and entry.step == Mark(RESTED):
            finding = _judge(disks, execution.plan, entry.number)
            if finding is not None:
                return [finding]
    return []


def _judge(disks: Disks, plan: Plan, number: int) -> Finding | None:
    members = disks.members
    newest = disks.superblocks.newest(members.disks or list(disks.found))
    if newest is None or members.target != NO_DISK:
        return None  # nothing is known of an array, or a rebuild goes on
    if members.disks:
        return _left_out(disks, newest, number)
    return _not_up(disks, plan, newest, number)


def _left_out(disks: Disks, newest: Written, number: int) -> Finding | None:
    """Judge an array that is online."""
    for disk in _disks_in(newest.named):
        is_known = disks.has_own(disk, newest) and disks.is_outgrown(disk)
        if is_known and disks.has_place(disk) and disk not in disks.members.disks:
            return _finding(
                "member",
                f"disk {disk} came back with its superblock, and is not taken in again: the array's superblock "
                f"(sequence {newest.sequence}, on disk {newest.disk}) lists it",
                number,
            )
    return None


def _not_up(disks: Disks, plan: Plan, newest: Written, number: int) -> Finding | None:
    """Judge an array that is not online."""
    # Else it may wait for a device that was replaced.
    is_known = len(_disks_in(newest.named)) == plan.members
    # Else another array of this name may come up instead, or be there already and wait for a bdev.
    is_alone = not disks.is_made_by_request and all(
        each.array == newest.array for each in disks.superblocks.by_disk.values()
    )
    awaited = _disks_in(newest.configured)
    is_whole = newest.disk in awaited and all(disks.has_own(disk, newest) for disk in awaited)
    if not (is_known and is_alone and is_whole):
        return None
    shown = ", ".join(f"disk {disk}" for disk in awaited)
    return _finding(
        "array",
        f"the array has not come up, though the target has found all disks that the newest superblock (sequence "
        f"{newest.sequence}, on disk {newest.disk}) calls CONFIGURED ({shown})",
        number,
    )


def _disks_in(mask: int) -> list[int]:
    return [disk for disk in range(mask.bit_length()) if mask >> disk & 1]


def _finding(shape: str, summary: str, number: int) -> Finding:
    return Finding(
        check="self_healing",
        kind="not by itself",
        shape=shape,
        summary=f"{summary}; no request has concerned the array since, and the target has come to rest",
        step=number,
        verdict=Verdict.INVALID,
    )
