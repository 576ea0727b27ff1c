"""The array's superblock in memory, and its writes to the members: service ``metadata``, on the app thread.

Mirrors ``raid_bdev_write_superblock``. SPDK writes to all members at once and continues whatever the result. Here a
change is complete only when every member that is still CONFIGURED has it on its medium.
"""

from __future__ import annotations

import msgspec

from workers.bdev.bdev import BdevChannel
from workers.bdev.io import BLOCK_SIZE, BdevIo, Completion, IoStatus, IoType
from workers.errors import EIO, OK
from workers.raid.array import RaidBdev
from workers.raid.superblock import Entry, EntryState, Superblock, encode
from workers.raid.uuids import bdev_uuid
from workers.services import EngineCore
from workers.shared import SLOTS_MAX
from workers.thread import Future, SpdkThread, Wait, Waiters, run_flow

SUPERBLOCK_BLOCKS = 2  # room for SLOTS_MAX entries
DATA_OFFSET = 8  # blocks; SPDK has 1 MiB, which would be most of a disk as small as these
SEQUENCE_LEAP = 1 << 16  # more than the superblock writes that a crash can have cut short
SEQUENCE_MAX = (
    1 << 63
)  # of a superblock that is accepted: writes and leaps from there never overflow the field
WRITE_ATTEMPTS_MAX = 16
WRITE_RETRY_US = 1_000


