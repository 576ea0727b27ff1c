"""The rebuild: a background process that copies the array window by window onto a new member.

Mirrors ``raid_bdev_process`` in ``bdev_raid.c``. It begins and ends on the app thread. Its windows run on their own
thread, with their own RAID channel.
"""

from __future__ import annotations

from workers.bdev.bdev import Bdev
from workers.bdev.io import BdevIo, IoStatus, IoType
from workers.errors import EIO, ENODEV, OK
from workers.protocol import APP_THREAD
from workers.raid.array import RaidBdev, RaidChannel
from workers.raid.metadata import Metadata
from workers.raid.slots import Slots
from workers.raid.superblock import EntryState
from workers.services import EngineCore
from workers.shared import ProcessState
from workers.thread import Future, SpdkThread, Wait, run_flow

END_OF_REBUILD = "the end of the rebuild"  # the name in wait chains


class Rebuild:
    """Service ``rebuild``."""

    def __init__(
        self, reactor: EngineCore, raid: RaidBdev, bdev: Bdev, metadata: Metadata, slots: Slots
    ) -> None:
        self.reactor = reactor
        self.raid = raid
        self.metadata = metadata
        self.slots = slots
        self.bdev = bdev
        self.record = raid.record
        # App thread: from begin() to the end of finish(); process_state is NONE before that.
        self.is_under_way = False
        self._ended: list[Future] = []
        self._channel: RaidChannel | None = None  # process thread

    # On the app thread.

    def begin(self, thread: SpdkThread, number: int) -> None:
        """Start a rebuild with the member in this slot as its target."""
        assert self.raid.has_source(), "a rebuild begins without a member to copy from"
        self.is_under_way = True
        record = self.record
        slot = record.slots[number]
        slot.is_process_target = 1
        slot.is_configured = 1
        record.process_slot = number
        record.process_status = OK
        record.process_thread = 0
        record.window_offset = 0
        record.discovered += 1
        record.operational += 1
        self.raid.check_counts()
        thread.emit("rebuild.started", number, self.raid.disk_in(slot))
        run_flow(self._start(thread))

    async def _start(self, thread: SpdkThread) -> None:
        record = self.record
        status = await self.announce(thread)
        if status and record.process_status == OK:
            record.process_status = status
        if record.process_status != OK:
            # A channel couldn't join, or the target or the last source was removed, so the rebuild ends here.
            await self.finish(thread)
            return
        process_thread = self.reactor.take_thread_id()
        record.process_thread = process_thread + 1
        await thread.call(process_thread, "reactor.create_thread", f"{self.bdev.name}_rebuild")
        thread.send(process_thread, "rebuild.run")

    async def announce(self, thread: SpdkThread) -> int:
        """Publish the rebuild, then visit all channels.

        Published first, so that a channel created during the iteration joins the rebuild when it is created.
        """
        self.record.process_state = ProcessState.INIT
        status: int = await thread.for_each_channel(self.raid, "start_process")
        return status

    async def stop(self, thread: SpdkThread) -> None:
        """Ask the rebuild to stop, and await its end; one that has copied everything still succeeds."""
        record = self.record
        if record.process_state == ProcessState.NONE:
            pass  # it is in finish(), and its thread may be gone
        elif record.process_thread:
            thread.send(record.process_thread - 1, "rebuild.stop_requested")
        else:
            self._request_stop()
        ended = Future()
        self._ended.append(ended)
        await ended

    async def finish(self, thread: SpdkThread) -> None:
        """Make the target a member, or drop it, after the last window (message)."""
        record = self.record
        number = record.process_slot
        slot = record.slots[number]
        if record.process_status == OK:
            # The superblock may call the target CONFIGURED only when the copied data is on its medium.
            record.process_status = await self.metadata.flush(thread, number)
        lock = await self.bdev.quiesce(thread)
        disk = self.raid.disk_in(slot)
        # The result is fixed here, so that it is the same on all channels. A failed write to the target was marked
        # before its acknowledgement, and the quiesce has waited for all writes.
        status = record.process_status or (EIO if slot.is_failed else OK)
        if status == OK:
            # It may just have grown, where reactors run at the same time.
            is_whole = record.window_offset >= self.bdev.record.num_blocks
            status = await self._write_down(thread, number) if is_whole else EIO
        record.process_state = ProcessState.NONE
        slot.is_process_target = 0
        if status != OK:
            slot.is_configured = 0
            record.discovered -= 1
        self.raid.check_counts()
        await thread.for_each_channel(self.raid, "finish_process", number, status)
        if status != OK:
            self.slots.release(number)
            record.operational -= 1
        self.raid.check_counts()
        # Emitted before client I/O resumes, and before a removal that waits for the quiesce can overtake it.
        thread.emit("rebuild.finished", number, disk, status)
        await self.bdev.unquiesce_range(thread, lock)
        if record.process_thread:
            # A repair on that thread may wait for its range lock, so the array must not be quiesced here.
            await thread.call(record.process_thread - 1, "rebuild.exit")
            record.process_thread = 0
        self.is_under_way = False
        thread.send(thread.id, "membership.rebuild_ended")
        self.reactor.services.examine.serve_returning(thread)
        ended, self._ended = self._ended, []
        for future in ended:
            future.resolve()

    async def _write_down(self, thread: SpdkThread, number: int) -> int:
        """Make the target CONFIGURED in the superblock, before any channel takes it as a member."""
        if not self.record.has_superblock:
            return OK
        # Until here the slot is still its former member's, which is taken in again if the superblocks can't be written.
        slot = self.record.slots[number]
        identity = self.raid.base_bdev(slot).record.identity
        former = self.metadata.set_member(number, identity, slot.data_offset)
        status = await self.metadata.write(thread)
        if status != OK:
            self.metadata.restore(former)
        elif self.metadata.state_of(number) is not EntryState.CONFIGURED:
            status = EIO  # its own superblock couldn't be written
        return status

    def waits(self) -> list[Wait]:
        """Return the waits for its end."""
        return [(ended, END_OF_REBUILD) for ended in self._ended]

    # On the process thread.

    def stop_requested(self, thread: SpdkThread) -> None:
        """Stop, since the target or the last source is being removed (message)."""
        self._request_stop()

    def _request_stop(self) -> None:
        record = self.record
        if record.process_state in (ProcessState.INIT, ProcessState.RUNNING):
            record.process_state = ProcessState.STOPPING
            record.process_status = ENODEV

    async def run(self, thread: SpdkThread) -> None:
        """Copy window after window (message)."""
        record = self.record
        self._channel = thread.get_io_channel(self.raid)
        if self._channel is None:
            record.process_status = record.process_status or EIO
            record.process_state = ProcessState.STOPPING
        elif record.process_state == ProcessState.INIT:
            record.process_state = ProcessState.RUNNING
        while record.process_state == ProcessState.RUNNING:
            if record.window_offset >= self.bdev.record.num_blocks:
                record.process_state = ProcessState.STOPPING
            else:
                await self.copy_window(thread)
                await self.keep_to_bandwidth(thread)
        thread.send(APP_THREAD, "rebuild.finish")

    async def copy_window(self, thread: SpdkThread) -> None:
        """Lock a window, copy it, move the offset on all channels, unlock it."""
        record = self.record
        channel = self._channel
        assert channel is not None, "the rebuild copies on its own channel"
        first = record.window_offset
        count = min(record.window_size, self.bdev.record.num_blocks - first)
        lock = await self.bdev.quiesce_range(thread, first, count)
        thread.emit("rebuild.window_locked", first, first + count)
        if record.process_state == ProcessState.RUNNING:
            if await self.copy(channel, first, count):
                await self.advance(thread, first + count)
            elif record.process_state == ProcessState.RUNNING:
                record.process_state = ProcessState.STOPPING
                record.process_status = EIO
        await self.bdev.unquiesce_range(thread, lock)

    async def keep_to_bandwidth(self, thread: SpdkThread) -> None:
        """Wait until the window just copied is within the limit (``process_max_bandwidth_mb_sec``)."""
        limit = self.reactor.layout.rebuild_blocks_per_ms
        if limit:
            thread.emit("rebuild.limited")
            await self.reactor.sleep(thread.id, self.record.window_size * 1_000 // limit)

    async def copy(self, channel: RaidChannel, first: int, count: int) -> bool:
        """Read through the ordinary path, without the target, and write to the target."""
        record = self.record
        target = channel.target_channel
        assert target is not None, "the rebuild's own channel was born into the rebuild"
        read = await self.raid.module.read(channel, channel, BdevIo(IoType.READ, first, count))
        if read.status is not IoStatus.SUCCESS:
            return False
        io = BdevIo(
            IoType.WRITE, first + channel.data_offsets[record.process_slot], count, read.data
        )
        written = await target.submit(io)
        if written.status is IoStatus.ABORTED:
            written = await target.submit_again(io)
        return written.status is IoStatus.SUCCESS

    async def advance(self, thread: SpdkThread, offset: int) -> None:
        """Publish that all blocks below the offset are on the target.

        The offset moves before the iteration, so that a channel created behind it starts at the new one.
        """
        self.record.window_offset = offset
        await thread.for_each_channel(self.raid, "advance_process", offset)
        thread.emit("rebuild.window_done", offset, self.bdev.record.num_blocks)

    async def exit(self, thread: SpdkThread) -> int:
        """Release the channel and end the thread when it holds nothing any more (message)."""
        if self._channel is not None:
            thread.put_io_channel(self._channel)
            self._channel = None
        await thread.retire()
        return OK
