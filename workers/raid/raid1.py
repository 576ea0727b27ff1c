"""RAID1 itself: read balancing and retry, writes to every member, flush. Mirrors ``raid1.c``.

Read-error repair, unmap and reset have their place in :class:`Raid1`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from workers.bdev.bdev import BdevChannel
from workers.bdev.io import FAILED, SUCCESS, BdevIo, Completion, IoStatus, IoType
from workers.shared import SLOTS_MAX
from workers.thread import Future, IoChannel, SpdkThread, run_flow

if TYPE_CHECKING:
    from workers.raid.array import ProcessedChannel, RaidBdev, RaidChannel
    from workers.reactor import Reactor


class Raid1Channel(IoChannel):
    """A thread's module context: blocks being read, per slot."""

    __slots__ = ("read_blocks_outstanding",)

    def create(self) -> bool:
        self.read_blocks_outstanding = [0] * SLOTS_MAX
        return True


class Raid1Device:
    """raid1's own io_device."""

    def __init__(self, reactor: Reactor, key: int, name: str) -> None:
        self.key = key
        self.name = f"{name} (raid1)"
        self._channel_class = reactor.classes.raid1_channel

    def new_channel(self, thread: SpdkThread) -> Raid1Channel:
        return self._channel_class(self, thread)


class Part(NamedTuple):
    """A member's part of a write: the slot, the member's generation there, and how it ends."""

    slot: int
    generation: int
    ending: Future


class Raid1:
    """The RAID level: what happens to one request on the paths it may use."""

    def __init__(self, raid: RaidBdev) -> None:
        self.raid = raid

    async def submit(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        """Execute a request on the given paths of a channel."""
        if io.io_type is IoType.READ:
            return await self.read(channel, paths, io)
        return await self.write(channel, paths, io)

    def module_context(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel
    ) -> Raid1Channel:
        """The read counters of these paths."""
        context = paths.module_channel
        # SPDK's own assertion, so that its users recognise it.
        assert context is not None, (
            "raid_bdev_channel_get_module_ctx: Assertion 'raid_ch->module_channel != NULL' failed"
            f" ({channel})"
        )
        return context

    def read_order(self, context: Raid1Channel, paths: RaidChannel | ProcessedChannel) -> list[int]:
        """Slots to try: the least busy one first, then the others as they come."""
        slots = self.raid.record.slots
        readable = [
            number
            for number, base in enumerate(paths.base_channels)
            if base is not None and not slots[number].is_failed
        ]
        if len(readable) > 1:
            best = min(readable, key=context.read_blocks_outstanding.__getitem__)
            if best != readable[0]:
                readable.remove(best)
                readable.insert(0, best)
        return readable

    async def read(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        """Read from one member; on an error, from the next one."""
        context = self.module_context(channel, paths)
        for number in self.read_order(context, paths):
            base = paths.base_channels[number]
            if base is None:
                continue
            context.read_blocks_outstanding[number] += io.count
            completion: Completion = await base.submit(io)
            context.read_blocks_outstanding[number] -= io.count
            if completion.status is IoStatus.SUCCESS:
                return completion
        return FAILED

    async def write(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        """Write (or flush) to every member; one that fails is failed before the write is acknowledged."""
        slots = self.raid.record.slots
        under_way = [
            Part(number, slots[number].generation, _start(base, io))
            for number, base in enumerate(paths.base_channels)
            if base is not None
        ]
        failed = []
        for part in under_way:
            completion = await part.ending
            if completion.status is not IoStatus.SUCCESS:
                failed.append(part)
        if len(failed) == len(under_way):
            # No copy has it: an error to the client, and no member is worth less than another.
            return FAILED
        return self.fail_members(channel.thread, failed)

    def fail_members(self, thread: SpdkThread, failed: list[Part]) -> Completion:
        """Take the members that missed a write out of the read set, then acknowledge it."""
        for part in failed:
            if not self.raid.fail_base_bdev(thread, part.slot, part.generation):
                return FAILED
        return SUCCESS


def _start(base: BdevChannel, io: BdevIo) -> Future:
    """Submit now; the future brings the completion."""
    future = Future()
    run_flow(base.submit(io), future.resolve)
    return future