class Metadata:
    """The contents of the members' superblocks, written or about to be."""

    def __init__(self, reactor: EngineCore, raid: RaidBdev) -> None:
        self.reactor = reactor
        self.raid = raid
        self.record = raid.record
        self.superblock: Superblock | None = None
        # A channel of each member on the app thread (``app_thread_ch``).
        self.channels: list[BdevChannel | None] = [None] * SLOTS_MAX
        self.is_durable = True
        self._is_writing = False
        self._written = 0  # the newest sequence number of this array that any disk may have
        self._waiters = Waiters()

    # Its contents.

    def begin(self, superblock: Superblock) -> None:
        """Take the superblock of an array, new or from the disks."""
        self.superblock = superblock
        self._written = superblock.seq_number
        self.is_durable = False

    def end(self) -> None:
        """Drop the superblock, since the array is gone."""
        self.superblock = None

    def state_of(self, slot: int) -> EntryState:
        """Return the state of the member in a slot."""
        return self._entry(slot).state

    def uuid_of(self, slot: int) -> bytes:
        """Return the UUID of the member in a slot."""
        return self._entry(slot).uuid

    def lists_all(self) -> bool:
        """Return whether each member is CONFIGURED, as in an array without superblock."""
        entries = () if self.superblock is None else self.superblock.entries
        return all(entry.state is EntryState.CONFIGURED for entry in entries)

    def set_state(self, slot: int, state: EntryState) -> None:
        """Change a member's state; durable only after :meth:`write`."""
        if self.superblock is not None and self._entry(slot).state != state:
            self._replace(msgspec.structs.replace(self._entry(slot), state=state))

    def set_member(self, slot: int, identity: int, data_offset: int) -> Entry:
        """Put a device into the slot, as CONFIGURED; return the slot's former entry."""
        former = self._entry(slot)
        assert self.superblock is not None, "an array without superblock has no entries"
        uuid, data_size = bdev_uuid(identity), self.superblock.raid_size
        self._replace(Entry(uuid, data_offset, data_size, EntryState.CONFIGURED, slot))
        return former

    def restore(self, former: Entry) -> None:
        """Put a slot's former entry back."""
        if self.superblock is not None:
            self._replace(former)

    def set_size(self, raid_size: int) -> None:
        """Set the size of the array and of its members' data; in blocks."""
        if self.superblock is not None:
            entries = tuple(
                msgspec.structs.replace(entry, data_size=raid_size)
                for entry in self.superblock.entries
            )
            self.superblock = msgspec.structs.replace(
                self.superblock, raid_size=raid_size, entries=entries
            )
            self.is_durable = False

    def leap(self) -> None:
        """Advance the sequence number beyond all that absent members may have."""
        if self.superblock is not None:
            number = self.superblock.seq_number + SEQUENCE_LEAP
            self.superblock = msgspec.structs.replace(self.superblock, seq_number=number)
            self.is_durable = False

    def _entry(self, slot: int) -> Entry:
        assert self.superblock is not None, "the array has no superblock"
        return next(entry for entry in self.superblock.entries if entry.slot == slot)

    def _replace(self, changed: Entry) -> None:
        assert self.superblock is not None, "the array has no superblock"
        entries = tuple(
            changed if entry.slot == changed.slot else entry for entry in self.superblock.entries
        )
        self.superblock = msgspec.structs.replace(self.superblock, entries=entries)
        self.is_durable = False

    # Making it durable.

    async def write(self, thread: SpdkThread) -> int:
        """Write the superblock to every member that it calls CONFIGURED; return EIO if none could be written.

        A member that can't be written becomes FAILED, and the others are written again.
        """
        while self._is_writing:
            await self._waiters.wait()
        if self.superblock is None or self.is_durable:
            return OK
        self._is_writing = True
        status = EIO
        for attempt in range(WRITE_ATTEMPTS_MAX):
            if attempt:
                await self.reactor.sleep(thread.id, WRITE_RETRY_US)
            if self.superblock is None or await self._write_once(thread):
                status = OK
                break
        self._is_writing = False
        thread.emit("raid.superblock_ended", status)
        self._waiters.wake()
        return status

    async def _write_once(self, thread: SpdkThread) -> bool:
        """Write one sequence number after the other, until all CONFIGURED members have the newest."""
        while True:
            generations = [slot.generation for slot in self.raid.slots]
            written, failed = await self._write_next(thread)
            if self.superblock is None:
                return True
            if written and not failed and self.is_durable:
                thread.emit("raid.superblock_written", self.superblock.seq_number)
                return True
            self.is_durable = False
            if not written:
                return False
            for number in failed:
                if self.raid.slots[number].generation == generations[number]:
                    self._give_up(thread, number)

    async def _write_next(self, thread: SpdkThread) -> tuple[list[int], list[int]]:
        """Write the next sequence number; return the slots written and those that failed."""
        assert self.superblock is not None, "the array has no superblock"
        seq_number = self.superblock.seq_number + 1
        self.superblock = msgspec.structs.replace(self.superblock, seq_number=seq_number)
        self.is_durable = True  # unless the contents change meanwhile
        thread.emit("raid.superblock_writing", seq_number)
        # Superblocks read from disks prove nothing, since an image may hold anything. Only written ones are asserted.
        assert seq_number > self._written, "a superblock's sequence number doesn't grow"
        self._written = seq_number
        data = encode(self.superblock)
        blocks = -(-len(data) // BLOCK_SIZE)
        io = BdevIo(IoType.WRITE, 0, blocks, data.ljust(blocks * BLOCK_SIZE, b"\0"), fua=True)
        numbers = self.recipients()
        slots = self.raid.slots
        targets = [number for number in numbers if slots[number].is_process_target]
        others = [number for number in numbers if number not in targets]
        written, failed = await self._write_to(thread, others, io)
        if written:
            # If a rebuild's target alone had it, the others could assemble without it, so the target comes last.
            more_written, more_failed = await self._write_to(thread, targets, io)
            written, failed = written + more_written, failed + more_failed
        is_same = self.superblock is None or self.superblock.seq_number >= seq_number
        assert is_same, "a superblock's sequence number went back while it was written"
        return written, failed

    def recipients(self) -> list[int]:
        """Return the slots whose members get the superblock; those on their way out only if there are no others."""
        assert self.superblock is not None, "the array has no superblock"
        there = [
            entry.slot
            for entry in self.superblock.entries
            if entry.state is EntryState.CONFIGURED and self.channels[entry.slot] is not None
        ]
        staying = [number for number in there if not self.raid.slots[number].remove_scheduled]
        return staying or there

    async def _write_to(
        self, thread: SpdkThread, numbers: list[int], io: BdevIo
    ) -> tuple[list[int], list[int]]:
        there = [number for number in numbers if self.channels[number] is not None]
        under_way = [(number, self.start(thread, number, io)) for number in there]
        written: list[int] = []
        failed: list[int] = []
        for number, ending in under_way:
            completion: Completion = await ending
            (written if completion.status is IoStatus.SUCCESS else failed).append(number)
        return written, failed

    def _give_up(self, thread: SpdkThread, number: int) -> None:
        """Fail a member whose superblock couldn't be written while another member's could."""
        self.set_state(number, EntryState.FAILED)
        slot = self.raid.slots[number]
        if not slot.is_failed:
            slot.is_failed = 1
            thread.emit("raid.member_failed", number, self.raid.disk_in(slot))
        thread.send(thread.id, "membership.drop_failed", number, slot.generation)

    def waits(self) -> list[Wait]:
        """Return the waits for the superblock write in progress."""
        return self._waiters.waits("the superblock write")

    def start(self, thread: SpdkThread, number: int, io: BdevIo) -> Future:
        """Submit an I/O of the app thread's own to a member; the future resolves to the completion."""
        future = Future()
        run_flow(self._submit(thread, number, io), future.resolve)
        return future

    async def _submit(self, thread: SpdkThread, number: int, io: BdevIo) -> Completion:
        channel = self.channels[number]
        assert channel is not None, f"slot {number} has no channel on the app thread"
        held: BdevChannel = thread.get_io_channel(channel.device)
        completion = await held.submit(io)
        if completion.status is IoStatus.ABORTED:
            completion = await held.submit_again(io)
        thread.put_io_channel(held)
        return completion

    async def wipe(self, thread: SpdkThread, numbers: list[int]) -> None:
        """Erase the superblock on these members, so that the array is never assembled again."""
        blocks = SUPERBLOCK_BLOCKS
        io = BdevIo(IoType.WRITE, 0, blocks, bytes(blocks * BLOCK_SIZE), fua=True)
        for number in numbers:
            if self.channels[number] is not None:
                await self.start(thread, number, io)

    async def flush(self, thread: SpdkThread, number: int) -> int:
        """Flush a member's cache: the rebuilt data must be on its medium before it becomes CONFIGURED."""
        completion: Completion = await self.start(thread, number, BdevIo(IoType.FLUSH, 0, 1))
        return OK if completion.status is IoStatus.SUCCESS else EIO
