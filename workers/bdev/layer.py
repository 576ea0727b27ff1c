"""Registration of bdevs on the app thread: descriptors, claims, hot removal and return, unregister."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from workers.bdev.bdev import Bdev
from workers.errors import EBUSY, ENODEV, EPERM, OK
from workers.thread import Future, SpdkThread

if TYPE_CHECKING:
    from workers.reactor import Reactor


class BdevStatus(Enum):
    """A bdev's life on the app thread."""

    ABSENT = "absent"
    READY = "ready"
    REMOVING = "removing"


class Descriptor:
    """An open bdev; ``on_remove`` runs when the bdev goes away, and must lead to a close."""

    def __init__(self, bdev: Bdev, owner: str, on_remove: Callable[[SpdkThread], None]) -> None:
        self.bdev = bdev
        self.owner = owner
        self.on_remove = on_remove


class BdevLayer:
    """Service ``bdev``. All but :meth:`lock_granted` runs on the app thread, as in SPDK."""

    def __init__(self, reactor: Reactor, bdevs: list[Bdev]) -> None:
        self.reactor = reactor
        self.bdevs = bdevs
        self.status = [BdevStatus.ABSENT for _ in bdevs]
        self.descriptors: list[list[Descriptor]] = [[] for _ in bdevs]
        self.claims: list[str | None] = [None for _ in bdevs]
        self._all_closed: dict[int, Future] = {}
        self._unregistered: dict[int, list[Future]] = {}

    def register(self, bdev: Bdev, num_blocks: int) -> None:
        """The bdev can be opened from now on; size in blocks."""
        assert self.status[bdev.id] is BdevStatus.ABSENT, f"{bdev.name} is registered already"
        bdev.record.num_blocks = num_blocks
        self.reactor.io_devices.register(bdev.module)
        self.reactor.io_devices.register(bdev)
        self.status[bdev.id] = BdevStatus.READY

    def is_ready(self, bdev: int) -> bool:
        """Can the bdev be opened?"""
        return self.status[bdev] is BdevStatus.READY

    def open(
        self, bdev: Bdev, owner: str, on_remove: Callable[[SpdkThread], None]
    ) -> Descriptor | int:
        """A descriptor for reading and writing, or a negative errno.

        ENODEV: the bdev is not there, or on its way out. EPERM: a module has claimed it for itself.
        """
        if self.status[bdev.id] is not BdevStatus.READY:
            return ENODEV
        if self.claims[bdev.id] is not None:
            return EPERM
        descriptor = Descriptor(bdev, owner, on_remove)
        self.descriptors[bdev.id].append(descriptor)
        return descriptor

    def close(self, descriptor: Descriptor) -> None:
        """Give a descriptor back; the last one lets a removal go on."""
        held = self.descriptors[descriptor.bdev.id]
        held.remove(descriptor)
        if not held:
            closed = self._all_closed.pop(descriptor.bdev.id, None)
            if closed is not None:
                closed.resolve()

    def claim(self, descriptor: Descriptor) -> None:
        """Take the opened bdev for exclusive writing; those who have it open already may go on."""
        bdev = descriptor.bdev
        assert self.claims[bdev.id] is None, f"{bdev.name} is claimed already"
        self.claims[bdev.id] = descriptor.owner

    def release_claim(self, bdev: Bdev) -> None:
        """Give the claim back."""
        assert self.claims[bdev.id] is not None, f"{bdev.name} is not claimed"
        self.claims[bdev.id] = None

    async def unregister(self, thread: SpdkThread, bdev: Bdev) -> int:
        """Send REMOVE to all who have the bdev open; ends when the last channel is gone."""
        if self.status[bdev.id] is BdevStatus.ABSENT:
            return ENODEV
        if self.status[bdev.id] is BdevStatus.REMOVING:
            return EBUSY
        self.status[bdev.id] = BdevStatus.REMOVING
        for descriptor in self.descriptors[bdev.id]:
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

    # Messages.

    async def attach_disk(self, thread: SpdkThread, disk: int) -> int:
        """A disk is plugged in: its bdev appears, after the former one is quite gone."""
        bdev = self.bdevs[disk]
        while self.status[disk] is BdevStatus.REMOVING:
            gone = Future()
            self._unregistered.setdefault(disk, []).append(gone)
            if not await gone:
                return ENODEV  # pulled again meanwhile
        if self.status[disk] is BdevStatus.READY:
            return EBUSY
        self.register(bdev, self.reactor.disks[disk].num_blocks)
        thread.emit("bdev.registered", disk)
        return OK

    async def hot_remove(self, thread: SpdkThread, disk: int) -> int:
        """A disk was pulled: its bdev goes away, and doesn't come back for a plug that is still waiting."""
        if self.status[disk] is BdevStatus.REMOVING:
            for waiting in self._unregistered.pop(disk, []):
                waiting.resolve(False)
        return await self.unregister(thread, self.bdevs[disk])

    def lock_granted(self, thread: SpdkThread, bdev: int, lock: int) -> None:
        """A range lock this thread waits for is granted."""
        self.bdevs[bdev].lock_granted(lock)

    def census(self) -> list[tuple[str, str, int]]:
        """Descriptors, claims and range locks; the latter stand in the control block."""
        rows = [
            ("descriptor", f"{descriptor.owner} of {descriptor.bdev.name}", 1)
            for held in self.descriptors
            for descriptor in held
        ]
        rows += [
            ("claim", f"{owner} of {bdev.name}", 1)
            for bdev, owner in zip(self.bdevs, self.claims, strict=True)
            if owner is not None
        ]
        if self.reactor.number == 0:
            rows += [
                ("range lock", bdev.name, table.count)
                for bdev in self.bdevs
                for table in (bdev.record.locked, bdev.record.pending)
            ]
        return rows
