"""Registration of bdevs on the app thread: descriptors, claims, examine, reset, resize, hot removal, unregister."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from workers.bdev.bdev import Bdev, BdevChannel
from workers.bdev.disk import Disk
from workers.bdev.io import IoType
from workers.bdev.split import SplitDevice, partition_blocks, partitions
from workers.bdev.stack import (
    Stack,
    StackedDevice,
    disk_of,
    raid_bdev_id,
    raid_passthru_id,
    stack_of,
    stacked_bdev_id,
)
from workers.errors import EBUSY, EEXIST, EINVAL, ENODEV, ENOMEM, EPERM, OK
from workers.services import EngineCore
from workers.thread import Future, SpdkThread, Wait, run_flow


class BdevStatus(Enum):
    """A bdev's life on the app thread."""

    ABSENT = "absent"
    READY = "ready"
    REMOVING = "removing"


class Descriptor:
    """An open bdev; ``on_remove`` runs when the bdev goes away, and must lead to a close."""

    def __init__(
        self,
        bdev: Bdev,
        owner: str,
        on_remove: Callable[[SpdkThread], None],
        on_resize: Callable[[SpdkThread], None] | None,
    ) -> None:
        self.bdev = bdev
        self.owner = owner
        self.on_remove = on_remove
        self.on_resize = on_resize


