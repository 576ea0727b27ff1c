"""Counts of disk faults that had an effect, and of disks that leave and return."""

from __future__ import annotations

from chaos.judging.reach.situation import Situation
from chaos.plan.faults import FAULTS
from chaos.steps.schedule import Inject
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType

_RETURNS = {
    "disk_arrive": "disks_arrived",
    "bdev_create": "bdevs_created_again",
    "disk_return": "disks_returned",
    "disk_return_blank": "disks_returned_blank",
    "disk_return_stale": "disks_returned_stale",
    "disk_return_small": "disks_returned_small",
    "disk_return_large": "disks_returned_large",
    "disk_return_foreign": "disks_returned_foreign",
}
_BY_KIND = {
    FaultKind.BAD_BLOCKS: FAULTS["bad_blocks"].effect,
    FaultKind.HANG: FAULTS["disk_hang"].effect,
    FaultKind.SLOW: FAULTS["disk_slow"].effect,
    FaultKind.ROT: FAULTS["bit_rot"].effect,
}
_ERRORS = {
    IoType.READ: FAULTS["read_errors"].effect,
    IoType.WRITE: FAULTS["write_errors"].effect,
    IoType.FLUSH: FAULTS["flush_errors"].effect,
    IoType.UNMAP: FAULTS["unmap_errors"].effect,
}
_ERROR_BDEV_KINDS = {
    ErrorType.FAILURE: "error_bdev_failures",
    ErrorType.PENDING: "error_bdev_holds",
    ErrorType.NOMEM: "error_bdev_refusals",
}


class DiskCounts:
    """Follows injections, and the events ``disk.*`` and ``bdev.*``."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.counts = situation.counts
        self._failing: dict[
            int, bool
        ] = {}  # disks under disk_failure, with whether the fault still has no effect
        self._pulled: dict[int, bool] = {}  # disks, with whether their removal still has no effect
        self._superblock_faults: dict[int, bool] = {}
        self._returning: dict[int, str] = {}  # by disk: the name under which its return counts

    def injected(self, step: Inject) -> bool:
        """Follow a step, and return whether it is a fault that may be close to another one."""
        disk = step.disk
        match step.fault:
            case name if name in _RETURNS:
                self._returning[disk] = _RETURNS[name]
                return False
            case "disk_heal":
                self._failing.pop(disk, None)
                self._superblock_faults.pop(disk, None)
                return False
            case "disk_image" | "disk_grow":
                return False
            case "disk_failure":
                self._failing[disk] = True
            case "disk_pull" | "bdev_delete":
                self._pulled[disk] = step.fault == "disk_pull"
                self._returning.pop(disk, None)
            case "superblock_errors" | "superblock_slow":
                self._superblock_faults[disk] = True
            case _:
                pass
        return True

    def happened(self, name: str, args: tuple[int, ...]) -> None:
        """Count an event that the engine emitted."""
        counts = self.counts
        match name:
            case "disk.fault":
                self._met(FaultKind(args[1]), args[0], IoType(args[2]), args[3])
            case "disk.cache_lost":
                counts["power_losses_effective"] += 1
            case "bdev.error_injected":
                counts[_ERROR_BDEV_KINDS[ErrorType(args[1])]] += 1
            case "bdev.registered" if args[0] in self._returning:
                returned = self._returning.pop(args[0])
                counts[returned] += 1
                counts["disks_late"] += returned == "disks_arrived" and self.situation.assembled
            case "bdev.unregistered":
                counts["disks_pulled"] += self._pulled.pop(args[0], False)
            case "bdev.reset":
                counts["resets_in_rebuild"] += self.situation.rebuilding
            case _:
                pass

    def _met(self, kind: FaultKind, disk: int, io_type: IoType, first: int) -> None:
        """Count an I/O that a fault affected."""
        counts = self.counts
        is_superblock = first == 0 and io_type is IoType.WRITE and disk in self._superblock_faults
        if kind is FaultKind.SLOW and is_superblock:
            counts["slow_superblocks_effective"] += 1
        elif kind in _BY_KIND:
            counts[_BY_KIND[kind]] += 1
        elif kind is FaultKind.ERROR:
            if disk in self._failing:
                counts["disks_failed"] += self._failing[disk]
                self._failing[disk] = False
            elif is_superblock:
                counts["superblock_errors_effective"] += 1
            else:
                counts[_ERRORS[io_type]] += 1

    def target_ended(self) -> None:
        """Forget disks that the target would have found."""
        self._returning.clear()
