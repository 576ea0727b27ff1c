"""The kinds of numbers in RPCs and injected faults; texts name the numbers by kind, too."""

from __future__ import annotations

from enum import StrEnum


class Argument(StrEnum):
    """The kind of one number."""

    DISK = "disk"
    BDEV = "bdev"  # a member, the array, or a bdev above them: see workers/bdev/stack.py
    STACKED_BDEV = "bdev_on_disk"  # an error bdev or a delay bdev
    ARRAY = "array"  # the number that its UUID is made of
    NAMESPACE = "namespace"
    LISTENER = "listener"
    REACTOR = "reactor"
    SUPERBLOCK = "superblock"  # 1: it is written, or wiped; 0: neither
    ERROR = "error"  # workers.bdev.stack.ErrorType
    IO_TYPES = "io_types"  # bit mask over IoType
    COUNT = "count"  # the number of repetitions
    LATENCY_US = "latency_us"
    BLOCK = "block"  # of a disk
    FIRST_BLOCK = "first"  # of a range on a disk
    END_BLOCK = "end"  # the first one after that range
    SHIFT = "shift"  # the number of blocks between the right place of a write and its real place
    BLOCKS = "blocks"  # a size


BLOCK_RANGE = (Argument.FIRST_BLOCK, Argument.END_BLOCK)
