"""What the numbers stand for that RPCs and injected faults carry; words for them name the numbers by this, too."""

from __future__ import annotations

from enum import StrEnum


class Argument(StrEnum):
    """The kind of thing that one number means."""

    DISK = "disk"
    BDEV = "bdev"  # a member, the array, or what stands on them: see workers/bdev/stack.py
    STACKED_BDEV = "bdev_on_disk"  # an error bdev or a delay bdev
    ARRAY = "array"  # its UUID is made of this number
    NAMESPACE = "namespace"
    REACTOR = "reactor"
    SUPERBLOCK = "superblock"  # 1: it is written, or wiped; 0: it is not
    ERROR = "error"  # workers.bdev.stack.ErrorType
    IO_TYPES = "io_types"  # bit mask over IoType
    COUNT = "count"  # how often
    LATENCY_US = "latency_us"
    BLOCK = "block"  # of a disk
    FIRST_BLOCK = "first"  # of a range on a disk
    END_BLOCK = "end"  # the first one after that range
    SHIFT = "shift"  # blocks between where a write should land and where it lands
    BLOCKS = "blocks"  # a size


BLOCK_RANGE = (Argument.FIRST_BLOCK, Argument.END_BLOCK)
