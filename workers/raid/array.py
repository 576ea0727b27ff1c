"""An array on its threads: the RAID channel, its processed twin, and the routing around a rebuild's offset.

Mirrors ``bdev_raid.c`` (channel creation, ``raid_bdev_submit_rw_request``).
"""

from __future__ import annotations

from workers.bdev.bdev import Bdev, BdevChannel
from workers.bdev.io import BdevIo, Completion, IoStatus, IoType
from workers.bdev.stack import disk_of
from workers.errors import OK
from workers.protocol import APP_THREAD
from workers.raid.raid1 import Raid1, Raid1Channel
from workers.services import EngineCore
from workers.shared import ProcessState, RaidState, Slot
from workers.thread import Future, IoChannel, IoDevice, SpdkThread, Wait

OFFSET_INVALID = -1


class RaidBdev:
    """The array as one reactor sees it: the io_device of RAID channels, and the record that all reactors share."""

    supported: tuple[IoType, ...] = (IoType.READ, IoType.WRITE, IoType.FLUSH, IoType.UNMAP)

    def __init__(self, reactor: EngineCore, name: str, key: int, raid1_device: IoDevice) -> None:
        self.reactor = reactor
        self.name = f"{name} (raid)"
        self.key = key
        self.record = reactor.block.raid
        self.raid1_device = raid1_device
        self.module: Raid1 = reactor.classes.raid1(self)
        self._channel_class: type[RaidChannel] = reactor.classes.raid_channel
        self.processed_class: type[ProcessedChannel] = reactor.classes.processed_channel

    def new_channel(self, thread: SpdkThread) -> RaidChannel:
        return self._channel_class(self, thread)

    def base_bdev(self, slot: Slot) -> Bdev:
        """Return the bdev in a slot."""
        assert slot.bdev, "an empty slot has no base bdev"
        return self.reactor.services.bdev.bdevs[slot.bdev - 1]

    @property
    def slots(self) -> list[Slot]:
        return self.record.slots[: self.record.num_slots]

    def sources_without(self, excluded: Slot) -> int:
        """Return how many members besides this one hold all acknowledged data."""
        return sum(1 for slot in self.slots if slot is not excluded and is_in_sync(slot))

    def is_last(self, slot: Slot) -> bool:
        """Return whether no other member is left to read from.

        A member on its way out, such as the target of a failed rebuild, isn't needed while another one serves. That
        holds even if the other one is about to be removed as well.
        """
        if slot.is_configured:
            return self.sources_without(slot) == 0
        return not any(is_serviceable(other) for other in self.slots)

    def has_source(self) -> bool:
        """Return whether there is a member to rebuild from."""
        return any(is_in_sync(slot) for slot in self.slots)

    def check_counts(self) -> None:
        """Assert what SPDK asserts of the array's counters; called after each change of them or of a slot."""
        record = self.record
        configured = sum(slot.is_configured for slot in self.slots)
        assert record.discovered == configured, "discovered members and configured slots differ"
        assert record.operational <= record.num_slots, "more members operate than there are slots"

    async def fail_base_bdev(self, thread: SpdkThread, number: int, generation: int) -> bool:
        """Fail a member that missed a write: no channel reads from it from now on, and it is removed soon.

        Return when the superblocks of the others record it. A restart then can't use the failed member as a good one
        and lose what is acknowledged after this. Return False if the write must fail instead: it is the last readable
        member, which never fails, or no superblock could be written.
        """
        slot = self.record.slots[number]
        # A flush can outlive the member it failed on: no quiesce waits for it.
        if slot.generation != generation:
            return True
        if not slot.is_failed:
            if not slot.is_process_target and self.is_last(slot):
                return False
            slot.is_failed = 1
            thread.emit("raid.member_failed", number, self.disk_in(slot))
        return await self.report_failed(thread, number, generation)

    async def report_failed(self, thread: SpdkThread, number: int, generation: int) -> bool:
        """Have the app thread record the failure and remove the member; return False if no superblock was written."""
        if not self.record.has_superblock:
            thread.send(APP_THREAD, "membership.fail_base_bdev", number, generation)
            return True
        status: int = await thread.call(APP_THREAD, "membership.fail_base_bdev", number, generation)
        return status == OK

    def disk_in(self, slot: Slot) -> int:
        """Return the disk at the bottom of a slot's member."""
        assert slot.bdev, "an empty slot has no disk"
        return disk_of(self.reactor.layout, slot.bdev - 1)

    async def let_go(self, thread: SpdkThread) -> None:
        """Do nothing: the array itself holds no I/O."""

    async def reset(self, thread: SpdkThread) -> int:
        """Reset every member; return the first error of these resets."""
        thread.emit("raid.reset")
        worst = OK
        for slot in self.slots:
            if slot.bdev and slot.is_configured:
                status = await self.reactor.services.bdev.reset(thread, self.base_bdev(slot))
                worst = worst or status
        return worst


