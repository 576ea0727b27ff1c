"""The members of an array that is online: add, remove and fail them, grow the array. Flows on the app thread.

Mirrors ``bdev_raid.c`` (``raid_bdev_add_base_bdev``, ``raid_bdev_remove_base_bdev``, ``raid_bdev_fail_base_bdev``,
``raid_bdev_resize_base_bdev``).
"""

from __future__ import annotations

from workers.bdev.bdev import Bdev
from workers.bdev.layer import BdevLayer
from workers.errors import EBUSY, EEXIST, EINVAL, ENODEV, EPERM, OK
from workers.raid.array import RaidBdev, is_serviceable
from workers.raid.metadata import DATA_OFFSET, Metadata
from workers.raid.slots import Slots
from workers.raid.superblock import EntryState, Superblock, is_newer
from workers.raid.uuids import bdev_uuid
from workers.services import EngineCore
from workers.shared import ProcessState, RaidState
from workers.thread import SpdkThread, Waiters, run_flow


class Membership:
    """Service ``membership``."""

    def __init__(
        self,
        reactor: EngineCore,
        layer: BdevLayer,
        raid: RaidBdev,
        bdev: Bdev,
        metadata: Metadata,
        slots: Slots,
    ) -> None:
        self.reactor = reactor
        self.layer = layer
        self.raid = raid
        self.record = raid.record
        self.bdev = bdev
        self.metadata = metadata
        self.slots = slots
        self.is_adding = False  # a new member's superblock is being read
        self.waiters = Waiters()
        self._removals = 0
        self._growths = 0

    @property
    def is_changing(self) -> bool:
        """Return whether a member is being added or removed, or the array grows."""
        return self._removals > 0 or self.is_busy

    @property
    def is_busy(self) -> bool:
        """Return whether a new member must be refused for now."""
        return self.is_adding or self._growths > 0

    # Adding; each returns 0 or a negative errno.

    async def add(self, thread: SpdkThread, bdev: int) -> int:
        """Put a bdev into a free slot and rebuild it; return when the rebuild has started."""
        status = self._may_add(bdev)
        if status != OK:
            return status
        status, found = await self.read_superblock(thread, bdev)
        return self.admit(thread, bdev, status, found)

    def place_for(self, bdev: int) -> tuple[int, int] | None:
        """Return a new member's slot and data offset, its former ones if they are free; None if no slot is free."""
        free = [number for number, slot in enumerate(self.raid.slots) if not slot.bdev]
        own = self.metadata.superblock
        if own is None or bdev not in self.layer.bdevs:
            return (free[0], 0) if free else None
        entry = own.entry_of(bdev_uuid(self.layer.bdevs[bdev].record.identity))
        if entry is not None and entry.slot in free:
            return entry.slot, entry.data_offset
        return (free[0], DATA_OFFSET) if free else None

    async def read_superblock(self, thread: SpdkThread, bdev: int) -> tuple[int, Superblock | None]:
        """Read the superblock of a bdev that is to be added; other additions are refused meanwhile."""
        self.is_adding = True
        status, found = await self.reactor.services.examine.read(thread, self.layer.bdevs[bdev])
        self.is_adding = False
        self.waiters.wake()
        return status, found

    def admit(self, thread: SpdkThread, bdev: int, status: int, found: Superblock | None) -> int:
        """Begin the rebuild of a bdev, unless it is another array's member."""
        status = self._may_add(bdev) or status
        if status != OK:
            return status
        own = self.metadata.superblock
        if found is not None and (own is None or found.uuid != own.uuid):
            return EEXIST
        if found is not None and own is not None and is_newer(found, own):
            return EBUSY  # as in SPDK; the disk has what the array lacks, and must be wiped first
        place = self.place_for(bdev)
        return EINVAL if place is None else self.rebuild_onto(thread, bdev, *place)

    def _may_add(self, bdev: int) -> int:
        """Check, in SPDK's order, the array, a free slot and the bdev; return 0 or a negative errno."""
        if self.record.state != RaidState.ONLINE:
            return ENODEV
        if self.is_held_up():
            return EPERM
        if not self.raid.has_source():
            return ENODEV  # its last member is being removed: there is no source for a rebuild
        if self.place_for(bdev) is None:
            return EINVAL
        if not self.layer.is_ready(bdev):
            return ENODEV
        if bdev == self.bdev.id or any(slot.bdev == bdev + 1 for slot in self.raid.slots):
            return EPERM
        return OK

    def is_held_up(self) -> bool:
        """Return whether another rebuild, or another change of the array, has to end first."""
        return self.reactor.services.rebuild.is_under_way or self.is_busy

    def rebuild_onto(self, thread: SpdkThread, bdev: int, number: int, data_offset: int) -> int:
        """Put a bdev into this free slot and begin its rebuild."""
        record = self.layer.bdevs[bdev].record
        if record.num_blocks - data_offset < self.bdev.record.num_blocks:
            thread.emit("raid.member_too_small", bdev, record.num_blocks)
            return EINVAL
        status = self.slots.occupy(number, bdev, data_offset)
        if status == OK:
            self.reactor.services.rebuild.begin(thread, number)
        return status

    # Removing.

    async def remove(self, thread: SpdkThread, bdev: int) -> int:
        """Remove the member on this bdev; the array goes offline with its last member."""
        for number, slot in enumerate(self.raid.slots):
            if slot.bdev == bdev + 1:
                return await self.remove_slot(thread, number)
        return ENODEV

    async def remove_slot(self, thread: SpdkThread, number: int) -> int:
        """Remove the member in this slot from every channel, while the array is quiesced."""
        record = self.record
        slot = record.slots[number]
        if record.state == RaidState.CONFIGURING:
            configuration = self.reactor.services.configuration
            configuration.lose_unconfigured(number)
            return await configuration.configure(thread)
        if record.state != RaidState.ONLINE or slot.remove_scheduled or not slot.is_configured:
            return ENODEV
        return await self._remove_member(thread, number)

    async def _remove_member(self, thread: SpdkThread, number: int) -> int:
        """Remove a member of an array that is online; a rebuild that has it as target or last source ends first."""
        record = self.record
        slot = record.slots[number]
        slot.remove_scheduled = 1
        self._removals += 1
        generation = slot.generation
        if self.stops_rebuild(number):
            await self.reactor.services.rebuild.stop(thread)
        status = OK
        if slot.generation == generation:
            thread.emit("raid.removing_member", number, self.raid.disk_in(slot))
            status = await self._take_out(thread, number)
        self._removals -= 1
        if not self._is_serviceable() and record.state == RaidState.ONLINE:
            self.reactor.services.configuration.go_offline(thread)
        self.waiters.wake()
        return status

    def _is_serviceable(self) -> bool:
        # raid1 serves from a single member, but that one must hold all acknowledged data.
        return any(is_serviceable(slot) for slot in self.raid.slots)

    def stops_rebuild(self, number: int) -> bool:
        """Return whether a running rebuild must stop because it needs this member."""
        return self.record.process_state != ProcessState.NONE and self.is_needed_by_rebuild(number)

    def is_needed_by_rebuild(self, number: int) -> bool:
        """Return whether this member is a rebuild's target, or its last source."""
        slot = self.record.slots[number]
        return number == self.record.process_slot or self.raid.sources_without(slot) == 0

    async def _take_out(self, thread: SpdkThread, number: int) -> int:
        lock = await self.bdev.quiesce(thread)
        self.deconfigure(number)
        status = await self.write_down_removal(thread, number)
        if status != OK:
            # A restart would use the member as a good one, so nothing may be acknowledged from now on.
            await thread.for_each_channel(self.bdev, "shut")
        await thread.for_each_channel(self.raid, "remove_member", number)
        # Emitted before client I/O resumes: from the next write on the member is stale.
        self.let_go(thread, number)
        if status != OK and self.record.state == RaidState.ONLINE:
            thread.emit("raid.superblock_failed")
            self.reactor.services.configuration.go_offline(thread)
        await self.bdev.unquiesce_range(thread, lock)
        return status

    def deconfigure(self, number: int) -> None:
        """Mark the member as gone before the iteration: a channel created behind it must not take the member."""
        self.record.slots[number].is_configured = 0
        self.record.discovered -= 1
        self.raid.check_counts()

    async def write_down_removal(self, thread: SpdkThread, number: int) -> int:
        """Record in the others' superblocks that the member is gone, while no client I/O can run.

        The last member stays CONFIGURED, so that the array can be assembled from it.
        """
        if not self._is_serviceable():
            thread.emit("raid.last_member_removed")
            return OK
        is_failed = self.record.slots[number].is_failed
        self.metadata.set_state(number, EntryState.FAILED if is_failed else EntryState.MISSING)
        return await self.metadata.write(thread)

    def let_go(self, thread: SpdkThread, number: int) -> None:
        """Empty the slot of a member that no channel has any more."""
        disk = self.raid.disk_in(self.record.slots[number])
        self.slots.release(number)
        self.record.operational -= 1
        self.raid.check_counts()
        thread.emit("raid.member_removed", number, disk)

    # Messages.

    async def fail_base_bdev(self, thread: SpdkThread, number: int, generation: int) -> int:
        """Record that this member missed a write, and remove it.

        Return when the superblocks record it: the write is acknowledged only after that.
        """
        slot = self.record.slots[number]
        if slot.generation != generation:
            return OK
        status = OK
        if self.record.has_superblock:
            # A rebuild's target is CONFIGURED only at the end of its rebuild, and even then it may fail a flush.
            if self.metadata.state_of(number) is EntryState.CONFIGURED:
                self.metadata.set_state(number, EntryState.FAILED)
            status = await self.metadata.write(thread)
        self.drop_failed(thread, number, generation)
        return status

    def drop_failed(self, thread: SpdkThread, number: int, generation: int) -> None:
        """Remove a failed member, if the slot still holds the same one (message)."""
        slot = self.record.slots[number]
        if (
            slot.generation == generation
            and not slot.remove_scheduled
            and self.record.state == RaidState.ONLINE
        ):
            run_flow(self.remove_slot(thread, number))

    async def base_bdev_removed(self, thread: SpdkThread, number: int, generation: int) -> None:
        """Remove a member whose bdev goes away, so that its descriptor is closed (message)."""
        if self.record.slots[number].generation == generation:
            await self.remove_slot(thread, number)

    async def base_bdev_resized(self, thread: SpdkThread) -> None:
        """Grow the array if all members have grown and no rebuild runs (message)."""
        if self.is_growing_held_up():
            return
        blocks = self.slots.smallest()
        if blocks <= self.bdev.record.num_blocks:
            return
        self._growths += 1
        lock = await self.bdev.quiesce(thread)
        blocks = self.slots.smallest()
        if not self.is_growing_held_up() and blocks > self.bdev.record.num_blocks:
            self.metadata.set_size(blocks)
            status = await self.metadata.write(thread)
            if status == OK and self.record.state == RaidState.ONLINE:
                self.layer.resize(thread, self.bdev, blocks)
                thread.emit("raid.grown", blocks)
        await self.bdev.unquiesce_range(thread, lock)
        self._growths -= 1
        self.waiters.wake()
        self.reactor.services.examine.serve_returning(thread)

    def is_growing_held_up(self) -> bool:
        """Return whether the array can't grow now; the end of a rebuild asks again."""
        return self.record.state != RaidState.ONLINE or self.reactor.services.rebuild.is_under_way
