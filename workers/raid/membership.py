"""Creating and deleting the array, adding and removing members: flows on the app thread.

Mirrors ``bdev_raid.c`` (``raid_bdev_create``, ``raid_bdev_add_base_bdev``, ``raid_bdev_remove_base_bdev``).
The superblock has its places in these flows, marked where it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.bdev.bdev import Bdev
from workers.bdev.layer import BdevLayer, Descriptor
from workers.errors import EEXIST, EINVAL, ENODEV, EPERM, OK
from workers.protocol import APP_THREAD
from workers.raid.array import RaidBdev, is_in_sync
from workers.shared import SLOTS_MAX, ProcessState, RaidState, Slot
from workers.thread import Future, SpdkThread, run_flow

if TYPE_CHECKING:
    from workers.reactor import Reactor

MIN_BASE_BDEVS_OPERATIONAL = 1  # raid1 serves from a single member
OWNER = "raid0"


class Membership:
    """Service ``membership``: who belongs to the array."""

    def __init__(self, reactor: Reactor, layer: BdevLayer, raid: RaidBdev, bdev: Bdev) -> None:
        self.reactor = reactor
        self.layer = layer
        self.raid = raid
        self.record = raid.record
        self.bdev = bdev
        self.descriptors: list[Descriptor | None] = [None] * SLOTS_MAX
        self.self_descriptor: Descriptor | None = None
        self.removals = 0
        self._waiting: list[Future] = []

    # Operations; each returns 0 or a negative errno.

    def create(self, thread: SpdkThread, *disks: int) -> int:
        """Make a new array of these disks, which are taken to be identical; no initial synchronisation."""
        record = self.record
        if record.state != RaidState.ABSENT:
            return EEXIST
        if not 2 <= len(disks) <= SLOTS_MAX or len(set(disks)) != len(disks):
            return EINVAL
        if not all(self._is_known(disk) for disk in disks):
            return ENODEV
        record.num_slots = len(disks)
        for number, disk in enumerate(disks):
            status = self._occupy(number, disk)
            if status != OK:
                for taken in range(number):
                    self.release_slot(taken)
                return status
        for slot in self.raid.slots:
            slot.is_configured = 1
        record.state = RaidState.CONFIGURING
        record.discovered = record.operational = len(disks)
        record.window_size = self.reactor.layout.window_blocks
        # Superblock: initialised and written here, before anybody can see the array.
        blocks = min(self.layer.bdevs[disk].record.num_blocks for disk in disks)
        self.layer.register(self.bdev, blocks)
        self.reactor.io_devices.register(self.raid.raid1_device)
        record.state = RaidState.ONLINE
        opened = self.layer.open(
            self.bdev, OWNER, lambda app: app.send(APP_THREAD, "membership.array_removed")
        )
        assert isinstance(opened, Descriptor), "an array just registered can't be opened"
        self.self_descriptor = opened
        thread.emit("raid.created", len(disks))
        return OK

    def add(self, thread: SpdkThread, disk: int) -> int:
        """Put a disk into a free slot and rebuild it; answers when the rebuild has been started."""
        record = self.record
        if record.state != RaidState.ONLINE or not self._is_known(disk):
            return ENODEV
        if self.reactor.services.rebuild.is_under_way:
            return EPERM
        if not any(is_in_sync(slot) for slot in self.raid.slots):
            return ENODEV  # its last member is being taken out: there is nothing to rebuild from
        if any(slot.bdev == disk + 1 for slot in self.raid.slots):
            return EPERM
        free = [number for number, slot in enumerate(self.raid.slots) if not slot.bdev]
        if not free or self.layer.bdevs[disk].record.num_blocks < self.bdev.record.num_blocks:
            return EINVAL
        # Superblock: the new member's is read here, to refuse a foreign one.
        status = self._occupy(free[0], disk)
        if status == OK:
            self.reactor.services.rebuild.begin(thread, free[0])
        return status

    async def remove(self, thread: SpdkThread, disk: int) -> int:
        """Remove the member on this disk; the array goes offline with its last one."""
        for number, slot in enumerate(self.raid.slots):
            if slot.bdev == disk + 1:
                return await self.remove_slot(thread, number)
        return ENODEV

    async def remove_slot(self, thread: SpdkThread, number: int) -> int:
        """Remove the member in this slot, quiesced, on every channel."""
        record = self.record
        slot = record.slots[number]
        if record.state != RaidState.ONLINE or slot.remove_scheduled or not slot.is_configured:
            return ENODEV
        slot.remove_scheduled = 1
        self.removals += 1
        generation = slot.generation
        if record.process_state != ProcessState.NONE and self.stops_rebuild(number):
            await self.reactor.services.rebuild.stop(thread)
        if slot.generation == generation:
            await self._take_out(thread, number)
        self.removals -= 1
        if record.operational < MIN_BASE_BDEVS_OPERATIONAL and record.state == RaidState.ONLINE:
            self._deconfigure(thread)
        self._wake()
        return OK

    def stops_rebuild(self, number: int) -> bool:
        """Does the rebuild end with this member: as its target, or as its last source?"""
        slot = self.record.slots[number]
        return number == self.record.process_slot or self.raid.sources_without(slot) == 0

    async def _take_out(self, thread: SpdkThread, number: int) -> None:
        record = self.record
        slot = record.slots[number]
        disk = slot.bdev - 1
        lock = await self.bdev.quiesce(thread)
        # Superblock: the member becomes MISSING here, while no client I/O can run.
        # Not configured before the iteration: a channel born behind it must not take the member.
        slot.is_configured = 0
        record.discovered -= 1
        await thread.for_each_channel(self.raid, "remove_member", number)
        self.release_slot(number)
        record.operational -= 1
        # Told before client I/O goes on: from the next write on the member is stale.
        thread.emit("raid.member_removed", number, disk)
        await self.bdev.unquiesce_range(thread, lock)

    async def delete(self, thread: SpdkThread) -> int:
        """Delete the array; answers when its last channel is gone."""
        if self.record.state != RaidState.ONLINE:
            return ENODEV
        self.record.state = RaidState.OFFLINE
        await self._unregister(thread)
        return OK

    # Messages.

    async def fail_base_bdev(self, thread: SpdkThread, number: int, generation: int) -> None:
        """A write to this member failed; remove it, if it is still the same member."""
        if self.record.slots[number].generation == generation:
            await self.remove_slot(thread, number)

    async def base_bdev_removed(self, thread: SpdkThread, number: int, generation: int) -> None:
        """The member's bdev goes away; remove the member, so that its descriptor is closed."""
        if self.record.slots[number].generation == generation:
            await self.remove_slot(thread, number)

    async def array_removed(self, thread: SpdkThread) -> None:
        """The array is being unregistered: nothing of it may still run when its channels go."""
        rebuild = self.reactor.services.rebuild
        while rebuild.is_under_way or self.removals:
            if rebuild.is_under_way:
                await rebuild.stop(thread)
            else:
                waiting = Future()
                self._waiting.append(waiting)
                await waiting
        descriptor, self.self_descriptor = self.self_descriptor, None
        assert descriptor is not None, "the array is unregistered once"
        self.layer.close(descriptor)

    # Slots.

    def _is_known(self, disk: int) -> bool:
        return 0 <= disk < self.reactor.layout.disks and self.layer.is_ready(disk)

    def _occupy(self, number: int, disk: int) -> int:
        slot = self.record.slots[number]
        generation = slot.generation
        base = self.layer.bdevs[disk]
        descriptor = self.layer.open(
            base,
            OWNER,
            lambda app: app.send(APP_THREAD, "membership.base_bdev_removed", number, generation),
        )
        if not isinstance(descriptor, Descriptor):
            return descriptor
        self.layer.claim(descriptor)
        self.descriptors[number] = descriptor
        slot.bdev = disk + 1
        return OK

    def release_slot(self, number: int) -> None:
        """Close the member's descriptor, release its claim and empty the slot."""
        slot: Slot = self.record.slots[number]
        descriptor, self.descriptors[number] = self.descriptors[number], None
        assert descriptor is not None, f"slot {number} has no descriptor to close"
        self.layer.release_claim(descriptor.bdev)
        slot.bdev = slot.is_configured = slot.is_process_target = slot.is_failed = 0
        slot.remove_scheduled = 0
        slot.generation += 1
        self.layer.close(descriptor)

    def _deconfigure(self, thread: SpdkThread) -> None:
        self.record.state = RaidState.OFFLINE
        run_flow(self._unregister(thread))

    async def _unregister(self, thread: SpdkThread) -> None:
        await self.layer.unregister(thread, self.bdev)
        await self.reactor.io_devices.unregister(thread, self.raid.raid1_device)
        for number, slot in enumerate(self.raid.slots):
            if slot.bdev:
                self.release_slot(number)
        self.record.discovered = self.record.operational = self.record.num_slots = 0
        self.record.state = RaidState.ABSENT
        thread.emit("raid.deleted")

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            future.resolve()
