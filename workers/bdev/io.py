"""A request to a bdev and its completion (``spdk_bdev_io``)."""

from __future__ import annotations

from enum import IntEnum

import msgspec

BLOCK_SIZE = 512  # bytes


class IoType(IntEnum):
    """The kinds of I/O.

    In the engine, reset and abort are calls of a channel or of the bdev layer. The disks of a target in C get a reset as I/O.
    """

    READ = 1
    WRITE = 2
    FLUSH = 3
    UNMAP = 4
    WRITE_ZEROES = 5
    COMPARE = 6
    COMPARE_AND_WRITE = 7
    RESET = 8


# I/O that changes blocks; a range lock that is no quiesce holds only these.
CHANGING = (IoType.WRITE, IoType.UNMAP, IoType.WRITE_ZEROES, IoType.COMPARE_AND_WRITE)


class IoStatus(IntEnum):
    """How an I/O ended, with SPDK's numbers."""

    SUCCESS = 1
    FAILED = -1
    NOMEM = -4
    MISCOMPARE = -5
    ABORTED = -7


class Completion(msgspec.Struct, frozen=True, gc=False):
    """The completion of an I/O; ``data`` is the result of a successful read."""

    status: IoStatus
    data: bytes = b""


SUCCESS = Completion(IoStatus.SUCCESS)
FAILED = Completion(IoStatus.FAILED)
NOMEM = Completion(IoStatus.NOMEM)  # the only one of its status: compared by identity
MISCOMPARE = Completion(IoStatus.MISCOMPARE)
ABORTED = Completion(IoStatus.ABORTED)


class BdevIo(msgspec.Struct, frozen=True, gc=False):
    """One request: ``count`` blocks from ``offset``; a write carries ``count * BLOCK_SIZE`` bytes.

    ``fua``: the write is durable when it completes. ``expected``: the data that a compare requires.
    """

    io_type: IoType
    offset: int
    count: int
    data: bytes = b""
    fua: bool = False
    expected: bytes = b""

    @property
    def end(self) -> int:
        """The first block after the request."""
        return self.offset + self.count

    def part(self, first: int, end: int) -> BdevIo:
        """Return the part of the request in blocks [first, end)."""
        data = self.data[(first - self.offset) * BLOCK_SIZE : (end - self.offset) * BLOCK_SIZE]
        return BdevIo(self.io_type, first, end - first, data, self.fua)

    def shifted(self, blocks: int) -> BdevIo:
        """Return the request moved up by a number of blocks."""
        return BdevIo(self.io_type, self.offset + blocks, self.count, self.data, self.fua)
