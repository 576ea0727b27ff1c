"""Counts of paths that are seldom taken: disks on their way, half-done things, changes in doubt, and pairs across time."""

from __future__ import annotations

from chaos.judging.reach.situation import Situation
from chaos.plan.faults import DISK_RETURNS, FAULTS
from chaos.plan.namespaces import namespace_of
from chaos.plan.rpcs import Rpc
from chaos.steps.history import Seen
from chaos.steps.schedule import CHANGING, Changing, Inject, Kill, Operate, OutsideStep, PowerLoss
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.bdev.stack import disk_of
from workers.protocol import Layout
from workers.shared import ProcessState

# After these, flushes of the disk work again, or another device is there.
FLUSHES_AGAIN = ("disk_heal", *DISK_RETURNS)
AFTER_GROWTH_STEPS = 80
MEMBERSHIP = (Rpc.BDEV_RAID_ADD_BASE_BDEV, Rpc.BDEV_RAID_REMOVE_BASE_BDEV)
CHANGES_MEMBERS = ("disk_pull", "bdev_delete", "disk_failure", "write_errors")
NO_DISK = -1


class Corners:
    """Follows steps, events and the array's record."""

    def __init__(self, situation: Situation, layout: Layout) -> None:
        self.situation = situation
        self.counts = situation.counts
        self.layout = layout
        self._forget()
        self._flush_failed: dict[int, bool] = {}  # by disk, since its last heal, return or rebuild
        self._deleted: dict[int, bool] = {}

    def _forget(self) -> None:
        self._members: dict[int, bool] = {}
        self._is_configuring = False
        self._target, self._is_copied = NO_DISK, False
        self._is_finishing = False  # the rebuild is cleared, and its end not yet emitted
        self._process = int(ProcessState.NONE)
        self._is_writing_superblock = self._is_superblock_hit = False
        self._grown_at = -AFTER_GROWTH_STEPS

    # Steps.

    def invoked(self, number: int, step: OutsideStep) -> None:
        """Follow a step from outside."""
        if step.__class__ in CHANGING:
            self._changed(step)
        elif isinstance(step, Inject):
            self._injected(step)
        elif isinstance(step, Operate):
            self._met_superblock_fault(step.method in MEMBERSHIP)
        elif isinstance(step, Kill | PowerLoss):
            self.counts["ends_after_growth"] += number - self._grown_at < AFTER_GROWTH_STEPS
            if isinstance(step, PowerLoss):
                self.counts["power_losses_after_failed_flush"] += bool(self._flush_failed)
            self._flush_failed.clear()
            self._deleted.clear()
            self._forget()

    def _changed(self, step: Changing) -> None:
        """Count a change of blocks whose earlier change is still in flight: hosts only do that where it is in doubt."""
        self.counts["changes_sent_again"] += any(
            other.slba < step.slba + step.blocks and step.slba < other.slba + other.blocks
            for other in self.situation.in_flight.values()
            if isinstance(other, CHANGING) and other is not step
        )

    def _injected(self, step: Inject) -> None:
        if step.fault in FLUSHES_AGAIN:
            self._flush_failed.pop(step.disk, None)
        if step.fault not in FAULTS or step.fault == "disk_grow":
            return
        self._met_superblock_fault(step.fault in CHANGES_MEMBERS)
        if step.fault == "bdev_delete":
            self._deleted[step.disk] = True
        place = self._place(step.disk)
        if place:
            self.counts[f"harmed_{place}"] += 1

    def _place(self, disk: int) -> str:
        asked = [
            step.method
            for step in self.situation.in_flight.values()
            if isinstance(step, Operate)
            and step.method in MEMBERSHIP
            and step.args[0] < 1 + 4 * self.layout.disks
            and disk_of(self.layout, step.args[0]) == disk
        ]
        if disk == self._target:
            return "ending" if self._is_copied else ""
        if Rpc.BDEV_RAID_REMOVE_BASE_BDEV in asked:
            return "leaving"
        if disk in self._members:
            return ""
        if asked:
            return "adding"
        return "awaited" if self._is_configuring else "spare"

    def _met_superblock_fault(self, is_change: bool) -> None:
        self.counts["changes_beside_superblock_faults"] += (
            is_change and self._is_superblock_hit and self._is_writing_superblock
        )

    # Events.

    def happened(self, number: int, name: str, thread: int, args: tuple[int, ...]) -> None:
        """Follow an event that the engine emitted."""
        match name.partition(".")[0]:
            case "raid":
                self._array(number, name, args)
            case "rebuild":
                self._rebuild(name, args)
            case "nvmf" if name == "nvmf.pausing":
                self._pausing(args[0])
            case "disk" | "bdev":
                self._disk(name, args)
            case _:
                pass

    def _array(self, number: int, name: str, args: tuple[int, ...]) -> None:
        match name:
            case "raid.created" | "raid.assembled":
                self._members = dict.fromkeys(args, True)
                self._is_configuring = False
            case "raid.configuring":
                self._is_configuring = True
            case "raid.member_removed":
                self._members.pop(args[1], None)
            case "raid.deleted":
                self._members.clear()
                self._is_configuring = False
            case "raid.superblock_writing":
                self._is_writing_superblock = True
            case "raid.superblock_ended":
                self._is_writing_superblock = self._is_superblock_hit = False
            case "raid.grown":
                self._grown_at = number
            case "raid.channel_failed":
                self.counts["channels_failed_with_last"] += args[1] > 0
            case "raid.creation_failed":
                self.counts["creations_failed_with_last"] += args[1] > 0
            case "raid.channel_created":
                self.counts["channels_created_at_finish"] += self._is_finishing
            case _:
                pass

    def _rebuild(self, name: str, args: tuple[int, ...]) -> None:
        match name:
            case "rebuild.started":
                self._target, self._is_copied = args[1], False
                self._flush_failed.pop(args[1], None)
            case "rebuild.window_done":
                self._is_copied = args[0] >= args[1]
            case "rebuild.finished":
                if args[2] == 0:
                    self._members[args[1]] = True
                self._target, self._is_finishing = NO_DISK, False
            case _:
                pass

    def seen(self, entry: Seen) -> None:
        """Follow the array's record: a rebuild is cleared there before the channels are visited."""
        none = ProcessState.NONE
        if self._process != none and entry.process_state == none and self._target != NO_DISK:
            self._is_finishing = True
        self._process = entry.process_state

    def _pausing(self, nsid: int) -> None:
        if nsid == 0:
            self.counts["pauses_without_namespace"] += 1
            return
        self.counts["pauses_beside_io"] += any(
            hasattr(step, "slba") and namespace_of(self.layout, step.slba) != nsid
            for step in self.situation.in_flight.values()
        )

    def _disk(self, name: str, args: tuple[int, ...]) -> None:
        match name:
            case "disk.fault":
                if args[2] == IoType.FLUSH and args[1] == FaultKind.ERROR:
                    self._flush_failed[args[0]] = True
                if args[2] == IoType.WRITE and args[3] == 0:
                    self._is_superblock_hit = True
            case "bdev.unregistering":
                self.counts["unregistered_in_iteration"] += args[1] > 0
            case "bdev.unregistered":
                self.counts["bdevs_deleted"] += self._deleted.pop(args[0], False)
            case _:
                pass
