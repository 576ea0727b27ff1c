"""An array's life on the app thread: it is created or assembled, configured, goes online, and is deleted.

Mirrors ``bdev_raid.c`` (``raid_bdev_create``, ``raid_bdev_configure``, ``raid_bdev_deconfigure``,
``raid_bdev_delete``).
"""

from __future__ import annotations

from workers.bdev.bdev import Bdev
from workers.bdev.io import BLOCK_SIZE
from workers.bdev.layer import BdevLayer, Descriptor
from workers.errors import EALREADY, EEXIST, EINVAL, EIO, ENODEV, EPERM, OK
from workers.protocol import APP_THREAD
from workers.raid.array import RaidBdev
from workers.raid.metadata import DATA_OFFSET, Metadata
from workers.raid.slots import OWNER, Slots
from workers.raid.superblock import Entry, EntryState, Superblock
from workers.raid.uuids import array_uuid, bdev_uuid
from workers.services import EngineCore
from workers.shared import SLOTS_MAX, WORD_MAX, RaidState
from workers.thread import Future, SpdkThread, Waiters, run_flow


class Configuration:
    """Service ``configuration``."""

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
        self.self_descriptor: Descriptor | None = None
        self.is_configuring = (
            False  # the superblock of an array that isn't online yet is being written
        )
        self._is_deleting = False
        self.array_number = 0  # of an array being created; its UUID is derived from it
        self.waiters = Waiters()

    # Creation.

    async def create(self, thread: SpdkThread, superblock: int, number: int, *bdevs: int) -> int:
        """Create an array of these bdevs, which are assumed to be identical: there is no initial synchronisation.

        While one of them is absent or unknown, the array stays CONFIGURING. Its UUID is derived from ``number``.
        EPERM: one of them is claimed, perhaps by this very array because it is named twice.
        """
        record = self.record
        if record.state != RaidState.ABSENT or self.is_configuring:
            return EEXIST
        if not 2 <= len(bdevs) <= SLOTS_MAX:
            return EINVAL
        refusal = OK
        self._begin(len(bdevs), has_superblock=bool(superblock))
        record.operational = len(bdevs)
        for slot, bdev in zip(self.raid.slots, bdevs, strict=True):
            slot.expected = bdev + 1
        for place, bdev in enumerate(bdevs):
            if self.layer.is_ready(bdev) and refusal == OK:
                refusal = self._occupy_new(place, bdev)
        self.array_number = number
        self.is_configuring = True
        # As in SPDK, the superblocks of the members before a refused one are still read, and have the last word.
        status = await self._refuse_owned(thread) or refusal
        self.is_configuring = False
        if status == OK:
            # Only then may a deletion go on that has come meanwhile.
            return await self.configure(thread)
        thread.emit("raid.creation_failed", status, len(self.slots.occupied()))
        self.dismiss(thread)
        self.waiters.wake()
        return status

    def _occupy_new(self, place: int, bdev: int) -> int:
        """Put a bdev into a slot of a new array; return 0 or a negative errno."""
        offset = DATA_OFFSET if self.record.has_superblock else 0
        if self.layer.bdevs[bdev].record.num_blocks <= offset:
            return EINVAL
        return self.join(place, bdev, offset)

    def _begin(self, slots: int, *, has_superblock: bool) -> None:
        record = self.record
        record.state = RaidState.CONFIGURING
        record.num_slots = slots
        record.has_superblock = int(has_superblock)
        record.discovered = 0
        record.window_size = self.reactor.layout.window_blocks

    def _configured(self, place: int) -> None:
        self.record.slots[place].is_configured = 1
        self.record.discovered += 1
        self.raid.check_counts()

    async def _refuse_owned(self, thread: SpdkThread) -> int:
        """Refuse bdevs with a superblock as members of a new array, which would overwrite another array's data.

        As in SPDK all are read, and one that has a superblock counts more than one that can't be read.
        """
        unread = OK
        for slot in self.raid.slots:
            if slot.bdev:
                base = self.raid.base_bdev(slot)
                status, found = await self.reactor.services.examine.read(thread, base)
                if found is not None:
                    return EEXIST
                unread = status or unread
        return unread

    def _new_superblock(self) -> Superblock:
        # As the members were when they joined; the array grows when it is online.
        blocks = min(slot.data_size for slot in self.raid.slots)
        return Superblock(
            uuid=array_uuid(self.array_number),
            name=OWNER,
            raid_size=blocks,
            block_size=BLOCK_SIZE,
            seq_number=0,
            num_base_bdevs=self.record.num_slots,
            entries=tuple(
                Entry(
                    bdev_uuid(self.raid.base_bdev(slot).record.identity),
                    DATA_OFFSET,
                    blocks,
                    EntryState.CONFIGURED,
                    place,
                )
                for place, slot in enumerate(self.raid.slots)
            ),
        )

    def assemble(self, thread: SpdkThread, superblock: Superblock) -> None:
        """Begin an array from a superblock found on a disk; its members join one by one."""
        self._begin(superblock.num_base_bdevs, has_superblock=True)
        entries = superblock.entries
        for entry in entries:
            slot = self.record.slots[entry.slot]
            slot.data_offset, slot.data_size = entry.data_offset, min(entry.data_size, WORD_MAX)
        self.record.operational = sum(
            1 for entry in entries if entry.state is EntryState.CONFIGURED
        )
        self.metadata.begin(superblock)
        thread.emit("raid.configuring", superblock.seq_number, self.record.operational)

    def join(self, place: int, bdev: int, data_offset: int) -> int:
        """Add a member for which the CONFIGURING array waits; EINVAL: it has become too small."""
        slot, record = self.record.slots[place], self.layer.bdevs[bdev].record
        if data_offset + max(slot.data_size, 1) > record.num_blocks:
            slot.expected = slot.data_offset = 0
            return EINVAL
        status = self.slots.occupy(place, bdev, data_offset)
        if status == OK:
            slot.expected, slot.identity = bdev + 1, record.identity
            slot.data_size = slot.data_size or record.num_blocks - data_offset
            self._configured(place)
        return status

    async def configure(self, thread: SpdkThread) -> int:
        """Go online when all expected members have come; return OK also while some are missing."""
        record = self.record
        status = OK
        while (
            record.state == RaidState.CONFIGURING
            and record.discovered == record.operational
            and not self.is_configuring
            and status == OK
        ):
            status = await self._configure_once(thread)
        self.waiters.wake()
        return status

    async def _configure_once(self, thread: SpdkThread) -> int:
        """Try once to go online; the array stays CONFIGURING if a member goes meanwhile."""
        record = self.record
        fresh = self.metadata.superblock is None
        if fresh and record.has_superblock:
            self.metadata.begin(self._new_superblock())
        superblock = self.metadata.superblock
        blocks = min(slot.data_size for slot in self.raid.slots)
        if superblock is not None and superblock.raid_size != blocks:
            return EINVAL  # it contradicts itself: as in SPDK, the array waits for good
        generations = [slot.generation for slot in self.raid.slots]
        self.is_configuring = True
        self.metadata.is_durable = False
        # The array must not be visible before its superblock is on the medium.
        status = await self.metadata.write(thread)
        if fresh and not status and not self.metadata.lists_all():
            status = EIO  # as in SPDK, a new array has all its members or isn't created
        if status != OK and fresh:
            # Without its members another array could begin meanwhile, and would be wiped.
            await self._wipe_all(thread)
        self.is_configuring = False
        if status != OK:
            is_left = not self.record.discovered
            self.dismiss(thread)
            if is_left:
                self.reactor.services.examine.look_again(thread)
        elif generations == [slot.generation for slot in self.raid.slots]:
            self._drop_unwritten()
            self._go_online(thread, blocks, fresh=fresh)
        else:
            self.reactor.services.examine.make_way(thread)
        return status

    def _drop_unwritten(self) -> None:
        for place, slot in enumerate(self.raid.slots):
            if slot.bdev and slot.is_failed:
                self.record.operational -= 1
                self.lose_unconfigured(place)

    def _go_online(self, thread: SpdkThread, blocks: int, *, fresh: bool) -> None:
        members = [self.raid.disk_in(slot) for slot in self.raid.slots if slot.bdev]
        assert len(members) == self.record.discovered, "an array goes online with other members"
        assert blocks <= self.slots.smallest(), "an array goes online larger than a member"
        for slot in self.raid.slots:
            slot.expected = slot.identity = slot.data_size = 0
        self.reactor.io_devices.register(self.raid.raid1_device)
        self.record.state = RaidState.ONLINE
        self.raid.check_counts()
        self.reactor.services.membership.has_grown = False  # that was an earlier array's
        self.layer.register(self.bdev, blocks, self.reactor.layout.disks + 1)
        opened = self.layer.open(
            self.bdev, OWNER, lambda app: app.send(APP_THREAD, "configuration.array_removed")
        )
        assert isinstance(opened, Descriptor), "an array just registered can't be opened"
        self.self_descriptor = opened
        thread.emit("raid.created" if fresh else "raid.assembled", *members)
        self.layer.examine(thread, self.bdev)
        self.reactor.services.examine.array_is_online(thread)
        if fresh and self.slots.smallest() > blocks:
            thread.send(APP_THREAD, "membership.base_bdev_resized")  # disks have grown meanwhile

    async def start_degraded(self, thread: SpdkThread, trusted: int) -> int:
        """Start an array that waits for members which won't come; they become MISSING.

        SPDK leaves such an array waiting forever (issue 3449). The operator has to name a bdev that is known to hold
        all acknowledged data. ENODEV: that bdev isn't a member of the waiting array.
        """
        record = self.record
        if record.state == RaidState.ABSENT:
            return ENODEV
        # An array that is being created has no superblock yet, and no data to trust.
        is_waiting = record.state == RaidState.CONFIGURING and not self.is_configuring
        if not is_waiting or self.metadata.superblock is None:
            return EPERM
        if not any(slot.bdev == trusted + 1 for slot in self.raid.slots):
            return ENODEV
        thread.emit("raid.starting_degraded")
        for place, slot in enumerate(self.raid.slots):
            if not slot.bdev:
                self.metadata.set_state(place, EntryState.MISSING)
        record.operational = record.discovered
        # A crash may have cut a superblock write short, so that it reached only the absent members. Their superblocks
        # still call them CONFIGURED, so they must not carry the number that is written now.
        self.metadata.leap()
        return await self.configure(thread)

    # Deletion.

    async def delete(self, thread: SpdkThread, clear_superblock: int) -> int:
        """Delete the array; return when its last channel is gone. EALREADY: another request does so."""
        if self._is_deleting:
            return EALREADY
        self._is_deleting = True
        status = await self._delete(thread, clear_superblock)
        self._is_deleting = False
        return status

    async def _delete(self, thread: SpdkThread, clear_superblock: int) -> int:
        record = self.record
        while self.is_configuring:
            await self.waiters.wait()
        if record.state == RaidState.CONFIGURING:
            if clear_superblock:
                self.is_configuring = True
                await self._wipe_all(thread)
                self.is_configuring = False
            if record.state == RaidState.CONFIGURING:
                self.dismiss(thread)
                thread.emit("raid.deleted")
            self.waiters.wake()
            return OK
        if record.state != RaidState.ONLINE:
            return ENODEV
        record.state = RaidState.OFFLINE
        await self._unregister(thread, clear_superblock=bool(clear_superblock))
        return OK

    async def _wipe_all(self, thread: SpdkThread) -> None:
        if not self.record.has_superblock:
            return  # block 0 is client data there
        wiped: list[tuple[int, int]] = []
        # A disk may join the array meanwhile, and must not keep the superblock of an array that is gone.
        while left := [one for one in self._members() if one not in wiped]:
            wiped += left
            await self.metadata.wipe(thread, [number for number, _ in left])

    def _members(self) -> list[tuple[int, int]]:
        return [(number, self.raid.slots[number].generation) for number in self.slots.occupied()]

    def dismiss(self, thread: SpdkThread) -> None:
        """Release all that an array which is not online holds."""
        for number in self.slots.occupied():
            self.slots.release(number)
        self._forget()

    def _forget(self) -> None:
        record = self.record
        for slot in self.raid.slots:
            slot.expected = slot.identity = slot.data_size = slot.data_offset = 0
        self.metadata.end()
        record.discovered = record.operational = record.num_slots = record.has_superblock = 0
        record.state = RaidState.ABSENT

    def lose_unconfigured(self, number: int) -> None:
        """Drop a member before the array is online; the array waits for it again, by its UUID."""
        slot = self.record.slots[number]
        if slot.is_configured:
            self.record.discovered -= 1
        self.slots.release(number)
        slot.expected = 0
        self.raid.check_counts()

    async def array_removed(self, thread: SpdkThread) -> None:
        """Close the array that is being unregistered, once no rebuild and no change of members runs any more."""
        rebuild = self.reactor.services.rebuild
        membership = self.reactor.services.membership
        while rebuild.is_under_way or membership.is_changing:
            if rebuild.is_under_way:
                await rebuild.stop(thread)
            else:
                await membership.waiters.wait()
        descriptor, self.self_descriptor = self.self_descriptor, None
        assert descriptor is not None, "the array is unregistered once"
        self.layer.close(descriptor)

    def go_offline(self, thread: SpdkThread) -> Future:
        """Take the array offline, since no member is left that may serve; the future resolves when it is gone."""
        self.record.state = RaidState.OFFLINE
        gone = Future()
        run_flow(self._unregister(thread, clear_superblock=False), gone.resolve)
        return gone

    async def _unregister(self, thread: SpdkThread, *, clear_superblock: bool) -> None:
        await self.layer.unregister(thread, self.bdev)
        await self.reactor.io_devices.unregister(thread, self.raid.raid1_device)
        if clear_superblock:
            await self._wipe_all(thread)
        for number in self.slots.occupied():
            self.slots.release(number)
        self._forget()
        thread.emit("raid.deleted")
