"""An array's life on the app thread: it is created or assembled, configured, goes online, and is deleted.

Mirrors ``bdev_raid.c`` (``raid_bdev_create``, ``raid_bdev_configure``, ``raid_bdev_deconfigure``,
``raid_bdev_delete``).
"""

from __future__ import annotations

from workers.bdev.bdev import Bdev
from workers.bdev.io import BLOCK_SIZE
from workers.bdev.layer import BdevLayer, Descriptor
from workers.errors import EEXIST, EINVAL, ENODEV, EPERM, OK
from workers.protocol import APP_THREAD
from workers.raid.array import RaidBdev
from workers.raid.metadata import DATA_OFFSET, Metadata
from workers.raid.slots import OWNER, Slots
from workers.raid.superblock import Entry, EntryState, Superblock
from workers.raid.uuids import array_uuid, bdev_uuid
from workers.services import EngineCore
from workers.shared import SLOTS_MAX, RaidState
from workers.thread import SpdkThread, Waiters, run_flow


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
        self._begin(len(bdevs), has_superblock=bool(superblock))
        record.operational = len(bdevs)
        for place, bdev in enumerate(bdevs):
            record.slots[place].expected = bdev + 1
            if not self.layer.is_ready(bdev):
                continue
            status = self.slots.occupy(place, bdev, DATA_OFFSET if superblock else 0)
            if status != OK:
                thread.emit("raid.creation_failed", status, len(self.slots.occupied()))
                self.dismiss(thread)
                return status
            self._configured(place)
        self.array_number = number
        self.is_configuring = True
        status = await self._refuse_owned(thread)
        self.is_configuring = False
        self.waiters.wake()
        if status != OK:
            thread.emit("raid.creation_failed", status, len(self.slots.occupied()))
            self.dismiss(thread)
            return status
        return await self.configure(thread)

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
        """Refuse bdevs with a superblock as members of a new array, which would overwrite another array's data."""
        for slot in self.raid.slots:
            if slot.bdev:
                base = self.raid.base_bdev(slot)
                status, found = await self.reactor.services.examine.read(thread, base)
                if status != OK or found is not None:
                    return status or EEXIST
        return OK

    def _new_superblock(self) -> Superblock:
        blocks = self.slots.smallest()
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
            self.record.slots[entry.slot].data_offset = entry.data_offset
        self.record.operational = sum(
            1 for entry in entries if entry.state is EntryState.CONFIGURED
        )
        self.metadata.begin(superblock)
        thread.emit("raid.configuring", superblock.seq_number, self.record.operational)

    def join(self, place: int, bdev: int, data_offset: int) -> int:
        """Add a member for which the CONFIGURING array waits."""
        status = self.slots.occupy(place, bdev, data_offset)
        if status == OK:
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
        if record.state == RaidState.CONFIGURING and self._is_abandoned():
            self.dismiss(thread)  # no disk with its superblock is left
            thread.emit("raid.deleted")
            # Another array's disks may have been found meanwhile, and there is one array at a time.
            self.reactor.services.examine.look_again(thread)
        self.waiters.wake()
        return status

    async def _configure_once(self, thread: SpdkThread) -> int:
        """Try once to go online; the array stays CONFIGURING if a member goes meanwhile."""
        record = self.record
        fresh = self.metadata.superblock is None
        if fresh and record.has_superblock:
            self.metadata.begin(self._new_superblock())
        superblock = self.metadata.superblock
        blocks = self.slots.smallest() if superblock is None else superblock.raid_size
        if blocks < 1 or self.slots.smallest() < blocks:
            self.dismiss(thread)
            return EINVAL
        generations = [slot.generation for slot in self.raid.slots]
        self.is_configuring = True
        self.metadata.is_durable = False
        # The array must not be visible before its superblock is on the medium.
        status = await self.metadata.write(thread)
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
        return status

    def _is_abandoned(self) -> bool:
        return (
            not self.record.discovered
            and not self.is_configuring
            and self.metadata.superblock is not None
        )

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
            slot.expected = 0
        self.reactor.io_devices.register(self.raid.raid1_device)
        self.record.state = RaidState.ONLINE
        self.raid.check_counts()
        self.layer.register(self.bdev, blocks, self.reactor.layout.disks + 1)
        opened = self.layer.open(
            self.bdev, OWNER, lambda app: app.send(APP_THREAD, "configuration.array_removed")
        )
        assert isinstance(opened, Descriptor), "an array just registered can't be opened"
        self.self_descriptor = opened
        thread.emit("raid.created" if fresh else "raid.assembled", *members)
        self.layer.examine(thread, self.bdev)
        self.reactor.services.examine.array_is_online(thread)
        thread.send(APP_THREAD, "membership.base_bdev_resized")  # disks may have grown before

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
        """Delete the array; return when its last channel is gone."""
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
            slot.expected = slot.data_offset = 0
        self.metadata.end()
        record.discovered = record.operational = record.num_slots = record.has_superblock = 0
        record.state = RaidState.ABSENT

    def lose_unconfigured(self, number: int) -> None:
        """Drop a member before the array is online; the array waits for it again."""
        slot = self.record.slots[number]
        bdev = slot.bdev
        if slot.is_configured:
            self.record.discovered -= 1
        self.slots.release(number)
        slot.expected = bdev
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

    def go_offline(self, thread: SpdkThread) -> None:
        """Take the array offline, since no member is left that may serve."""
        self.record.state = RaidState.OFFLINE
        run_flow(self._unregister(thread, clear_superblock=False))

    async def _unregister(self, thread: SpdkThread, *, clear_superblock: bool) -> None:
        await self.layer.unregister(thread, self.bdev)
        await self.reactor.io_devices.unregister(thread, self.raid.raid1_device)
        if clear_superblock:
            await self._wipe_all(thread)
        for number in self.slots.occupied():
            self.slots.release(number)
        self._forget()
        thread.emit("raid.deleted")
