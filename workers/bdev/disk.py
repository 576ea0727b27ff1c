"""A disk: data, a volatile write cache and a fault table in memory that all reactors and the nemesis share.

An I/O takes effect at its completion step, so that I/Os in flight take effect in any order. For every block written
and not yet flushed, the cache keeps the data that the medium still holds: power loss restores it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import IntEnum

from workers.bdev.io import BLOCK_SIZE, FAILED, SUCCESS, BdevIo, Completion, IoStatus, IoType
from workers.shared import Record, Word

FAULTS_MAX = 8
DIGEST_BYTES = 8
FOREVER = -1


class FaultKind(IntEnum):
    """What an injected fault does to the I/O it hits."""

    ERROR = 1  # the I/O fails
    BAD_BLOCKS = 2  # reads fail, until the blocks are written (the disk then remaps them)
    HANG = 3  # the I/O stays in flight until the fault is healed or the disk is reset
    SLOW = 4  # the I/O takes ``parameter`` microseconds longer
    ROT = 5  # the data has changed silently; the row only serves to report a read of it
    MISDIRECT = 6  # the next write lands ``parameter`` blocks after its LBA


class FaultRow(Record):
    """An injected fault: the types of I/O, the blocks, and how many more times it hits."""

    __slots__ = ()
    SIZE = 6
    io_types = Word(0)  # bit mask over IoType; 0: the row is free
    first = Word(1)
    end = Word(2)
    remaining = Word(3)  # FOREVER: until it is healed
    kind = Word(4)
    parameter = Word(5)


class DiskHeader(Record):
    """The words in front of a disk's data."""

    __slots__ = ("faults",)
    SIZE = 8 + FAULTS_MAX * FaultRow.SIZE
    present = Word(0)
    num_blocks = Word(1)
    fault_count = Word(2)
    dirty_count = Word(3)  # blocks written and not flushed
    identity = Word(4)  # of the device: a blank replacement has another one
    channel_failures = Word(5)  # how many more channel creations fail
    plugs = Word(6)  # incremented when the disk is pulled

    def __init__(self, words: memoryview) -> None:
        super().__init__(words)
        self.faults = [
            FaultRow(words[8 + i * FaultRow.SIZE : 8 + (i + 1) * FaultRow.SIZE])
            for i in range(FAULTS_MAX)
        ]