class BdevLayer:
    """Service ``bdev``. All methods except :meth:`lock_granted` run on the app thread, as in SPDK."""

    def __init__(self, reactor: EngineCore, bdevs: dict[int, Bdev]) -> None:
        self.reactor = reactor
        self.layout = reactor.layout
        self.bdevs = bdevs
        self.status = dict.fromkeys(bdevs, BdevStatus.ABSENT)
        self.descriptors: dict[int, list[Descriptor]] = {bdev: [] for bdev in bdevs}
        self.claims: dict[int, str | None] = dict.fromkeys(bdevs)
        self._all_closed: dict[int, Future] = {}
        self._unregistered: dict[int, list[Future]] = {}
        self._resets: dict[int, list[Future]] = {}
        self._examined: list[int] = []  # by hand: no name is taken twice
        self._reset_status: dict[int, int] = {}  # status of the reset that is ending

    # Registration.

    def register(self, bdev: Bdev, num_blocks: int, identity: int) -> None:
        """Register a bdev, so that it can be opened; size in blocks."""
        assert self.status[bdev.id] is BdevStatus.ABSENT, f"{bdev.name} is registered already"
        bdev.record.num_blocks = num_blocks
        bdev.record.identity = identity
        self.reactor.io_devices.register(bdev.module)
        self.reactor.io_devices.register(bdev)
        self.status[bdev.id] = BdevStatus.READY

    def examine(self, thread: SpdkThread, bdev: Bdev) -> None:
        """Offer a bdev to the modules: one configured to stand on it claims it, else RAID examines it."""
        if self.claims[bdev.id] is not None or self.status[bdev.id] is not BdevStatus.READY:
            return
        uppers = self._standing_on(bdev.id)
        if uppers:
            self._build_on(thread, uppers, bdev)
        elif self.is_for_raid(bdev):
            run_flow(self.reactor.services.examine.look_at(thread, bdev))

    def is_for_raid(self, bdev: Bdev) -> bool:
        """Return whether RAID examines this bdev: nothing has claimed it, and it is no array."""
        layout = self.layout
        is_above = bdev.id == raid_bdev_id(layout) or bdev.id >= raid_passthru_id(layout)
        return self.claims[bdev.id] is None and not is_above

    def _standing_on(self, bdev: int) -> list[Bdev]:
        """Return what is configured right on this bdev: one bdev, or the partitions of the array."""
        layout = self.layout
        passthru = raid_passthru_id(layout)
        if bdev == raid_bdev_id(layout) and passthru in self.bdevs:
            ids = [passthru]
        elif bdev in (raid_bdev_id(layout), passthru):
            ids = partitions(layout)
        elif bdev > passthru:
            ids = []
        else:
            disk = disk_of(layout, bdev)
            ids = [disk, *(stacked_bdev_id(layout, kind, disk) for kind in stack_of(layout, disk))]
            ids = ids[ids.index(bdev) + 1 :][:1]
        return [self.bdevs[upper] for upper in ids]

    def _build_on(self, thread: SpdkThread, uppers: list[Bdev], base: Bdev) -> None:
        def remove(app: SpdkThread) -> None:
            for upper in uppers:
                app.send(app.id, "bdev.base_removed", upper.id)

        owner = uppers[0].name
        descriptor = self.open(base, owner, remove, lambda app: self._follow(app, uppers, base))
        assert isinstance(descriptor, Descriptor), f"{base.name} can't be opened by {owner}"
        self.claim(descriptor)
        for place, upper in enumerate(uppers):
            # A stacked bdev has a UUID of its own, derived from the lower one's.
            self.register(upper, self._size_on(upper, base), base.record.identity + 32 + place)
            self.examine(thread, upper)

    def _size_on(self, upper: Bdev, base: Bdev) -> int:
        whole = base.record.num_blocks
        if isinstance(upper.module, SplitDevice):
            return partition_blocks(self.layout, upper.module.number, whole)
        return whole

    def _follow(self, thread: SpdkThread, uppers: list[Bdev], base: Bdev) -> None:
        for upper in uppers:
            if self.status[upper.id] is BdevStatus.READY:
                self.resize(thread, upper, self._size_on(upper, base))

    def is_ready(self, bdev: int) -> bool:
        """Return whether the bdev can be opened."""
        return self.status.get(bdev) is BdevStatus.READY

    def open(
        self,
        bdev: Bdev,
        owner: str,
        on_remove: Callable[[SpdkThread], None],
        on_resize: Callable[[SpdkThread], None] | None = None,
    ) -> Descriptor | int:
        """Return a descriptor for reading and writing, or a negative errno.

        ENODEV: the bdev is absent, or being removed. EPERM: a module has claimed it exclusively.
        """
        if self.status[bdev.id] is not BdevStatus.READY:
            return ENODEV
        if self.claims[bdev.id] is not None:
            return EPERM
        descriptor = Descriptor(bdev, owner, on_remove, on_resize)
        self.descriptors[bdev.id].append(descriptor)
        return descriptor

    def close(self, descriptor: Descriptor) -> None:
        """Close a descriptor; a pending removal proceeds when the last one is closed."""
        held = self.descriptors[descriptor.bdev.id]
        held.remove(descriptor)
        if not held:
            closed = self._all_closed.pop(descriptor.bdev.id, None)
            if closed is not None:
                closed.resolve()

    def claim(self, descriptor: Descriptor) -> None:
        """Claim the opened bdev for exclusive writing; descriptors that are open already stay valid."""
        bdev = descriptor.bdev
        assert self.claims[bdev.id] is None, f"{bdev.name} is claimed already"
        self.claims[bdev.id] = descriptor.owner

    def release_claim(self, bdev: Bdev) -> None:
        """Release the claim."""
        assert self.claims[bdev.id] is not None, f"{bdev.name} is not claimed"
        self.claims[bdev.id] = None

    async def unregister(self, thread: SpdkThread, bdev: Bdev) -> int:
        """Abort queued I/O and send REMOVE to all descriptors; return when the last channel is gone."""
        if self.status[bdev.id] is BdevStatus.ABSENT:
            return ENODEV
        if self.status[bdev.id] is BdevStatus.REMOVING:
            return EBUSY
        self.status[bdev.id] = BdevStatus.REMOVING
        iterations = self.reactor.block.devices[bdev.key].iterations
        thread.emit("bdev.unregistering", bdev.id, iterations)
        await thread.for_each_channel(bdev, "abort_queued")
        await bdev.module.let_go(thread)
        for descriptor in list(self.descriptors[bdev.id]):
            descriptor.on_remove(thread)
        if self.descriptors[bdev.id]:
            closed = self._all_closed[bdev.id] = Future()
            await closed
        await self.reactor.io_devices.unregister(thread, bdev)
        await self.reactor.io_devices.unregister(thread, bdev.module)
        self.status[bdev.id] = BdevStatus.ABSENT
        thread.emit("bdev.unregistered", bdev.id)
        for waiting in self._unregistered.pop(bdev.id, []):
            waiting.resolve(True)
        return OK

    def resize(self, thread: SpdkThread, bdev: Bdev, num_blocks: int) -> None:
        """Change the bdev's size and notify all descriptors."""
        if bdev.record.num_blocks == num_blocks:
            return
        bdev.record.num_blocks = num_blocks
        thread.emit("bdev.resized", bdev.id, num_blocks)
        for descriptor in list(self.descriptors[bdev.id]):
            if descriptor.on_resize is not None:
                descriptor.on_resize(thread)

    async def reset(self, thread: SpdkThread, bdev: Bdev) -> int:
        """Freeze all channels, reset the device, thaw them; one reset of a bdev at a time.

        A reset that is requested while another one runs ends with that one, with the same status, as in SPDK.
        """
        if self.status[bdev.id] is not BdevStatus.READY:
            return ENODEV
        waiting = self._resets.get(bdev.id)
        if waiting is not None:
            ended = Future()
            waiting.append(ended)
            status: int = await ended
            return status
        # The reset's own channel keeps the device registered while it runs.
        channel = thread.get_io_channel(bdev)
        if channel is None:
            return ENOMEM
        self._resets[bdev.id] = []
        await self._freeze(thread, bdev)
        status = await bdev.module.reset(thread)
        self._reset_status[bdev.id] = status
        await self._unfreeze(thread, bdev, channel)
        return status

    async def _freeze(self, thread: SpdkThread, bdev: Bdev) -> None:
        """Stop all channels from submitting to the device: the first half of a reset."""
        bdev.record.is_resetting = 1
        thread.emit("bdev.resetting", bdev.id)
        await thread.for_each_channel(bdev, "freeze")

    async def _unfreeze(self, thread: SpdkThread, bdev: Bdev, channel: BdevChannel) -> None:
        """Unfreeze all channels and complete the resets that were queued meanwhile: the second half."""
        # Cleared before the iteration: channels created frozen get a visit, and those created later aren't frozen.
        bdev.record.is_resetting = 0
        await thread.for_each_channel(bdev, "unfreeze")
        thread.put_io_channel(channel)
        thread.emit("bdev.reset", bdev.id)
        self.complete_queued_resets(bdev)

    def complete_queued_resets(self, bdev: Bdev) -> None:
        """Mark the reset as over and complete those that waited for it."""
        status = self._reset_status.pop(bdev.id, OK)
        for ended in self._resets.pop(bdev.id, []):
            ended.resolve(status)

    # Messages.

    def start_disks(self, thread: SpdkThread, *disks: int) -> int:
        """Register the disks that are present at the target's start; others come by hot plug."""
        there = [disk for disk in disks if self._disk(disk).header.present and disk in self.bdevs]
        for disk in there:
            self._register_disk(disk)
        for disk in there if self.layout.auto_examine else ():
            self.examine(thread, self.bdevs[disk])
        return OK

    async def attach_disk(self, thread: SpdkThread, disk: int) -> int:
        """Register the bdev of a disk that was plugged in, once the former bdev is gone."""
        bdev = self.bdevs[disk]
        while self.status[disk] is BdevStatus.REMOVING:
            gone = Future()
            self._unregistered.setdefault(disk, []).append(gone)
            if not await gone:
                return ENODEV  # pulled again meanwhile
        if self.status[disk] is BdevStatus.READY:
            return EBUSY
        thread.emit("bdev.registered", disk)
        self._register_disk(disk)
        if self.layout.auto_examine or disk in self._examined:
            self.examine(thread, bdev)
        return OK

    def examine_by_hand(self, thread: SpdkThread, bdev: int) -> int:
        """Examine a bdev where that isn't automatic (``bdev_examine``), once for each name. EEXIST: it was asked for before."""
        if self.layout.auto_examine:
            return EINVAL
        if bdev in self._examined:
            return EEXIST
        self._examined.append(bdev)
        if self.is_ready(bdev):
            self.examine(thread, self.bdevs[bdev])
        return OK

    async def hot_remove(self, thread: SpdkThread, disk: int) -> int:
        """Unregister the bdev of a pulled disk and cancel a plug-in that still waits."""
        if self.status[disk] is BdevStatus.REMOVING:
            for waiting in self._unregistered.pop(disk, []):
                waiting.resolve(False)
        return await self.unregister(thread, self.bdevs[disk])

    async def base_removed(self, thread: SpdkThread, upper: int) -> None:
        """Unregister a bdev whose base is being removed; the last one there closes the base."""
        bdev = self.bdevs[upper]
        await self.unregister(thread, bdev)
        module = bdev.module
        assert isinstance(module, StackedDevice | SplitDevice), f"{bdev.name} stands on nothing"
        base = module.base
        uppers = self._standing_on(base.id)
        if any(self.status[other.id] is not BdevStatus.ABSENT for other in uppers):
            return
        owner = uppers[0].name
        descriptor = next(held for held in self.descriptors[base.id] if held.owner == owner)
        self.release_claim(base)
        self.close(descriptor)

    async def resume(self, thread: SpdkThread, disk: int) -> int:
        """Release I/O that hangs on a disk or is held by its error bdev."""
        for number in (disk, stacked_bdev_id(self.layout, Stack.ERROR, disk)):
            # A bdev that is going waits for its I/O, which a fault may hold.
            if self.status.get(number, BdevStatus.ABSENT) is not BdevStatus.ABSENT:
                await self.bdevs[number].module.let_go(thread)
        return OK

    def grown(self, thread: SpdkThread, disk: int) -> int:
        """Follow the size of a disk that has grown."""
        if self.status[disk] is BdevStatus.READY:
            self.resize(thread, self.bdevs[disk], self._disk(disk).num_blocks)
        return OK

    def inject_error(
        self, thread: SpdkThread, bdev: int, kind: int, io_types: int, count: int
    ) -> int:
        """Set an error bdev's error for these types of I/O, and how many of each it hits (``bdev_error_inject_error``)."""
        if not self.is_ready(bdev):
            return ENODEV
        record = self.bdevs[bdev].record
        for io_type in IoType:
            if io_types >> io_type & 1:
                record.errors.set(io_type, kind, count)
        return OK

    def set_latency(self, thread: SpdkThread, bdev: int, latency_us: int) -> int:
        """Set a delay bdev's latency (``bdev_delay_update_latency``)."""
        if not self.is_ready(bdev):
            return ENODEV
        if latency_us < 0:
            return EINVAL
        self.bdevs[bdev].record.latency_us = latency_us
        return OK

    def _register_disk(self, number: int) -> None:
        disk, bdev = self._disk(number), self.bdevs[number]
        bdev.record.plug = disk.header.plugs
        self.register(bdev, disk.num_blocks, disk.identity)

    def _disk(self, number: int) -> Disk:
        return self.reactor.disks[number]

    def lock_granted(self, thread: SpdkThread, bdev: int, lock: int) -> None:
        """Resume the flow whose range lock has been granted."""
        self.bdevs[bdev].locks.granted(lock)

    def waits(self) -> list[Wait]:
        """Return the waits for a close, a reset, a bdev's removal or a range lock."""
        rows: list[Wait] = []
        for bdev in self.bdevs.values():
            closed = self._all_closed.get(bdev.id)
            if closed is not None:
                owners = [descriptor.owner for descriptor in self.descriptors[bdev.id]]
                rows += [(closed, f"{owner} to close {bdev.name}") for owner in owners]
            for gone in self._unregistered.get(bdev.id, []):
                rows.append((gone, f"the removal of {bdev.name}"))
            for ended in self._resets.get(bdev.id, []):
                rows.append((ended, f"the reset of {bdev.name}"))
            rows += bdev.locks.waits()
        return rows

    def census(self) -> list[tuple[str, str, int]]:
        """Count descriptors, claims and range locks; the latter are in the control block."""
        rows = [
            ("descriptor", f"{descriptor.owner} of {descriptor.bdev.name}", 1)
            for held in self.descriptors.values()
            for descriptor in held
        ]
        rows += [
            ("claim", f"{owner} of {self.bdevs[bdev].name}", 1)
            for bdev, owner in self.claims.items()
            if owner is not None
        ]
        if self.reactor.number == 0:
            rows += [
                ("range lock", bdev.name, table.count)
                for bdev in self.bdevs.values()
                for table in (bdev.record.locked, bdev.record.pending)
            ]
        return rows
