"""The operator's RPCs, on the app thread, with SPDK's method names and error codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.errors import EBUSY, ENODEV
from workers.protocol import Answer
from workers.shared import RaidState
from workers.thread import SpdkThread

if TYPE_CHECKING:
    from workers.reactor import Reactor


class Rpc:
    """Service ``rpc``. Arguments are numbers: a disk, a namespace id, a reactor."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor

    def bdev_raid_create(self, thread: SpdkThread, *disks: int) -> int:
        return self.reactor.services.membership.create(thread, *disks)

    async def bdev_raid_delete(self, thread: SpdkThread) -> int:
        return await self.reactor.services.membership.delete(thread)

    def bdev_raid_add_base_bdev(self, thread: SpdkThread, disk: int) -> int:
        return self.reactor.services.membership.add(thread, disk)

    async def bdev_raid_remove_base_bdev(self, thread: SpdkThread, disk: int) -> int:
        return await self.reactor.services.membership.remove(thread, disk)

    def bdev_raid_get_bdevs(self, thread: SpdkThread) -> Answer:
        """Value: a bit per disk that is a configured member."""
        record = self.reactor.block.raid
        if record.state == RaidState.ABSENT:
            return Answer(ENODEV)
        members = [slot.bdev - 1 for slot in record.slots if slot.bdev and slot.is_configured]
        return Answer(0, sum(1 << disk for disk in members))

    async def nvmf_subsystem_add_ns(self, thread: SpdkThread, nsid: int) -> int:
        return await self.reactor.services.namespaces.add(
            thread, nsid, self.reactor.services.raid_bdev.id
        )

    async def nvmf_subsystem_remove_ns(self, thread: SpdkThread, nsid: int) -> int:
        return await self.reactor.services.namespaces.remove(thread, nsid)

    async def nvmf_create_poll_group(self, thread: SpdkThread, reactor: int) -> int:
        """A poll group is born on this reactor's thread."""
        if not 0 <= reactor < self.reactor.layout.reactors:
            return ENODEV
        status = await thread.call(
            self.reactor.poll_group_thread(reactor), "nvmf.create_poll_group"
        )
        return EBUSY if status else 0
