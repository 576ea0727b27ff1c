"""Partitions of the array, each a bdev of its own for a namespace. Mirrors module/bdev/split.

All have the size that they were configured with, but for the last one: it has the rest, and grows with the array, as a
logical volume at the end would be made to (SPDK's keeps its size).
"""

from __future__ import annotations

from workers.bdev.bdev import Bdev, BdevChannel
from workers.bdev.io import BdevIo, Completion, IoType
from workers.protocol import Layout
from workers.services import EngineCore
from workers.shared import BDEVS_MAX, NAMESPACES_MAX, SLOTS_MAX
from workers.thread import IoChannel, SpdkThread


def partition_id(layout: Layout, number: int) -> int:
    """Return the id of a partition's bdev; they follow the array's passthru."""
    return 2 + 4 * layout.disks + number


assert partition_id(Layout(1, SLOTS_MAX, 1, 1), NAMESPACES_MAX - 1) < BDEVS_MAX, (
    "the control block has too few bdevs for the partitions of the largest array"
)


def partitions(layout: Layout) -> list[int]:
    """Return the bdevs of all partitions; empty: the array has none."""
    if layout.namespaces < 2:
        return []
    return [partition_id(layout, number) for number in range(layout.namespaces)]


def partition_blocks(layout: Layout, number: int, whole: int) -> int:
    """Return the size of a partition of a bdev of this size, in blocks."""
    rest = whole - number * layout.partition_blocks
    is_last = number == layout.namespaces - 1
    return max(0, rest if is_last else min(rest, layout.partition_blocks))


class SplitChannel(IoChannel):
    """A thread's channel of a partition, with the channel of the bdev that is split."""

    __slots__ = ("base_channel",)
    device: SplitDevice

    def create(self) -> bool:
        self.base_channel: BdevChannel | None = self.thread.get_io_channel(self.device.base)
        return self.base_channel is not None

    def destroy(self) -> None:
        assert self.base_channel is not None, f"{self} is destroyed without having been created"
        self.thread.put_io_channel(self.base_channel)

    async def execute(self, io: BdevIo) -> Completion:
        """Forward the request, moved to the partition's place."""
        channel = self.base_channel
        assert channel is not None, f"{self} has no base channel"
        if io.io_type is IoType.FLUSH:
            return await channel.submit(io)
        return await channel.submit(io.shifted(self.device.first))


class SplitDevice:
    """The io_device of a partition; its first block is a block of the bdev that is split."""

    supported: tuple[IoType, ...] = (IoType.READ, IoType.WRITE, IoType.FLUSH, IoType.UNMAP)

    def __init__(self, reactor: EngineCore, key: int, base: Bdev, number: int) -> None:
        self.key = key
        self.base = base
        self.number = number
        self.first = number * reactor.layout.partition_blocks
        self.name = f"partition {number} of {base.name}"
        self._channel_class: type[SplitChannel] = reactor.classes.split_channel

    def new_channel(self, thread: SpdkThread) -> SplitChannel:
        return self._channel_class(self, thread)

    async def let_go(self, thread: SpdkThread) -> None:
        """Do nothing: a partition holds no I/O."""

    async def reset(self, thread: SpdkThread) -> int:
        """Reset the bdev that is split."""
        status: int = await self.base.reactor.services.bdev.reset(thread, self.base)
        return status