class Disk:
    """One disk over its segment. The engine reads and writes blocks; the nemesis breaks and heals.

    ``capacity_blocks`` is the room in the segment; the disk exposes ``num_blocks`` of it.
    """

    def __init__(self, number: int, buffer: memoryview | bytearray, capacity_blocks: int) -> None:
        view = memoryview(buffer).cast("B")
        self.number = number
        self.capacity_blocks = capacity_blocks
        first, size = 8 * DiskHeader.SIZE, capacity_blocks * BLOCK_SIZE
        self.header = DiskHeader(view[:first].cast("q"))
        self.data = view[first : first + size]
        self._medium = view[first + size : first + 2 * size]  # of dirty blocks only
        self._image = view[first + 2 * size : first + 3 * size]
        end = first + 3 * size + capacity_blocks
        self._dirty = view[first + 3 * size : end]
        # A copy of all that a step may change, from before the step, and whether a step is in progress.
        self._before = view[end : end + first + size + capacity_blocks]
        self._is_stepping = view[end + first + size + capacity_blocks :][:1]

    @staticmethod
    def segment_size(capacity_blocks: int) -> int:
        """Return the bytes of shared memory for a disk of up to ``capacity_blocks``."""
        return 2 * 8 * DiskHeader.SIZE + capacity_blocks * (4 * BLOCK_SIZE + 2) + 1

    @property
    def num_blocks(self) -> int:
        """The present size in blocks."""
        return self.header.num_blocks

    @property
    def identity(self) -> int:
        """The number of the device, which it keeps for life; no two devices share one."""
        return self.header.identity

    def new(self, num_blocks: int) -> None:
        """Become a new, healthy device: present, all zero, with an identity of its own."""
        header = self.header
        plugs = header.plugs
        identity = header.identity + 256 if header.identity else self.number + 1
        header.words.cast("B")[:] = bytes(8 * DiskHeader.SIZE)
        self.data[:] = bytes(len(self.data))
        self._dirty[:] = bytes(self.capacity_blocks)
        self._image[:] = self.data
        self.end_step()
        header.present, header.num_blocks, header.identity = 1, num_blocks, identity
        header.plugs = plugs

    def forget(self) -> None:
        """Drop what a former run has left."""
        self.header.identity = self.header.plugs = 0

    def digest(self) -> str:
        """Return a digest; equal digests mean equal disks: faults, data, cache and image."""
        whole = hashlib.blake2b(digest_size=DIGEST_BYTES)
        for part in (self.header.words, self.data, self._dirty, self._image):
            whole.update(part)
        for block, is_dirty in enumerate(self._dirty):
            if is_dirty:
                whole.update(self._medium[block * BLOCK_SIZE : (block + 1) * BLOCK_SIZE])
        return whole.hexdigest()

    # SIGKILL may cut a step short, so a disk executes an I/O wholly or not at all.

    def begin_step(self) -> None:
        """Save all that the next step may change."""
        at = 0
        for part in self._changing():
            self._before[at : at + len(part)] = part
            at += len(part)
        self._is_stepping[0] = 1

    def end_step(self) -> None:
        """Mark the step as complete."""
        self._is_stepping[0] = 0

    def undo_step(self) -> bool:
        """Roll back a step that never completed; return False if there is none."""
        if not self._is_stepping[0]:
            return False
        at = 0
        for part in self._changing():
            part[:] = self._before[at : at + len(part)]
            at += len(part)
        self._is_stepping[0] = 0
        return True

    def _changing(self) -> tuple[memoryview, memoryview, memoryview]:
        # The medium matters only where a block is dirty, and it is written before the block becomes dirty.
        return self.header.words.cast("B"), self.data, self._dirty

    # What an I/O does.

    def fault_of(self, io: BdevIo) -> FaultRow | None:
        """Return the first fault that hits this I/O, and count the hit."""
        for row in self.header.faults:
            if row.io_types >> io.io_type & 1 and io.offset < row.end and row.first < io.end:
                if row.remaining != FOREVER:
                    row.remaining -= 1
                return row
        return None

    def transfer(self, io: BdevIo) -> Completion:
        """Apply an I/O now."""
        kind = io.io_type
        if io.end > self.header.num_blocks and kind is not IoType.FLUSH:
            return FAILED
        if kind is IoType.READ:
            data = bytes(self.data[io.offset * BLOCK_SIZE : io.end * BLOCK_SIZE])
            return Completion(IoStatus.SUCCESS, data)
        if kind is IoType.WRITE:
            assert len(io.data) == io.count * BLOCK_SIZE, "a write carries its whole data"
            self._write(io.offset, io.end, io.data, fua=io.fua)
        elif kind is IoType.UNMAP:
            self._write(io.offset, io.end, bytes(io.count * BLOCK_SIZE), fua=False)
        else:
            assert kind is IoType.FLUSH, f"a disk doesn't know {kind!r}"
            self._clean(0, self.capacity_blocks)
        return SUCCESS

    def _write(self, first: int, end: int, data: bytes, *, fua: bool) -> None:
        self._before_write(first, end, fua=fua)
        self.data[first * BLOCK_SIZE : end * BLOCK_SIZE] = data

    def begin_change(self, io_type: IoType, first: int, end: int, *, fua: bool = False) -> None:
        """Prepare cache and faults for an I/O whose data a target in C copies itself, in the same step."""
        if io_type in (IoType.WRITE, IoType.UNMAP):
            self._before_write(first, end, fua=fua)
        elif io_type is IoType.FLUSH:
            self._clean(0, self.capacity_blocks)

    def _before_write(self, first: int, end: int, *, fua: bool) -> None:
        if self.header.fault_count:
            self._remap(first, end)
        begin, stop = first * BLOCK_SIZE, end * BLOCK_SIZE
        if fua:
            self._clean(first, end)
        else:
            dirty = self._dirty
            clean = dirty[first:end].tobytes()
            count = clean.count(0)
            if count == end - first:
                self._medium[begin:stop] = self.data[begin:stop]
            elif count:
                for block in range(first, end):
                    if not dirty[block]:
                        at = block * BLOCK_SIZE
                        self._medium[at : at + BLOCK_SIZE] = self.data[at : at + BLOCK_SIZE]
            if count:
                dirty[first:end] = b"\1" * (end - first)
                self.header.dirty_count += count

    def _clean(self, first: int, end: int) -> None:
        if self.header.dirty_count:
            self.header.dirty_count -= self._dirty[first:end].tobytes().count(1)
            self._dirty[first:end] = bytes(end - first)

    def _remap(self, first: int, end: int) -> None:
        """Clear bad and rotten blocks that a write has overwritten."""
        for row in self.header.faults:
            if row.io_types and row.kind in (FaultKind.BAD_BLOCKS, FaultKind.ROT):
                if first <= row.first < end:
                    row.first = min(end, row.end)
                elif first < row.end <= end:
                    row.end = first
                elif row.first < first and end < row.end:
                    # One row holds one range, so the part after the write becomes good a little early.
                    row.end = first
                if row.first >= row.end:
                    self.drop_fault(row)

    # What the nemesis does.

    def pull(self) -> None:
        """Take the disk out; I/O in flight fails, even if another disk is plugged in before it completes."""
        self.header.present = 0
        self.header.plugs += 1

    def block(self, number: int) -> bytes:
        """Return the data of a block."""
        return bytes(self.data[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE])

    def dirty_blocks(self) -> list[int]:
        """Return the unflushed blocks, which power loss may revert."""
        return [block for block, dirty in enumerate(self._dirty) if dirty]

    def lose_power(self, lost: Iterable[int]) -> int:
        """Empty the cache; of these blocks revert the unflushed ones to the medium, and return their number."""
        count = 0
        for block in lost:
            if self._dirty[block]:
                at = block * BLOCK_SIZE
                self.data[at : at + BLOCK_SIZE] = self._medium[at : at + BLOCK_SIZE]
                count += 1
        self._clean(0, self.capacity_blocks)
        return count

    def copy_from(self, source: Disk) -> None:
        """Copy another disk's data, onto the medium."""
        self.data[:] = source.data
        self._clean(0, self.capacity_blocks)

    def copy_whole(self, source: Disk) -> None:
        """Copy everything of another disk: data, cache, faults."""
        self.header.words[:] = source.header.words
        self.data[:] = source.data
        self._medium[:] = source._medium  # one's own kind
        self._dirty[:] = source._dirty

    def take_image(self) -> None:
        """Keep the present data, for a stale return."""
        self._image[:] = self.data

    def restore_image(self) -> None:
        """Restore the data of the image."""
        self.data[:] = self._image
        self._clean(0, self.capacity_blocks)

    def rot(self, block: int) -> None:
        """Corrupt a block silently, on the medium as well."""
        at = block * BLOCK_SIZE
        for view in (self.data, self._medium):
            view[at : at + BLOCK_SIZE] = bytes(byte ^ 0xFF for byte in view[at : at + BLOCK_SIZE])

    def add_fault(
        self,
        kind: FaultKind,
        io_types: tuple[IoType, ...],
        first: int,
        end: int,
        times: int,
        parameter: int = 0,
    ) -> bool:
        """Hit I/O of these types in blocks [first, end), ``times`` times or FOREVER.

        Return False if the fault table is full; nothing has changed then.
        """
        row = next((row for row in self.header.faults if row.io_types == 0), None)
        if row is None:
            return False
        row.first, row.end, row.remaining = first, end, times
        row.kind, row.parameter = kind, parameter
        row.io_types = sum(1 << io_type for io_type in io_types)
        self.header.fault_count += 1
        return True

    def drop_fault(self, row: FaultRow) -> None:
        """Heal one fault."""
        row.io_types = 0
        self.header.fault_count -= 1

    def heal(self) -> None:
        """Heal all faults of this disk except silent corruption, which only a write heals."""
        self.header.channel_failures = 0
        for row in self.header.faults:
            if row.io_types and row.kind != FaultKind.ROT:
                self.drop_fault(row)
