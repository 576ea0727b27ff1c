"""Examine bdevs as they come: find the array they belong to, and assemble it. Service ``examine``.

Mirrors ``raid_bdev_examine`` and ``raid_bdev_examine_sb``; all on the app thread.
"""

from __future__ import annotations

from workers.bdev.bdev import Bdev, BdevChannel
from workers.bdev.io import BLOCK_SIZE, BdevIo, IoStatus, IoType
from workers.bdev.layer import BdevLayer, Descriptor
from workers.errors import EBUSY, EEXIST, EINVAL, EIO, OK
from workers.raid.configuration import Configuration
from workers.raid.metadata import DATA_OFFSET, SEQUENCE_MAX, SUPERBLOCK_BLOCKS, Metadata
from workers.raid.superblock import (
    LEVEL_RAID1,
    NAME_BYTES,
    NO_UUID,
    NOT_UTF8,
    Entry,
    EntryState,
    Superblock,
    SuperblockError,
    decode,
    is_newer,
)
from workers.raid.uuids import bdev_uuid
from workers.services import EngineCore
from workers.shared import SLOTS_MAX, WORD_MAX, RaidState, Slot
from workers.thread import SpdkThread, Wait, Waiters, run_flow


class Examine:
    """Decides what each new bdev is: a member, a returning member, or none of this array."""

    def __init__(
        self,
        reactor: EngineCore,
        layer: BdevLayer,
        configuration: Configuration,
        metadata: Metadata,
    ) -> None:
        self.reactor = reactor
        self.layer = layer
        self.configuration = configuration
        self.metadata = metadata
        self.record = configuration.record
        # Members that were left behind and have returned; they are rebuilt one after the other.
        self.returning: list[int] = []
        self._looking = 0
        self._waiters = Waiters()

    async def look_at(self, thread: SpdkThread, bdev: Bdev, passing: bytes = NO_UUID) -> None:
        """Read a bdev's superblock and act on it, unless it is that of the array with the UUID ``passing``."""
        self._looking += 1
        status, found = await self.read(thread, bdev)
        is_free = self.layer.is_ready(bdev.id) and not self.layer.claims[bdev.id]
        if found is not None and is_free and found.uuid != passing:
            await self.decide(thread, bdev, found)
        elif status == OK and is_free and self._is_expected(bdev):
            await self._join_expected(thread, bdev)
        self._looking -= 1
        if not self._looking:
            self._waiters.wake()

    async def idle(self) -> int:
        """Await the end of all examinations in progress (``bdev_wait_for_examine``)."""
        while self._looking:
            await self._waiters.wait()
        return OK

    def waits(self) -> list[Wait]:
        """Return the waits for the end of the examinations."""
        return self._waiters.waits("the examination of a bdev")

    async def read(self, thread: SpdkThread, bdev: Bdev) -> tuple[int, Superblock | None]:
        """Read a bdev's superblock: None if it has none; with EIO, that is unknown."""
        # An array being created has claimed the bdev and has it open already, so that this open may fail.
        opened = self.layer.open(bdev, "examine", lambda _: None)
        channel: BdevChannel | None = thread.get_io_channel(bdev)
        data, status = b"", EIO
        if channel is not None:
            io = BdevIo(IoType.READ, 0, min(SUPERBLOCK_BLOCKS, bdev.record.num_blocks))
            completion = await channel.submit(io)
            if completion.status is IoStatus.ABORTED:
                completion = await channel.submit_again(io)
            if completion.status is IoStatus.SUCCESS:
                data, status = completion.data, OK
            thread.put_io_channel(channel)
        if isinstance(opened, Descriptor):
            self.layer.close(opened)
        try:
            return status, decode(data)
        except SuperblockError:
            return status, None

    def _is_expected(self, bdev: Bdev) -> bool:
        """Return whether an array that is being created waits for this bdev."""
        return (
            self.record.state == RaidState.CONFIGURING
            and self.metadata.superblock is None
            and self._place_of(bdev) is not None
        )

    def _place_of(self, bdev: Bdev) -> int | None:
        """Return the slot that is kept for a bdev, by its name or by the UUID of the member that was there."""
        identity = bdev.record.identity
        for number, slot in enumerate(self._slots()):
            if not slot.bdev and (slot.expected == bdev.id + 1 or slot.identity == identity):
                return number
        return None

    async def _join_expected(self, thread: SpdkThread, bdev: Bdev) -> None:
        number = self._place_of(bdev)
        assert number is not None, "a slot is kept for it"
        offset = DATA_OFFSET if self.record.has_superblock else 0
        self.configuration.join(number, bdev.id, offset)
        await self.configuration.configure(thread)

    async def decide(self, thread: SpdkThread, bdev: Bdev, found: Superblock) -> int:
        """Act on a superblock; return 0 where the bdev is a member from now on, or is to be rebuilt."""
        record, own = self.record, self.metadata.superblock
        if record.state == RaidState.OFFLINE or not _is_usable(found):
            return EINVAL
        if record.state != RaidState.ABSENT and (own is None or own.uuid != found.uuid):
            if own is None or own.name == found.name or not self._has_no_member_here():
                return EINVAL  # it is another array's member, or the array here has no superblock
            # SPDK has room for both, as their names differ.
            self.configuration.dismiss(thread)
            own = None
        uuid = bdev_uuid(bdev.record.identity)
        if own is not None and is_newer(found, own) and record.state == RaidState.ONLINE:
            return EBUSY  # the array came up without this disk, from what it was before
        if own is None or self._supersedes(found, own):
            if found.entry_of(uuid) is None:
                return EINVAL  # a copy of another disk: it must not define an array
            if own is not None:
                self.configuration.dismiss(thread)
            self._assemble(thread, found)
            own = found
        entry = own.entry_of(uuid)
        if entry is None:
            return EINVAL
        if entry.state is EntryState.CONFIGURED:
            return await self._join_again(thread, bdev, entry)
        if record.state != RaidState.ONLINE:
            return EINVAL
        self._queue(thread, bdev)
        return OK

    async def _join_again(self, thread: SpdkThread, bdev: Bdev, entry: Entry) -> int:
        """Make a bdev a member of the array that waits for it."""
        record = self.record
        if record.state != RaidState.CONFIGURING or record.slots[entry.slot].bdev:
            return EEXIST
        status = self.configuration.join(entry.slot, bdev.id, entry.data_offset)
        return status or await self.configuration.configure(thread)

    def _supersedes(self, found: Superblock, own: Superblock) -> bool:
        """Return whether the array assembled so far is older than this superblock, and not yet online."""
        return (
            is_newer(found, own)
            and self.record.state == RaidState.CONFIGURING
            and not self.configuration.is_configuring
        )

    def _has_no_member_here(self) -> bool:
        """Return whether the array waits, and none of its disks is here."""
        is_waiting = self.record.state == RaidState.CONFIGURING and not self.record.discovered
        return is_waiting and not self.configuration.is_configuring

    def _assemble(self, thread: SpdkThread, found: Superblock) -> None:
        self.configuration.assemble(thread, found)
        # Other members may have been examined before there was an array to join. As in SPDK, no other disk is looked at.
        members = [entry.uuid for entry in found.entries if entry.state is EntryState.CONFIGURED]
        for number, bdev in self.layer.bdevs.items():
            if bdev_uuid(bdev.record.identity) in members:
                self._again(thread, number)

    def _again(self, thread: SpdkThread, number: int) -> None:
        bdev = self.layer.bdevs[number]
        if self.layer.is_ready(number):
            self.layer.examine(thread, bdev)

    def array_is_online(self, thread: SpdkThread) -> None:
        """Examine members that were not CONFIGURED again: an array that is online can rebuild them."""
        self.returning.clear()
        self.look_again(thread)

    def look_again(self, thread: SpdkThread) -> None:
        """Examine all bdevs again that no one has claimed."""
        for number in self.layer.bdevs:
            if not self.layer.claims[number]:
                self._again(thread, number)

    def make_way(self, thread: SpdkThread) -> None:
        """Let an array that waits without any member give way to another one whose disks are here."""
        own = self.metadata.superblock
        if own is not None and self._has_no_member_here():
            for number, bdev in self.layer.bdevs.items():
                if self.layer.is_ready(number) and self.layer.is_for_raid(bdev):
                    run_flow(self.look_at(thread, bdev, passing=own.uuid))

    def _queue(self, thread: SpdkThread, bdev: Bdev) -> None:
        if bdev.id not in self.returning:
            if self.returning or self.reactor.services.rebuild.is_under_way:
                thread.emit("raid.member_queued", bdev.id)
            self.returning.append(bdev.id)
        self.serve_returning(thread)

    def serve_returning(self, thread: SpdkThread) -> None:
        """Rebuild the next returning member, unless a rebuild runs already."""
        membership = self.reactor.services.membership
        while self.returning and not membership.is_held_up():
            bdev = self.layer.bdevs[self.returning.pop(0)]
            own = self.metadata.superblock
            if own is None or self.record.state != RaidState.ONLINE:
                return
            entry = own.entry_of(bdev_uuid(bdev.record.identity))
            if (
                entry is not None
                and not self.record.slots[entry.slot].bdev
                and self.layer.is_ready(bdev.id)
                and self.configuration.raid.has_source()
            ):
                membership.rebuild_onto(thread, bdev.id, entry.slot, entry.data_offset)

    def _slots(self) -> list[Slot]:
        return self.configuration.raid.slots


def _is_usable(found: Superblock) -> bool:
    """Return whether this engine can serve such an array; a valid checksum proves nothing about the fields."""
    return (
        found.level == LEVEL_RAID1
        and found.strip_size == 0
        and found.block_size == BLOCK_SIZE
        and 2 <= found.num_base_bdevs <= SLOTS_MAX
        and 0 < len(found.name.encode(errors=NOT_UTF8)) < NAME_BYTES
        and found.seq_number <= SEQUENCE_MAX
        and NO_UUID not in (found.uuid, *(entry.uuid for entry in found.entries))
        and sorted(entry.slot for entry in found.entries) == list(range(found.num_base_bdevs))
        and all(SUPERBLOCK_BLOCKS <= entry.data_offset <= WORD_MAX for entry in found.entries)
    )
