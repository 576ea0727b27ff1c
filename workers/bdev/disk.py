"""A disk: data and a fault table in memory that all reactors and the nemesis share.

An I/O takes effect at its completion step, so that outstanding ones take effect in any order. The volatile
write cache, torn writes and power loss have their place in this file's layout, behind the fault table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.bdev.io import BLOCK_SIZE, FAILED, SUCCESS, BdevIo, Completion, IoStatus, IoType
from workers.shared import Record, Word
from workers.thread import Future, IoChannel, SpdkThread

if TYPE_CHECKING:
    from workers.reactor import Reactor

FAULTS_MAX = 8
FOREVER = -1


class FaultRow(Record):
    """An injected I/O error: which kinds of I/O, which blocks, how many more times."""

    __slots__ = ()
    SIZE = 4
    io_types = Word(0)  # bit mask over IoType; 0: the row is free
    first = Word(1)
    end = Word(2)
    remaining = Word(3)  # FOREVER: until it is healed


class DiskHeader(Record):
    """The words in front of a disk's data."""

    __slots__ = ("faults",)
    SIZE = 4 + FAULTS_MAX * FaultRow.SIZE
    present = Word(0)
    num_blocks = Word(1)
    fault_count = Word(2)
    faults_bitten = Word(3)

    def __init__(self, words: memoryview) -> None:
        super().__init__(words)
        self.faults = [
            FaultRow(words[4 + i * FaultRow.SIZE : 4 + (i + 1) * FaultRow.SIZE])
            for i in range(FAULTS_MAX)
        ]


class Disk:
    """One disk over its segment. The engine reads and writes blocks; the nemesis breaks and heals."""

    def __init__(self, number: int, buffer: memoryview | bytearray, num_blocks: int) -> None:
        view = memoryview(buffer).cast("B")
        self.number = number
        self.num_blocks = num_blocks
        header_bytes = 8 * DiskHeader.SIZE
        self.header = DiskHeader(view[:header_bytes].cast("q"))
        self.data = view[header_bytes : header_bytes + num_blocks * BLOCK_SIZE]

    @staticmethod
    def segment_size(num_blocks: int) -> int:
        """Bytes of shared memory for a disk of so many blocks."""
        return 8 * DiskHeader.SIZE + num_blocks * BLOCK_SIZE

    def blank(self) -> None:
        """A new, healthy disk: present and all zero."""
        self.header.words.cast("B")[:] = bytes(8 * DiskHeader.SIZE)
        self.data[:] = bytes(len(self.data))
        self.header.present = 1
        self.header.num_blocks = self.num_blocks

    def transfer(self, io: BdevIo) -> Completion:
        """Let an I/O take effect now."""
        header = self.header
        if not header.present or io.end > self.num_blocks:
            return FAILED
        if header.fault_count and self._is_hit(io):
            return FAILED
        if io.io_type is IoType.READ:
            data = bytes(self.data[io.offset * BLOCK_SIZE : io.end * BLOCK_SIZE])
            return Completion(IoStatus.SUCCESS, data)
        if io.io_type is IoType.WRITE:
            assert len(io.data) == io.count * BLOCK_SIZE, "a write carries its whole data"
            self.data[io.offset * BLOCK_SIZE : io.end * BLOCK_SIZE] = io.data
        return SUCCESS

    def _is_hit(self, io: BdevIo) -> bool:
        for row in self.header.faults:
            if row.io_types >> io.io_type & 1 and io.offset < row.end and row.first < io.end:
                self.header.faults_bitten += 1
                if row.remaining != FOREVER:
                    row.remaining -= 1
                    if row.remaining == 0:
                        self.drop_fault(row)
                return True
        return False

    def add_fault(self, io_types: tuple[IoType, ...], first: int, end: int, times: int) -> None:
        """Fail these kinds of I/O that touch blocks [first, end), so many times or FOREVER."""
        row = next((row for row in self.header.faults if row.io_types == 0), None)
        if row is None:
            raise ValueError(f"disk {self.number} has {FAULTS_MAX} faults already")
        row.first, row.end, row.remaining = first, end, times
        row.io_types = sum(1 << io_type for io_type in io_types)
        self.header.fault_count += 1

    def drop_fault(self, row: FaultRow) -> None:
        """Heal one fault."""
        row.io_types = 0
        self.header.fault_count -= 1

    def heal(self) -> None:
        """Heal all I/O errors of this disk."""
        for row in self.header.faults:
            if row.io_types:
                self.drop_fault(row)


class DiskIo:
    """A disk I/O under way on a thread."""

    __slots__ = ("disk", "future", "io", "thread")

    def __init__(self, disk: Disk, thread: int, io: BdevIo) -> None:
        self.disk = disk
        self.thread = thread
        self.io = io
        self.future = Future()

    @property
    def io_type(self) -> IoType:
        return self.io.io_type

    @property
    def offset(self) -> int:
        return self.io.offset

    @property
    def count(self) -> int:
        return self.io.count

    def finish(self) -> bool:
        """The I/O takes effect and completes; False: with an error."""
        completion = self.disk.transfer(self.io)
        self.future.resolve(completion)
        return completion.status is IoStatus.SUCCESS


class DiskChannel(IoChannel):
    """A thread's queue to a disk."""

    __slots__ = ()
    device: DiskDevice

    async def execute(self, io: BdevIo) -> Completion:
        """Submit to the disk and await its completion step."""
        disk_io = DiskIo(self.device.disk, self.thread.id, io)
        self.thread.reactor.start_io(disk_io)
        completion: Completion = await disk_io.future
        return completion


class DiskDevice:
    """The io_device of a disk."""

    def __init__(self, reactor: Reactor, key: int, disk: Disk) -> None:
        self.key = key
        self.disk = disk
        self.name = f"disk{disk.number} (media)"
        self._channel_class = reactor.classes.disk_channel

    def new_channel(self, thread: SpdkThread) -> DiskChannel:
        return self._channel_class(self, thread)
