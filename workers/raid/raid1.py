"""The RAID1 level: read balancing, retry and repair; write, unmap and flush. Mirrors ``raid1.c``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from workers.bdev.bdev import BdevChannel
from workers.bdev.io import BLOCK_SIZE, FAILED, SUCCESS, BdevIo, Completion, IoStatus, IoType
from workers.core import Core
from workers.shared import SLOTS_MAX
from workers.thread import Future, IoChannel, SpdkThread, run_flow

READ_ROUNDS = 2

if TYPE_CHECKING:
    from workers.raid.array import ProcessedChannel, RaidBdev, RaidChannel


class Raid1Channel(IoChannel):
    """A thread's module context: the number of blocks being read, per slot."""

    __slots__ = ("read_blocks_outstanding",)

    def create(self) -> bool:
        self.read_blocks_outstanding = [0] * SLOTS_MAX
        return True


class Raid1Device:
    """raid1's own io_device."""

    def __init__(self, reactor: Core, key: int, name: str) -> None:
        self.key = key
        self.name = f"{name} (raid1)"
        self._channel_class: type[Raid1Channel] = reactor.classes.raid1_channel

    def new_channel(self, thread: SpdkThread) -> Raid1Channel:
        return self._channel_class(self, thread)


class Part(NamedTuple):
    """A member's part of a write: the slot, the member's generation there, and the future of its completion."""

    slot: int
    generation: int
    base: BdevChannel
    ending: Future


