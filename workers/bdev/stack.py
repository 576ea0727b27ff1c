"""Stacked bdevs (passthru, delay, error), and the ids of bdevs. Mirrors module/bdev/{passthru,delay,error}.

As in SPDK, each is configured by the name of its base bdev: it appears and disappears with that one.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from workers.bdev.bdev import Bdev, BdevChannel
from workers.bdev.io import FAILED, NOMEM, BdevIo, Completion, IoType
from workers.protocol import Layout
from workers.services import EngineCore
from workers.shared import BDEVS_MAX, SLOTS_MAX
from workers.thread import Future, IoChannel, SpdkThread, Wait


class Stack(IntFlag):
    """The kinds of stacked bdevs: on a disk, bottom up, and on the array."""

    ERROR = 1
    DELAY = 2
    PASSTHRU = 4


class ErrorType(IntEnum):
    """The result of an injected error (``bdev_error_inject_error``)."""

    FAILURE = 1
    PENDING = 2
    NOMEM = 3


# Bdev ids: the disks, the array, then one of each kind per disk, and the array's passthru.


def raid_bdev_id(layout: Layout) -> int:
    """Return the id of the array's bdev."""
    return layout.disks


def stacked_bdev_id(layout: Layout, kind: Stack, disk: int) -> int:
    """Return the id of the bdev of this kind on a disk."""
    place = {Stack.ERROR: 0, Stack.DELAY: 1, Stack.PASSTHRU: 2}[kind]
    return 1 + layout.disks * (1 + place) + disk


def raid_passthru_id(layout: Layout) -> int:
    """Return the id of the passthru bdev on the array."""
    return 1 + 4 * layout.disks


assert raid_passthru_id(Layout(1, SLOTS_MAX, 1, 1)) < BDEVS_MAX, (
    "the control block has too few bdevs for the disks of the largest array"
)


def stack_of(layout: Layout, disk: int) -> list[Stack]:
    """Return the kinds of bdevs that stand on this disk, bottom up."""
    kinds = layout.stacks[disk] if layout.stacks else 0
    return [kind for kind in Stack if kinds & kind] if kinds else []


def member_bdev_id(layout: Layout, disk: int) -> int:
    """Return the id of the top of a disk's stack, which may become a member of an array."""
    kinds = stack_of(layout, disk)
    return stacked_bdev_id(layout, kinds[-1], disk) if kinds else disk


def disk_of(layout: Layout, bdev: int) -> int:
    """Return the disk at the bottom; the bdev must not be the array or stand on it."""
    return bdev if bdev < layout.disks else (bdev - 1) % layout.disks


class StackedChannel(IoChannel):
    """A thread's channel of the module, with the base bdev's channel."""

    __slots__ = ("base_channel", "pending")
    device: StackedDevice

    def create(self) -> bool:
        self.pending: list[Future] = []
        self.base_channel: BdevChannel | None = self.thread.get_io_channel(self.device.base)
        return self.base_channel is not None

    def destroy(self) -> None:
        assert not self.pending, f"{self} is destroyed with I/O pending"
        assert self.base_channel is not None, f"{self} is destroyed without having been created"
        self.thread.put_io_channel(self.base_channel)

    async def execute(self, io: BdevIo) -> Completion:
        """Forward the request to the base bdev."""
        channel = self.base_channel
        assert channel is not None, f"{self} has no base channel"
        return await channel.submit(io)

    def waits(self) -> list[Wait]:
        return [
            (held, f"the end of the fault that makes {self.device.name} hold it")
            for held in self.pending
        ]

    def resume_pending(self) -> None:
        """Release I/O that an error bdev holds (visit)."""
        pending, self.pending = self.pending, []
        for held in pending:
            held.resolve()


class DelayChannel(StackedChannel):
    """A channel that completes I/O later than its base does."""

    __slots__ = ()

    async def execute(self, io: BdevIo) -> Completion:
        completion = await super().execute(io)
        latency_us = self.device.record.latency_us
        if latency_us:
            self.thread.emit("bdev.delayed", self.device.disk)
            await self.thread.reactor.sleep(self.thread.id, latency_us)
        return completion


class ErrorChannel(StackedChannel):
    """A channel that fails, holds or refuses I/O as configured."""

    __slots__ = ()

    async def execute(self, io: BdevIo) -> Completion:
        hit = self.device.record.errors.hit(io.io_type)
        if hit:
            kind = ErrorType(hit)
            self.thread.emit("bdev.error_injected", self.device.disk, kind, io.io_type)
            match kind:
                case ErrorType.FAILURE:
                    return FAILED
                case ErrorType.NOMEM:
                    return NOMEM
                case ErrorType.PENDING:
                    held = Future()
                    self.pending.append(held)
                    await held
        return await super().execute(io)


class StackedDevice:
    """The io_device of a stacked bdev."""

    supported: tuple[IoType, ...] = (IoType.READ, IoType.WRITE, IoType.FLUSH, IoType.UNMAP)

    def __init__(
        self, reactor: EngineCore, key: int, kind: Stack, base: Bdev, bdev_id: int
    ) -> None:
        self.reactor = reactor
        self.key = key
        self.kind = kind
        self.base = base
        self.record = reactor.block.bdevs[bdev_id]
        self.disk = disk_of(reactor.layout, base.id) if kind is not Stack.PASSTHRU else -1
        self.name = f"{kind.name.lower() if kind.name else kind} of {base.name}"
        self._channel_class: type[StackedChannel] = {
            Stack.ERROR: reactor.classes.error_channel,
            Stack.DELAY: reactor.classes.delay_channel,
            Stack.PASSTHRU: reactor.classes.passthru_channel,
        }[kind]

    def new_channel(self, thread: SpdkThread) -> StackedChannel:
        return self._channel_class(self, thread)

    async def let_go(self, thread: SpdkThread) -> None:
        """Stop injecting errors and delays, and release held I/O."""
        self.record.errors.clear()
        self.record.latency_us = 0
        await thread.for_each_channel(self, "resume_pending")

    async def reset(self, thread: SpdkThread) -> int:
        """Release held I/O, and reset the base bdev."""
        await thread.for_each_channel(self, "resume_pending")
        return await self.reactor.services.bdev.reset(thread, self.base)
