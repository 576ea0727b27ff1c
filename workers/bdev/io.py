"""What is asked of a bdev and how it ends (``spdk_bdev_io``)."""

from __future__ import annotations

from enum import IntEnum

import msgspec

BLOCK_SIZE = 512  # bytes


class IoType(IntEnum):
    """The kinds of I/O. Unmap, write-zeroes, reset and abort have their place here."""

    READ = 1
    WRITE = 2
    FLUSH = 3


class IoStatus(IntEnum):
    """How an I/O ended, with SPDK's numbers."""

    SUCCESS = 1
    FAILED = -1


class Completion(msgspec.Struct, frozen=True, gc=False):
    """The end of an I/O; ``data`` is what a successful read returns."""

    status: IoStatus
    data: bytes = b""


SUCCESS = Completion(IoStatus.SUCCESS)
FAILED = Completion(IoStatus.FAILED)


class BdevIo(msgspec.Struct, frozen=True, gc=False):
    """One request: ``count`` blocks from ``offset``; a write carries ``count * BLOCK_SIZE`` bytes."""

    io_type: IoType
    offset: int
    count: int
    data: bytes = b""

    @property
    def end(self) -> int:
        """The first block behind the request."""
        return self.offset + self.count

    def part(self, first: int, end: int) -> BdevIo:
        """The part of the request in blocks [first, end)."""
        data = self.data[(first - self.offset) * BLOCK_SIZE : (end - self.offset) * BLOCK_SIZE]
        return BdevIo(self.io_type, first, end - first, data)