class Raid1:
    """The RAID level: executes a request on the paths it may use."""

    def __init__(self, raid: RaidBdev) -> None:
        self.raid = raid

    async def submit(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        """Execute a request on these paths of a channel."""
        if io.io_type is IoType.READ:
            return await self.read(channel, paths, io)
        return await self.write(channel, paths, io)

    def module_context(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel
    ) -> Raid1Channel:
        """Return the read counters of these paths."""
        context = paths.module_channel
        # SPDK's own assertion, so that its users recognise it.
        assert context is not None, (
            "raid_bdev_channel_get_module_ctx: Assertion 'raid_ch->module_channel != NULL' failed"
            f" ({channel})"
        )
        return context

    def read_order(self, context: Raid1Channel, paths: RaidChannel | ProcessedChannel) -> list[int]:
        """Return the slots to try: the least busy one first, then the others in order."""
        readable = self.readable(paths)
        if len(readable) > 1:
            best = min(readable, key=context.read_blocks_outstanding.__getitem__)
            if best != readable[0]:
                readable.remove(best)
                readable.insert(0, best)
        return readable

    def readable(self, paths: RaidChannel | ProcessedChannel) -> list[int]:
        """Return the slots that may serve reads, which excludes members that have missed a write."""
        slots = self.raid.record.slots
        return [
            number
            for number, base in enumerate(paths.base_channels)
            if base is not None and not slots[number].is_failed
        ]

    async def read(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        """Read from one member; on an error read from the next one, then repair the first."""
        context = self.module_context(channel, paths)
        unreadable: list[tuple[int, int]] = []
        # A member may have recovered by the time the last one fails, so each gets a second try.
        for _ in range(READ_ROUNDS):
            for number in self.read_order(context, paths):
                base = paths.base_channels[number]
                if base is None:
                    continue
                generation = self.raid.record.slots[number].generation
                offset = paths.data_offsets[number]
                context.read_blocks_outstanding[number] += io.count
                completion = await base.submit(io.shifted(offset) if offset else io)
                if completion.status is IoStatus.ABORTED:
                    completion = await base.submit_again(io.shifted(offset))
                context.read_blocks_outstanding[number] -= io.count
                if completion.status is IoStatus.SUCCESS:
                    length = len(completion.data)
                    assert length == io.count * BLOCK_SIZE, "a member's read has another length"
                    if unreadable:
                        await self.correct(channel, paths, unreadable, io, completion.data)
                    return completion
                unreadable.append((number, generation))
        return FAILED

    async def write(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        """Write (unmap, flush) to every member; a member with an error is failed before the acknowledgement."""
        slots = self.raid.record.slots
        offsets = paths.data_offsets
        under_way = [
            Part(
                number,
                slots[number].generation,
                base,
                _start(base, io.shifted(offsets[number]) if offsets[number] else io),
            )
            for number, base in enumerate(paths.base_channels)
            if base is not None
        ]
        failed = []
        holders = 0
        for part in under_way:
            completion = await part.ending
            if completion.status is IoStatus.ABORTED:
                # The member is being reset, which is no fault of it.
                again = io.shifted(offsets[part.slot])
                completion = await part.base.submit_again(again)
            if completion.status is not IoStatus.SUCCESS:
                failed.append(part)
            elif not slots[part.slot].is_failed:
                holders += 1
        if not holders:
            # No readable copy has the data, so the client gets an error, and no member is worse than another.
            return FAILED
        return await self.fail_members(channel.thread, failed) if failed else SUCCESS

    async def fail_members(self, thread: SpdkThread, failed: list[Part]) -> Completion:
        """Remove the members that missed a write from the read set, then acknowledge it."""
        for part in failed:
            if not await self.raid.fail_base_bdev(thread, part.slot, part.generation):
                return FAILED
        return SUCCESS

    # Read-error repair.

    async def correct(
        self,
        channel: RaidChannel,
        paths: RaidChannel | ProcessedChannel,
        unreadable: list[tuple[int, int]],
        io: BdevIo,
        data: bytes,
    ) -> None:
        """Rewrite the blocks where they couldn't be read; the read itself doesn't wait for it.

        The data of the read can't be used: a client may have written the blocks since.
        """
        for number, generation in unreadable:
            if number not in channel.repairing:
                channel.repairing[number] = generation
                run_flow(self.repair(channel, number, generation, io))

    async def repair(self, channel: RaidChannel, number: int, generation: int, io: BdevIo) -> None:
        """Copy the blocks from another member, while writes to them are held.

        SPDK writes the data of the failed read without a lock, and so overwrites newer client data.
        """
        thread = channel.thread
        held = thread.get_io_channel(self.raid)
        locks = self.raid.reactor.services.raid_bdev.locks
        lock = await locks.lock(thread, io.offset, io.count, quiesces=False)
        if self._is_worth_repairing(channel, number, generation):
            status = await self._copy_from_others(channel, number, io)
            thread.emit("raid.read_repaired", number, io.offset, io.count, int(status))
            if not status:
                await self.raid.fail_base_bdev(thread, number, generation)
        await locks.unlock(thread, lock)
        del channel.repairing[number]
        thread.put_io_channel(held)

    def _is_worth_repairing(self, channel: RaidChannel, number: int, generation: int) -> bool:
        slot = self.raid.record.slots[number]
        return (
            slot.generation == generation
            and not slot.is_failed
            and channel.base_channels[number] is not None
        )

    async def _copy_from_others(self, channel: RaidChannel, number: int, io: BdevIo) -> bool:
        for other in self.read_order(self.module_context(channel, channel), channel):
            source, target = channel.base_channels[other], channel.base_channels[number]
            if other == number or source is None or target is None:
                continue
            read = await source.submit(io.shifted(channel.data_offsets[other]))
            if read.status is IoStatus.SUCCESS:
                first = io.offset + channel.data_offsets[number]
                written = await target.submit(BdevIo(IoType.WRITE, first, io.count, read.data))
                return written.status in (IoStatus.SUCCESS, IoStatus.ABORTED)
        return True  # no source can be read now, which is no fault of this member


def _start(base: BdevChannel, io: BdevIo) -> Future:
    """Submit now; the future resolves to the completion."""
    future = Future()
    run_flow(base.submit(io), future.resolve)
    return future
