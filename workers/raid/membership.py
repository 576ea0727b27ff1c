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
from workers.raid.superblock import NO_UUID, EntryState, Superblock, is_newer
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
        self.has_grown = (
            False  # members have, and the array can't yet: asked again when a rebuild ends
        )

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
        """Put a bdev into a free slot and rebuild it; return when the rebuild has started.

        An array that isn't online takes only a member that it waits for.
        """
        if self.record.state == RaidState.CONFIGURING:
            return await self._add_awaited(thread, bdev)
        status = self._may_add(bdev)
        if status != OK:
            return status
        status, found = await self.read_superblock(thread, bdev)
        first = next((slot for slot in self.raid.slots if not slot.bdev), None)
        status = self.admit(thread, bdev, status, found)
        if first is not None and not first.bdev:
            first.data_offset = 0  # as in SPDK, which tries the first free slot
        return status

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
        if found is not None and own is not None:
            if is_newer(found, own):
                return EBUSY  # as in SPDK; it has what the array lacks, and must be wiped first
            if own.entry_of(bdev_uuid(self.layer.bdevs[bdev].record.identity)) is None:
                return EINVAL  # another disk has its slot by now, or it is a copy
        place = self.place_for(bdev)
        return EINVAL if place is None else self.rebuild_onto(thread, bdev, *place)

    async def _add_awaited(self, thread: SpdkThread, bdev: int) -> int:
        """Add a member to an array that waits for it.

        EPERM: it has no superblock, but the array has data. SPDK takes it as in sync, so that acknowledged data reads as zeros.
        """
        status, place = self._may_join(bdev)
        if status != OK:
            return status
        status, found = await self.read_superblock(thread, bdev)
        own = self.metadata.superblock
        again, place = self._may_join(bdev)
        if again != OK:
            return again
        if own is not None and found is None and status == OK:
            return EPERM
        # As in SPDK, the slot is kept for the bdev from now on, even if it is refused.
        slot = self.raid.slots[place]
        slot.identity, slot.data_offset = self.layer.bdevs[bdev].record.identity, 0
        if status != OK:
            return status
        if found is not None and (own is None or found.uuid != own.uuid):
            return EEXIST
        if found is not None:
            return await self.reactor.services.examine.decide(thread, self.layer.bdevs[bdev], found)
        configuration = self.reactor.services.configuration
        offset = DATA_OFFSET if self.record.has_superblock else 0
        return configuration.join(place, bdev, offset) or await configuration.configure(thread)

    def _may_join(self, bdev: int) -> tuple[int, int]:
        """Check a slot and the bdev, in SPDK's order; return 0 or a negative errno, and the slot."""
        if self.record.state != RaidState.CONFIGURING:
            return ENODEV, 0
        place = self._kept_for(bdev)
        if place is None:
            return EINVAL, 0
        if not self.layer.is_ready(bdev):
            self.raid.slots[place].expected = bdev + 1  # as in SPDK, the slot keeps its name
            return ENODEV, 0
        if self.is_busy or self.layer.claims[bdev] is not None or bdev == self.bdev.id:
            return EPERM, 0
        return OK, place

    def _kept_for(self, bdev: int) -> int | None:
        """Return the slot of an array that isn't online which is kept for this bdev's UUID, or for none."""
        own = self.metadata.superblock
        free = None
        identity = self.layer.bdevs[bdev].record.identity if self.layer.is_ready(bdev) else 0
        for number, slot in enumerate(self.raid.slots):
            if slot.bdev or slot.expected:
                continue
            kept = NO_UUID
            if slot.identity:
                kept = bdev_uuid(slot.identity)
            elif own is not None and self.metadata.state_of(number) is EntryState.CONFIGURED:
                kept = self.metadata.uuid_of(number)
            if kept == bdev_uuid(identity):
                return number
            if kept == NO_UUID and free is None:
                free = number
        return free

    def _may_add(self, bdev: int) -> int:
        """Check, in SPDK's order, the array, a free slot and the bdev; return 0 or a negative errno."""
        is_online = self.record.state == RaidState.ONLINE
        if not is_online and self.record.state != RaidState.OFFLINE:
            return ENODEV
        if self.reactor.services.rebuild.is_under_way:
            return EPERM
        if is_online and not self.raid.has_source():
            return ENODEV  # its last member is being removed: there is no source for a rebuild
        if self.place_for(bdev) is None or self._has_promised_all():
            return EINVAL
        if self.is_busy:
            return EPERM
        if not self.layer.is_ready(bdev):
            return ENODEV
        if bdev == self.bdev.id or any(slot.bdev == bdev + 1 for slot in self.raid.slots):
            return EPERM
        return OK if is_online else ENODEV

    def _has_promised_all(self) -> bool:
        """Return whether the only free slot is for a member whose superblock is being read."""
        return self.is_adding and sum(not slot.bdev for slot in self.raid.slots) == 1

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
            self.reactor.services.examine.make_way(thread)
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
        gone = None
        if not self._is_serviceable() and record.state == RaidState.ONLINE:
            gone = self.reactor.services.configuration.go_offline(thread)
        self.waiters.wake()
        if gone is not None:
            await gone  # as in SPDK, the last removal is answered when the array is gone
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
        """Grow the array if all members have grown (message)."""
        if self.record.state != RaidState.ONLINE:
            return
        if self.is_growing_held_up():
            self.has_grown = True
            return
        self.has_grown = False
        if self.slots.smallest() <= self.bdev.record.num_blocks:
            return
        self._growths += 1
        lock = await self.bdev.quiesce(thread)
        is_done = await self._grow(thread)
        self.has_grown = not is_done and self.record.state == RaidState.ONLINE
        await self.bdev.unquiesce_range(thread, lock)
        self._growths -= 1
        self.waiters.wake()
        self.reactor.services.examine.serve_returning(thread)

    async def _grow(self, thread: SpdkThread) -> bool:
        """Grow, the superblocks first; return False where that can't be done now."""
        former, blocks = self.bdev.record.num_blocks, self.slots.smallest()
        if self.is_growing_held_up():
            return False
        if blocks <= former:
            return True
        self.metadata.set_size(blocks)
        status = await self.metadata.write(thread)
        # A rebuild may have copied its last window meanwhile.
        if status == OK and not self.is_growing_held_up():
            self.layer.resize(thread, self.bdev, blocks)
            thread.emit("raid.grown", blocks)
            return True
        # A member of the old size may join next. No superblock may call it larger than it is.
        self.metadata.set_size(former)
        if status == OK:
            await self.metadata.write(thread)
        return False

    async def rebuild_ended(self, thread: SpdkThread) -> None:
        """Grow the array if members have grown during the rebuild (message)."""
        has_grown, self.has_grown = self.has_grown, False
        if has_grown:
            await self.base_bdev_resized(thread)

    def is_growing_held_up(self) -> bool:
        """Return whether the array can't grow now: a rebuild that runs copies what comes, one that ends must end first."""
        is_ending = (
            self.reactor.services.rebuild.is_under_way
            and self.record.process_state not in (ProcessState.INIT, ProcessState.RUNNING)
        )
        return self.record.state != RaidState.ONLINE or is_ending
