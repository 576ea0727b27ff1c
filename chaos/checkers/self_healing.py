"""What the target owes by itself: a disk that comes back is taken in and rebuilt, without an RPC (C18).

It is judged where the target has come to rest after disks have been plugged in, and no request has concerned the array since.
An array that is online takes in each disk that its superblocks list, whatever they call it. An array that isn't comes up when
all disks are there that the newest superblock calls CONFIGURED.
"""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import Members
from chaos.checkers.superblock import Superblocks
from chaos.plan.faults import FAULTS
from chaos.plan.rpcs import RPCS, Rpc
from chaos.run.execution import Execution
from chaos.steps.history import EngineEvent, Entry, Invoked, Written
from chaos.steps.schedule import RESTED, Inject, Kill, Mark, Operate, PowerLoss
from workers.bdev.stack import disk_of
from workers.protocol import Layout

LEAVING = ("disk_pull", "bdev_delete")
# Requests that concern the array: what it does after one of them isn't its own doing.
HELPING = frozenset(
    (
        Rpc.BDEV_EXAMINE,
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

    def take(self, entry: Entry) -> None:
        """Follow the next entry of a history."""
        self.members.take(entry)
        self.superblocks.take(entry)
        if entry.__class__ is EngineEvent:
            name, args = entry.event.name, entry.event.args
            if name == "bdev.registered" and not self._harmed:
                self.found[args[0]] = True
        elif entry.__class__ is Invoked:
            step = entry.step
            if isinstance(step, Operate):
                if step.method in HELPING:
                    self.found.clear()
                elif RPCS[step.method].is_for_stack:
                    self._harm(disk_of(self.layout, step.args[0]))
            elif isinstance(step, Inject):
                self._injected(step)
            elif isinstance(step, Kill | PowerLoss):
                self.found.clear()

    def _injected(self, step: Inject) -> None:
        if step.fault in LEAVING:
            self.found.clear()
            self._harmed.pop(step.disk, None)
        elif step.fault in FAULTS:
            self._harm(step.disk)
        elif step.fault == "disk_heal":
            self._harmed.pop(step.disk, None)

    def _harm(self, disk: int) -> None:
        # What the target gives up while a disk fails, it need not take up again by itself.
        self.found.clear()
        self._harmed[disk] = True


def check_self_healing(execution: Execution) -> list[Finding]:
    """Judge each rest of the target for which no RPC has helped."""
    if not execution.plan.superblock:
        return []
    disks = Disks(execution.plan.layout)
    for entry in execution.history:
        disks.take(entry)
        if (
            entry.__class__ is Invoked
            and isinstance(entry.step, Mark)
            and entry.step.phase == RESTED
        ):
            finding = _judge(disks, entry.number)
            if finding is not None:
                return [finding]
    return []


def _judge(disks: Disks, number: int) -> Finding | None:
    members, superblocks = disks.members.disks, disks.superblocks
    sound = sorted(disks.found)
    if members:
        newest = superblocks.newest(members)
        for disk in sound:
            if newest is not None and disk not in members and _is_owed(disks, disk, newest):
                return _finding(
                    "member",
                    f"disk {disk} came back with its superblock, and is not taken in again: the array's superblock "
                    f"(sequence {newest.sequence}, on disk {newest.disk}) lists it",
                    number,
                )
        return None
    there = [superblocks.by_disk[disk] for disk in sound if disk in superblocks.by_disk]
    if not there:
        return None
    newest = max(there, key=lambda written: (written.sequence, -written.disk))
    awaited = superblocks.configured(newest)
    is_whole = awaited and all(disk in sound and _has_own(disks, disk, newest) for disk in awaited)
    if not is_whole:
        return None
    shown = ", ".join(f"disk {disk}" for disk in awaited)
    return _finding(
        "array",
        f"the array has not come up, though {shown} are there, all that the newest superblock (sequence "
        f"{newest.sequence}, on disk {newest.disk}) calls CONFIGURED",
        number,
    )


def _is_owed(disks: Disks, disk: int, newest: Written) -> bool:
    has_place = bool(newest.named & 1 << disk)
    return has_place and _has_own(disks, disk, newest)


def _has_own(disks: Disks, disk: int, newest: Written) -> bool:
    """Return whether the disk has a superblock of this array, and it is the device that wrote it."""
    own = disks.superblocks.by_disk.get(disk)
    is_replaced = any(
        gone == disk and own is not None and step > own.number
        for gone, step in disks.superblocks.gone
    )
    return own is not None and own.array == newest.array and not is_replaced


def _finding(shape: str, summary: str, number: int) -> Finding:
    return Finding(
        check="self_healing",
        kind="not by itself",
        shape=shape,
        summary=f"{summary}; no request has concerned the array since, and the target has come to rest",
        step=number,
        verdict=Verdict.INVALID,
    )
