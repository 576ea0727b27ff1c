"""A bdev on its threads: channels and submission. Mirrors lib/bdev/bdev.c.

A request passes these gates in turn: a free bdev_io object, no reset, no range lock that holds it. Large requests are
split. A request for which the module has no memory is retried when others have completed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from workers.bdev.io import (
    ABORTED,
    BLOCK_SIZE,
    CHANGING,
    FAILED,
    MISCOMPARE,
    NOMEM,
    SUCCESS,
    BdevIo,
    Completion,
    IoStatus,
    IoType,
)
from workers.bdev.locks import Range, RangeLocks
from workers.core import Core
from workers.thread import Future, IoChannel, SpdkThread, Wait, Waiters, run_flow

SPLIT_CHILDREN_MAX = 2  # of one request in flight at a time
ZERO_BUFFER_BLOCKS = 4
NOMEM_RETRY_US = 1_000
ABORTED_RETRIES_MAX = 64
EVERYTHING = 1 << 40  # blocks; more than any bdev has


class Module(Protocol):
    """The io_device below a bdev: that of a disk, of an array, or of a bdev on another one."""

    key: int
    name: str
    supported: tuple[IoType, ...]

    def new_channel(self, thread: SpdkThread) -> Any: ...

    async def reset(self, thread: SpdkThread) -> int:
        """Reset the module's device; runs on the app thread."""

    async def let_go(self, thread: SpdkThread) -> None:
        """Release the I/O that faults hold, since they are healed or the device goes; runs on the app thread."""


class Bdev:
    """One bdev as one reactor sees it; the state that all reactors share is in its record."""

    def __init__(
        self,
        reactor: Core,
        bdev_id: int,
        name: str,
        key: int,
        module: Module,
        io_blocks_max: int = 0,
    ) -> None:
        self.reactor = reactor
        self.id = bdev_id
        self.name = name
        self.key = key
        self.module = module
        self.io_blocks_max = io_blocks_max
        self.record = reactor.block.bdevs[bdev_id]
        self.locks: RangeLocks = reactor.classes.range_locks(self)
        self._channel_class: type[BdevChannel] = reactor.classes.bdev_channel

    def new_channel(self, thread: SpdkThread) -> BdevChannel:
        return self._channel_class(self, thread)

    async def quiesce_range(self, thread: SpdkThread, offset: int, length: int) -> int:
        """Hold all new I/O of these blocks and wait for submitted I/O (``spdk_bdev_quiesce_range``)."""
        lock = await self.locks.lock(thread, offset, length, quiesces=True)
        thread.emit("bdev.quiesced", self.id, lock, offset, offset + length)
        return lock

    async def unquiesce_range(self, thread: SpdkThread, lock: int) -> None:
        """Release I/O of the blocks."""
        thread.emit("bdev.unquiesced", self.id, lock)
        await self.locks.unlock(thread, lock)

    async def quiesce(self, thread: SpdkThread) -> int:
        """Quiesce the whole bdev, including blocks by which it grows before the lock is granted."""
        return await self.quiesce_range(thread, 0, EVERYTHING)


class Gate(Enum):
    """What a channel does with new I/O."""

    OPEN = "open"
    RESETTING = "resetting"
    SHUT = "shut"


class Waiting:
    """A request that waits in one of a channel's queues; the future resolves to False when it is aborted."""

    __slots__ = ("future", "io")

    def __init__(self, io: BdevIo) -> None:
        self.io = io
        self.future = Future()