def is_serviceable(slot: Slot) -> bool:
    """Return whether this member holds all acknowledged data."""
    return bool(slot.is_configured and not slot.is_process_target and not slot.is_failed)


def is_in_sync(slot: Slot) -> bool:
    """Return whether this member holds all acknowledged data and isn't about to be removed."""
    return is_serviceable(slot) and not slot.remove_scheduled


def _mask(channels: list[BdevChannel | None]) -> int:
    # Each move of a rebuild's window calls this twice, and a sum over a generator takes twice as long as a loop.
    mask, bit = 0, 1
    for channel in channels:
        if channel is not None:
            mask |= bit
        bit <<= 1
    return mask


class ProcessedChannel:
    """The twin for rebuilt blocks: the same base channels plus the rebuild target."""

    __slots__ = ("base_channels", "data_offsets", "module_channel")

    def __init__(self, channel: RaidChannel, slot: int, target: BdevChannel) -> None:
        self.data_offsets = channel.data_offsets
        self.base_channels = list(channel.base_channels)
        self.base_channels[slot] = target
        self.module_channel = channel.module_channel


class RaidChannel(IoChannel):
    """A thread's channel of the array: one base channel per slot, and its view of the rebuild."""

    __slots__ = (
        "base_channels",
        "data_offsets",
        "flushes",
        "module_channel",
        "process_offset",
        "processed",
        "repairing",
        "target_channel",
    )
    device: RaidBdev

    def __init__(self, device: RaidBdev, thread: SpdkThread) -> None:
        super().__init__(device, thread)
        self.base_channels: list[BdevChannel | None] = []
        self.data_offsets: list[int] = []  # blocks, by slot
        self.flushes: dict[int, Future] = {}  # in flight; no quiesce waits for them
        self.repairing: dict[int, int] = {}  # slot -> the member's generation
        self.module_channel: Raid1Channel | None = None
        self.process_offset = OFFSET_INVALID
        self.target_channel: BdevChannel | None = None
        self.processed: ProcessedChannel | None = None

    def create(self) -> bool:
        # The twin copies the module channel, so that comes before the process.
        complete = (
            self.take_base_channels() and self.take_module_channel() and self.set_up_process()
        )
        if complete:
            self.tell("raid.channel_created")
        else:
            taken = [channel for channel in self.base_channels if channel is not None]
            new = sum(channel.references == 1 for channel in taken)
            self.thread.emit("raid.channel_failed", len(taken), new)
            self.give_back()
        return complete

    def destroy(self) -> None:
        self.thread.emit("raid.channel_destroyed")
        self.give_back()

    def tell(self, probe: str = "raid.channel") -> None:
        """Emit this channel's view of the array: its members as a bit mask of slots, and the rebuild."""
        processed = self.processed
        self.thread.emit(
            probe,
            _mask(self.base_channels),
            self.process_offset,
            -1 if processed is None else _mask(processed.base_channels),
        )

    def take_base_channels(self) -> bool:
        """Get a channel of each member but the rebuild target; return False if that fails."""
        if self.device.record.state != RaidState.ONLINE:
            return False  # on its way out: no new channel may use it
        for slot in self.device.slots:
            self.data_offsets.append(slot.data_offset)
            channel = None
            if self.may_use(slot):
                channel = self.thread.get_io_channel(self.device.base_bdev(slot))
                if channel is None:
                    return False
            self.base_channels.append(channel)
        return True

    def may_use(self, slot: Slot) -> bool:
        """Return whether a channel created now takes the member in this slot."""
        return bool(slot.is_configured and not slot.is_process_target)

    def take_module_channel(self) -> bool:
        """Get raid1's own channel; return False if that fails."""
        self.module_channel = self.thread.get_io_channel(self.device.raid1_device)
        return self.module_channel is not None

    def set_up_process(self) -> bool:
        """Join the rebuild, if one is running; return False if that fails."""
        if self.device.record.process_state == ProcessState.NONE or self.processed is not None:
            return True
        return self.join_process()

    def join_process(self) -> bool:
        """Build the twin, with a channel of the rebuild target (``raid_bdev_ch_process_setup``); return False if that fails."""
        record = self.device.record
        slot = record.process_slot
        self.target_channel = self.thread.get_io_channel(self.device.base_bdev(record.slots[slot]))
        if self.target_channel is None:
            return False
        self.data_offsets[slot] = record.slots[slot].data_offset
        self.processed = self.device.processed_class(self, slot, self.target_channel)
        self.process_offset = record.window_offset
        return True

    def give_back(self) -> None:
        """Put everything this channel holds."""
        for channel in self.base_channels:
            if channel is not None:
                self.thread.put_io_channel(channel)
        if self.target_channel is not None:
            self.thread.put_io_channel(self.target_channel)
        if self.module_channel is not None:
            self.thread.put_io_channel(self.module_channel)

    # Visits of channel iterations.

    def start_process(self) -> int:
        """Join the rebuild that starts; a channel created since has joined it already."""
        if not self.set_up_process():
            return -1
        self.tell()
        return 0

    def advance_process(self, offset: int) -> None:
        """Route blocks below the offset to the twin from now on, since a window is on the target."""
        assert self.processed is not None, f"{self} doesn't know the rebuild whose offset moves"
        assert offset >= self.process_offset, f"the rebuild offset of {self} goes back"
        self.process_offset = offset
        self.tell()

    async def finish_process(self, number: int, status: int) -> None:
        """Make the rebuild's target a member of this channel, or drop it."""
        target, self.target_channel = self.target_channel, None
        self.processed = None
        self.process_offset = OFFSET_INVALID
        if target is None:
            return
        if status == 0:
            assert self.base_channels[number] is None, "the target's slot is taken on this channel"
            self.base_channels[number] = target
            self.tell()
            return
        self.tell()
        await self.flushed()
        self.thread.put_io_channel(target)

    async def remove_member(self, number: int) -> None:
        """Drop a member and wait for the I/O submitted to it."""
        channel, self.base_channels[number] = self.base_channels[number], None
        if self.processed is not None:
            self.processed.base_channels[number] = None
        self.tell()
        if channel is None:
            return
        # The array's quiesce doesn't cover flushes, so one may still be in flight here.
        await self.flushed()
        self.thread.put_io_channel(channel)

    async def flushed(self) -> None:
        """Await the flushes that are in flight now."""
        for flush in list(self.flushes.values()):
            await flush

    def waits(self) -> list[Wait]:
        return [(ended, f"flush {number} of {self}") for number, ended in self.flushes.items()]

    # Client I/O.

    async def execute(self, io: BdevIo) -> Completion:
        """Execute an I/O; a change waits until earlier ones of its blocks have ended."""
        if io.io_type is IoType.FLUSH:
            return await self._flush(io)
        if io.io_type is IoType.READ:
            return await self.route(io)
        order = self.device.reactor.services.write_order
        number = await order.enter(self.thread, io.offset, io.end)
        completion = await self.route(io)
        order.leave(self.thread, number)
        return completion

    async def route(self, io: BdevIo) -> Completion:
        """Send rebuilt blocks through the twin, others through the plain channel."""
        offset = self.process_offset
        module = self.device.module
        if offset == OFFSET_INVALID or io.offset >= offset:
            return await module.submit(self, self, io)
        twin = self.processed
        assert twin is not None, f"{self} has a rebuild offset and no processed twin"
        if io.end <= offset:
            return await module.submit(self, twin, io)
        self.thread.emit("raid.straddled", io.io_type, io.offset, io.end, offset)
        upper = await module.submit(self, self, io.part(offset, io.end))
        if upper.status is not IoStatus.SUCCESS:
            return upper
        lower = await module.submit(self, twin, io.part(io.offset, offset))
        return Completion(lower.status, lower.data + upper.data)

    async def _flush(self, io: BdevIo) -> Completion:
        """Flush all members, including the rebuild target."""
        number = self.thread.reactor.new_number()
        ended = self.flushes[number] = Future()
        completion = await self.device.module.submit(self, self.processed or self, io)
        del self.flushes[number]
        ended.resolve()
        return completion
