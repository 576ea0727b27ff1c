"""A bdev on its threads: channels, submission, LBA range locks and quiesce. Mirrors lib/bdev/bdev.c.

Splitting, NOMEM retry, reset and abort have their place in :class:`BdevChannel`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from workers.bdev.io import BdevIo, Completion, IoType
from workers.thread import Future, IoChannel, IoDevice, SpdkThread

if TYPE_CHECKING:
    from workers.reactor import Reactor


class Range(NamedTuple):
    """A granted LBA range lock: [offset, end) in blocks."""

    lock: int
    offset: int
    end: int


class Bdev:
    """One bdev as one reactor sees it; what all reactors must agree on is in its record."""

    def __init__(
        self, reactor: Reactor, bdev_id: int, name: str, key: int, module: IoDevice
    ) -> None:
        self.reactor = reactor
        self.id = bdev_id
        self.name = name
        self.key = key
        self.module = module
        self.record = reactor.block.bdevs[bdev_id]
        self._channel_class = reactor.classes.bdev_channel
        self._grants: dict[int, Future] = {}

    def new_channel(self, thread: SpdkThread) -> BdevChannel:
        return self._channel_class(self, thread)

    async def quiesce_range(self, thread: SpdkThread, offset: int, length: int) -> int:
        """Hold all new I/O of these blocks on every channel and wait for what is submitted.

        Returns the lock, for :meth:`unquiesce_range`. Overlapping locks queue up (``spdk_bdev_quiesce_range``).
        """
        record = self.record
        record.last_lock += 1
        lock = record.last_lock
        row = (lock, offset, length, thread.id)
        locked = record.locked.rows()
        if _overlaps(row, locked):
            record.pending.store([*record.pending.rows(), row])
            grant = self._grants[lock] = Future()
            await grant
        else:
            record.locked.store([*locked, row])
        await thread.for_each_channel(self, "lock_range", lock, offset, offset + length)
        return lock

    async def unquiesce_range(self, thread: SpdkThread, lock: int) -> None:
        """Let I/O of the locked blocks go on, then grant the locks that waited for this one."""
        record = self.record
        rows = record.locked.rows()
        kept = [row for row in rows if row[0] != lock]
        assert len(kept) == len(rows) - 1, f"{self.name}: lock {lock} is not held"
        record.locked.store(kept)
        await thread.for_each_channel(self, "unlock_range", lock)
        # Only now: between two locks of the same blocks, queued I/O gets through.
        locked = record.locked.rows()
        pending: list[tuple[int, int, int, int]] = []
        for row in record.pending.rows():
            # A lock doesn't overtake an older one that overlaps it.
            if _overlaps(row, locked) or _overlaps(row, pending):
                pending.append(row)
            else:
                locked.append(row)
                thread.send(row[3], "bdev.lock_granted", self.id, row[0])
        record.locked.store(locked)
        record.pending.store(pending)

    async def quiesce(self, thread: SpdkThread) -> int:
        """Quiesce the whole bdev."""
        return await self.quiesce_range(thread, 0, self.record.num_blocks)

    def lock_granted(self, lock: int) -> None:
        """A lock that waited for another one is granted."""
        self._grants.pop(lock).resolve()


def _overlaps(row: tuple[int, int, int, int], rows: list[tuple[int, int, int, int]]) -> bool:
    return any(row[1] < other[1] + other[2] and other[1] < row[1] + row[2] for other in rows)


class BdevChannel(IoChannel):
    """A thread's channel of a bdev: the module's channel below, and the I/O on its way."""

    __slots__ = ("_watchers", "io_locked", "io_submitted", "module_channel", "ranges")
    device: Bdev

    def create(self) -> bool:
        """Get the module's channel first, then copy the ranges that are locked by now, as SPDK does."""
        self.ranges: list[Range] = []
        self.io_submitted: dict[int, BdevIo] = {}
        self.io_locked: list[Future] = []
        self._watchers: list[tuple[Callable[[], bool], Future]] = []
        self.module_channel = self.thread.get_io_channel(self.device.module)
        if self.module_channel is None:
            return False
        self.ranges = [
            Range(lock, offset, offset + length)
            for lock, offset, length, _ in self.device.record.locked.rows()
        ]
        return True

    def destroy(self) -> None:
        assert not self.io_submitted, f"{self} is destroyed while I/O is submitted on it"
        assert not self.io_locked, f"{self} is destroyed while I/O waits on it"
        self.thread.put_io_channel(self.module_channel)

    async def submit(self, io: BdevIo) -> Completion:
        """Execute an I/O; it waits while its blocks are quiesced."""
        while self.ranges and self._is_held(io):
            released = Future()
            self.io_locked.append(released)
            await released
        number = self.thread.reactor.new_number()
        self.io_submitted[number] = io
        completion: Completion = await self.module_channel.execute(io)
        del self.io_submitted[number]
        if self._watchers:
            self._wake_watchers()
        return completion

    def _is_held(self, io: BdevIo) -> bool:
        # A flush is never held, as in SPDK: it changes no block.
        if io.io_type is IoType.FLUSH:
            return False
        return any(io.offset < held.end and held.offset < io.end for held in self.ranges)

    async def lock_range(self, lock: int, offset: int, end: int) -> None:
        """Visit of a quiesce: hold new I/O, then wait for the submitted I/O that overlaps."""
        if not any(held.lock == lock for held in self.ranges):  # a channel born meanwhile has it
            self.ranges.append(Range(lock, offset, end))
        await self._watch(lambda: not self._has_submitted(offset, end))

    def unlock_range(self, lock: int) -> None:
        """Visit of an unquiesce: forget the range and resubmit all that was held."""
        self.ranges = [held for held in self.ranges if held.lock != lock]
        held_back, self.io_locked = self.io_locked, []
        for released in held_back:
            released.resolve()

    async def drained(self) -> None:
        """Await the end of everything submitted on this channel."""
        await self._watch(lambda: not self.io_submitted)

    def _has_submitted(self, offset: int, end: int) -> bool:
        return any(
            io.offset < end and offset < io.end and io.io_type is not IoType.FLUSH
            for io in self.io_submitted.values()
        )

    async def _watch(self, condition: Callable[[], bool]) -> None:
        if not condition():
            future = Future()
            self._watchers.append((condition, future))
            await future

    def _wake_watchers(self) -> None:
        watchers, self._watchers = self._watchers, []
        for condition, future in watchers:
            if condition():
                future.resolve()
            else:
                self._watchers.append((condition, future))