class BdevChannel(IoChannel):
    """A thread's channel of a bdev: the module's channel below it, and its I/O in flight."""

    __slots__ = (
        "_is_retrying",
        "_nomem",
        "_thawing",
        "_watchers",
        "gate",
        "io_free",
        "io_locked",
        "io_submitted",
        "io_wait",
        "module_channel",
        "ranges",
    )
    device: Bdev

    def create(self) -> bool:
        """Get the module's channel first, then copy the ranges that are locked by then, as SPDK does."""
        self.ranges: list[Range] = []
        self.io_submitted: dict[int, BdevIo] = {}
        self.io_locked: list[Waiting] = []
        self.io_wait: deque[Waiting] = deque()
        self._nomem: deque[Waiting] = deque()
        self.io_free = self.thread.reactor.layout.io_pool
        self.gate = Gate.RESETTING if self.device.record.is_resetting else Gate.OPEN
        self._thawing = Waiters()
        self._is_retrying = False
        self._watchers: list[tuple[Callable[[], bool], Future]] = []
        self.module_channel = self.thread.get_io_channel(self.device.module)
        if self.module_channel is None:
            return False
        self.ranges = self.device.locks.for_new_channel()
        return True

    def destroy(self) -> None:
        assert not self.io_submitted, f"{self} is destroyed while I/O is submitted on it"
        assert not self.io_locked, f"{self} is destroyed while I/O waits on it"
        assert not self.io_wait, f"{self} is destroyed while I/O waits for a bdev_io"
        self.thread.put_io_channel(self.module_channel)

    # Submission.

    async def submit(self, io: BdevIo) -> Completion:
        """Execute an I/O; it waits while its blocks are quiesced."""
        if self.io_free:
            self.io_free -= 1
        else:
            waiting = Waiting(io)
            self.io_wait.append(waiting)
            self.thread.emit("bdev.io_wait", self.device.id)
            if not await waiting.future:
                return ABORTED
        completion = ABORTED
        if (not self.ranges or await self._is_let_in(io)) and self.gate is Gate.OPEN:
            number = self.thread.reactor.new_number()
            self.io_submitted[number] = io
            completion = await self._execute(io)
            del self.io_submitted[number]
            if self._watchers:
                self._wake_watchers()
        if self.io_wait:
            # The object goes to the request that has waited longest.
            self.io_wait.popleft().future.resolve(True)
        else:
            self.io_free += 1
        return completion

    async def _is_let_in(self, io: BdevIo) -> bool:
        while self._is_held(io):
            waiting = Waiting(io)
            self.io_locked.append(waiting)
            if not await waiting.future:
                return False
        return True

    def _is_held(self, io: BdevIo) -> bool:
        kind = io.io_type
        # A flush is never held, as in SPDK: it changes no block. A compare-and-write takes its own lock.
        if kind is IoType.FLUSH or kind is IoType.COMPARE_AND_WRITE:
            return False
        changes = kind in CHANGING
        return any(
            io.offset < held.end and held.offset < io.end and (changes or held.quiesces)
            for held in self.ranges
        )

    async def _execute(self, io: BdevIo) -> Completion:
        """Execute an admitted request; its parts pass no further gate."""
        device = self.device
        kind = io.io_type
        if kind not in device.module.supported:
            return await self._emulate(io)
        if device.io_blocks_max and io.count > device.io_blocks_max and kind is not IoType.FLUSH:
            return await self._split(io, device.io_blocks_max)
        completion: Completion = await self.module_channel.execute(io)
        if completion is NOMEM:
            completion = await self._execute_later(io)
        if self._nomem:
            self._nomem.popleft().future.resolve(True)
        return completion

    async def _execute_later(self, io: BdevIo) -> Completion:
        """Retry a request that found no memory below when another one of this channel has completed."""
        completion = NOMEM
        while completion is NOMEM:
            self.thread.emit("bdev.nomem", self.device.id)
            waiting = Waiting(io)
            self._nomem.append(waiting)
            self._retry_nomem_soon()
            if not await waiting.future:
                return ABORTED
            completion = await self.module_channel.execute(io)
        return completion

    def _retry_nomem_soon(self) -> None:
        # The channel can't know whether another request will complete, so a timer is the last resort.
        if not self._is_retrying:
            self._is_retrying = True
            run_flow(self._retry_nomem())

    async def _retry_nomem(self) -> None:
        await self.thread.reactor.sleep(self.thread.id, NOMEM_RETRY_US)
        self._is_retrying = False
        if self._nomem:
            self._nomem.popleft().future.resolve(True)
        if self._nomem:
            self._retry_nomem_soon()

    async def _split(self, io: BdevIo, largest: int) -> Completion:
        """Execute children of a bounded size, a bounded number at a time."""
        self.thread.emit("bdev.split", self.device.id, io.count)
        firsts = range(io.offset, io.end, largest)
        parts = [io.part(first, min(first + largest, io.end)) for first in firsts]
        data: list[bytes] = []
        for start in range(0, len(parts), SPLIT_CHILDREN_MAX):
            children = [self._start_child(part) for part in parts[start:][:SPLIT_CHILDREN_MAX]]
            failed = None
            for child in children:
                completion: Completion = await child
                if completion.status is not IoStatus.SUCCESS:
                    failed = completion
                data.append(completion.data)
            if failed is not None:
                return failed
        return Completion(IoStatus.SUCCESS, b"".join(data))

    def _start_child(self, io: BdevIo) -> Future:
        """Start a part of an admitted request; the gates for new requests don't hold it."""
        child = Future()
        run_flow(self._execute(io), child.resolve)
        return child

    async def _emulate(self, io: BdevIo) -> Completion:
        """Emulate an I/O type that the module doesn't support by those that it does."""
        match io.io_type:
            case IoType.WRITE_ZEROES:
                for first in range(io.offset, io.end, ZERO_BUFFER_BLOCKS):
                    count = min(ZERO_BUFFER_BLOCKS, io.end - first)
                    zeroes = BdevIo(IoType.WRITE, first, count, bytes(count * BLOCK_SIZE), io.fua)
                    completion: Completion = await self._start_child(zeroes)
                    if completion.status is not IoStatus.SUCCESS:
                        return completion
                return SUCCESS
            case IoType.COMPARE:
                return await self._compare(io)
            case IoType.COMPARE_AND_WRITE:
                return await self._compare_and_write(io)
            case _:
                return FAILED

    async def _compare(self, io: BdevIo) -> Completion:
        read = await self._execute(BdevIo(IoType.READ, io.offset, io.count))
        if read.status is not IoStatus.SUCCESS:
            return read
        return SUCCESS if read.data == io.expected else MISCOMPARE

    async def _compare_and_write(self, io: BdevIo) -> Completion:
        """Compare and write atomically: other writers of the blocks are held meanwhile."""
        locks, thread = self.device.locks, self.thread
        lock = await locks.lock(thread, io.offset, io.count, quiesces=False)
        completion = await self._compare(io)
        if completion.status is IoStatus.SUCCESS:
            write = BdevIo(IoType.WRITE, io.offset, io.count, io.data, io.fua)
            completion = await self._execute(write) if self.gate is Gate.OPEN else ABORTED
        await locks.unlock(thread, lock)
        return completion

    def abort(self, io: BdevIo) -> bool:
        """Abort a request that waits here (``spdk_bdev_abort``); return False if it is in flight or complete."""
        for queue in (self.io_locked, self.io_wait, self._nomem):
            for waiting in queue:
                if waiting.io is io:
                    queue.remove(waiting)
                    waiting.future.resolve(False)
                    return True
        return False

    # Visits.

    async def lock_range(self, lock: int, offset: int, end: int, quiesces: bool) -> None:
        """Hold new I/O, then wait for the submitted I/O that overlaps (visit of a lock)."""
        if not any(held.lock == lock for held in self.ranges):  # a channel created meanwhile has it
            self.ranges.append(Range(lock, offset, end, quiesces))
        await self._watch(lambda: not self._has_submitted(offset, end))
        assert not self._has_submitted(offset, end), f"{self} is quiesced with I/O in flight"

    def unlock_range(self, lock: int) -> None:
        """Drop the range and resubmit all held I/O (visit of an unlock)."""
        self.ranges = [held for held in self.ranges if held.lock != lock]
        held_back, self.io_locked = self.io_locked, []
        for waiting in held_back:
            waiting.future.resolve(True)

    def freeze(self) -> None:
        """Abort new I/O from now on, and I/O that waits for memory or a bdev_io (visit of a reset)."""
        if self.gate is Gate.OPEN:
            self.gate = Gate.RESETTING
        for queue in (self._nomem, self.io_wait):
            while queue:
                queue.pop().future.resolve(False)

    def unfreeze(self) -> None:
        """Accept I/O again (visit of a reset's end)."""
        if self.gate is Gate.RESETTING:
            self.gate = Gate.OPEN
            self._thawing.wake()

    async def submit_again(self, io: BdevIo) -> Completion:
        """Resubmit I/O that a reset has aborted once the reset is over; return FAILED after ABORTED_RETRIES_MAX tries."""
        for _ in range(ABORTED_RETRIES_MAX):
            while self.gate is Gate.RESETTING:
                await self._thawing.wait()
            completion = await self.submit(io)
            if completion is not ABORTED:
                return completion
        return FAILED

    def abort_queued(self) -> None:
        """Abort queued I/O; I/O in flight goes on (visit of an unregister)."""
        for queue in (self._nomem, self.io_wait, self.io_locked):
            while queue:
                queue.pop().future.resolve(False)

    def shut(self) -> None:
        """Abort queued I/O and all that is submitted from now on (visit of a bdev that goes out of service)."""
        self.gate = Gate.SHUT
        self.abort_queued()

    def waits(self) -> list[Wait]:
        rows: list[Wait] = [
            (waiting.future, self.device.locks.name_of(held))
            for waiting in self.io_locked
            for held in self.ranges
            if waiting.io.offset < held.end and held.offset < waiting.io.end
        ]
        rows += [(waiting.future, f"a free bdev_io of {self}") for waiting in self.io_wait]
        rows += [(waiting.future, f"memory below {self}") for waiting in self._nomem]
        rows += [(future, f"submitted I/O of {self}") for _, future in self._watchers]
        return rows + self._thawing.waits(f"the reset of {self.device.name}")

    def _has_submitted(self, offset: int, end: int) -> bool:
        # A compare-and-write waits for a lock of its own, and its range is in the table.
        return any(
            io.offset < end
            and offset < io.end
            and io.io_type is not IoType.FLUSH
            and io.io_type is not IoType.COMPARE_AND_WRITE
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
