"""The effect of a step Inject on a disk, and the disk's size after it."""

from __future__ import annotations

from chaos.plan.faults import DISK_HEALS
from chaos.plan.foreign import make_foreign
from chaos.steps.schedule import Inject
from workers.bdev.disk import FOREVER, Disk, FaultKind
from workers.bdev.io import IoType
from workers.protocol import Layout

SUPERBLOCK_END = 2  # blocks
SMALLER_BY = 4  # blocks
LARGER_BY = 4  # blocks, within the largest size
ALL_TYPES = (IoType.READ, IoType.WRITE, IoType.FLUSH, IoType.UNMAP)
TRANSIENT = {
    "read_errors": IoType.READ,
    "write_errors": IoType.WRITE,
    "unmap_errors": IoType.UNMAP,
}


def apply_to_disk(step: Inject, disk: Disk, sizes: tuple[int, int]) -> str | None:
    """Change the disk; return the handler of the message that the target gets, if it gets one.

    ``sizes`` in blocks: the size of disks at the start, and the present size of the largest.
    """
    args = step.args
    match step.fault:
        case "disk_heal":
            disk.heal()
            return "bdev.resume"
        case "disk_pull":
            disk.pull()
            return "bdev.hot_remove"
        case "bdev_delete":
            return "bdev.hot_remove"  # the disk itself works on
        case "disk_grow":
            disk.header.num_blocks = max(disk.num_blocks, min(args[0], disk.capacity_blocks))
            return "bdev.grown"
        case "disk_image":
            disk.take_image()
        case "channel_failures":
            disk.header.channel_failures = args[0]
        case "bit_rot":
            disk.rot(args[0])
            disk.add_fault(FaultKind.ROT, (IoType.READ,), args[0], args[0] + 1, FOREVER)
        case name if name in DISK_HEALS:
            return _return_disk(name, disk, sizes)
        case name:
            _add_fault(name, args, disk)
    return None


def blocks_after(step: Inject, layout: Layout, blocks: int, largest: int) -> int:
    """Return the size of the disk afterwards; ``blocks`` is its size before, ``largest`` the size of the largest disk."""
    match step.fault:
        case "disk_grow":
            return max(blocks, min(step.args[0], layout.capacity))
        case "disk_return_blank" | "disk_return_foreign":
            return largest
        case "disk_return_small":
            return layout.disk_blocks - SMALLER_BY
        case "disk_return_large":
            return min(largest + LARGER_BY, layout.capacity)
        case _:
            return blocks


def _add_fault(fault: str, args: tuple[int, ...], disk: Disk) -> None:
    """Add a row to the disk's fault table."""
    end = disk.capacity_blocks
    match fault:
        case "disk_failure":
            disk.add_fault(FaultKind.ERROR, ALL_TYPES, 0, end, FOREVER)
        case "disk_slow":
            disk.add_fault(FaultKind.SLOW, ALL_TYPES, 0, end, FOREVER, args[0])
        case "superblock_slow":
            types = (IoType.WRITE,)
            disk.add_fault(FaultKind.SLOW, types, 0, SUPERBLOCK_END, FOREVER, args[0])
        case "disk_hang":
            disk.add_fault(FaultKind.HANG, ALL_TYPES, 0, end, FOREVER)
        case "bad_blocks":
            disk.add_fault(FaultKind.BAD_BLOCKS, (IoType.READ,), args[0], args[1], FOREVER)
        case "superblock_errors":
            disk.add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, SUPERBLOCK_END, args[0])
        case "flush_errors":
            disk.add_fault(FaultKind.ERROR, (IoType.FLUSH,), 0, end, args[0])
        case "misdirected_write":
            disk.add_fault(FaultKind.MISDIRECT, (IoType.WRITE,), args[0], args[1], 1, args[2])
        case name if name in TRANSIENT:
            disk.add_fault(FaultKind.ERROR, (TRANSIENT[name],), *args)
        case unknown:
            raise ValueError(f"there is no fault {unknown!r}")


def _return_disk(fault: str, disk: Disk, sizes: tuple[int, int]) -> str:
    match fault:
        case "disk_return_blank":
            disk.new(sizes[1])
        case "disk_return_small":
            disk.new(sizes[0] - SMALLER_BY)
        case "disk_return_large":
            disk.new(min(sizes[1] + LARGER_BY, disk.capacity_blocks))
        case "disk_return_foreign":
            disk.new(sizes[1])
            make_foreign(disk)
        case "disk_return_stale":
            disk.restore_image()
            disk.header.present = 1
        case "disk_return":
            disk.header.present = 1
        case "disk_arrive" | "bdev_create":
            pass
        case unknown:
            raise ValueError(f"there is no fault {unknown!r}")
    return "bdev.attach_disk"
