"""The operator's RPCs, on the app thread, with SPDK's method names and error codes.

Arguments are numbers: a bdev (see ``bdev/stack.py``), a namespace id, a reactor. Three RPCs are this engine's own:
``bdev_raid_start_degraded`` (see ``configuration.py``); ``bdev_reset``, which stands for the LUN reset of an iSCSI or
vhost client; and ``bdev_examine_again``, which stands for deleting a bdev and making it again.
"""

from __future__ import annotations

from typing import Protocol

from workers.bdev.bdev import Bdev
from workers.bdev.layer import BdevLayer
from workers.bdev.split import partitions
from workers.bdev.stack import raid_passthru_id
from workers.core import Core
from workers.errors import EINVAL, ENODEV, OK
from workers.nvmf.namespaces import Namespaces
from workers.nvmf.target import NvmfTarget
from workers.protocol import Answer
from workers.raid.configuration import Configuration
from workers.raid.examine import Examine
from workers.raid.membership import Membership
from workers.shared import NAMESPACES_MAX, REACTORS_MAX, RaidState
from workers.thread import SpdkThread


class RequestedServices(Protocol):
    """The services that RPCs call."""

    @property
    def bdev(self) -> BdevLayer: ...

    @property
    def raid_bdev(self) -> Bdev: ...

    @property
    def configuration(self) -> Configuration: ...

    @property
    def membership(self) -> Membership: ...

    @property
    def examine(self) -> Examine: ...

    @property
    def nvmf(self) -> NvmfTarget: ...

    @property
    def namespaces(self) -> Namespaces: ...


class RpcCore(Core, Protocol):
    """A reactor as RPCs see it."""

    @property
    def services(self) -> RequestedServices: ...


class Rpc:
    """Service ``rpc``."""

    def __init__(self, reactor: RpcCore) -> None:
        self.reactor = reactor

    def framework_start_init(self, thread: SpdkThread, *disks: int) -> int:
        """Start the target with these disks."""
        return self.reactor.services.bdev.start_disks(thread, *disks)

    # Bdevs.

    def bdev_examine(self, thread: SpdkThread, bdev: int) -> int:
        """Examine a bdev, if that isn't done by itself."""
        return self.reactor.services.bdev.examine_by_hand(thread, bdev)

    def bdev_examine_again(self, thread: SpdkThread, bdev: int) -> int:
        """Examine a bdev again, for an array that misses it."""
        layer = self.reactor.services.bdev
        if not layer.is_ready(bdev):
            return ENODEV
        layer.examine(thread, layer.bdevs[bdev])
        return OK

    async def bdev_wait_for_examine(self, thread: SpdkThread) -> int:
        """Await the end of all examinations."""
        return await self.reactor.services.examine.idle()

    async def bdev_reset(self, thread: SpdkThread, bdev: int) -> int:
        found = self._bdev(bdev)
        return ENODEV if found is None else await self.reactor.services.bdev.reset(thread, found)

    def bdev_error_inject_error(
        self, thread: SpdkThread, bdev: int, kind: int, io_types: int, count: int
    ) -> int:
        return self.reactor.services.bdev.inject_error(thread, bdev, kind, io_types, count)

    def bdev_delay_update_latency(self, thread: SpdkThread, bdev: int, latency_us: int) -> int:
        return self.reactor.services.bdev.set_latency(thread, bdev, latency_us)

    # The array.

    async def bdev_raid_create(
        self, thread: SpdkThread, superblock: int, number: int, *bdevs: int
    ) -> int:
        return await self.reactor.services.configuration.create(thread, superblock, number, *bdevs)

    async def bdev_raid_delete(self, thread: SpdkThread, clear_superblock: int) -> int:
        return await self.reactor.services.configuration.delete(thread, clear_superblock)

    async def bdev_raid_add_base_bdev(self, thread: SpdkThread, bdev: int) -> int:
        return await self.reactor.services.membership.add(thread, bdev)

    async def bdev_raid_remove_base_bdev(self, thread: SpdkThread, bdev: int) -> int:
        return await self.reactor.services.membership.remove(thread, bdev)

    async def bdev_raid_start_degraded(self, thread: SpdkThread, trusted: int) -> int:
        return await self.reactor.services.configuration.start_degraded(thread, trusted)

    def bdev_raid_get_bdevs(self, thread: SpdkThread) -> Answer:
        """Answer with a bit per bdev that is a configured member."""
        record = self.reactor.block.raid
        if record.state == RaidState.ABSENT:
            return Answer(ENODEV)
        members = [slot.bdev - 1 for slot in record.slots if slot.bdev and slot.is_configured]
        return Answer(0, sum(1 << bdev for bdev in members))

    # The NVMe-oF target.

    async def nvmf_subsystem_add_ns(self, thread: SpdkThread, nsid: int) -> int:
        """Attach the array, the passthru bdev on it, or one of its partitions: the first as namespace 1, and so on."""
        services, layout = self.reactor.services, self.reactor.layout
        bdev = raid_passthru_id(layout) if layout.array_passthru else services.raid_bdev.id
        parts = partitions(layout)
        if parts and 1 <= nsid <= NAMESPACES_MAX:
            if nsid > len(parts):
                return ENODEV
            bdev = parts[nsid - 1]
        return await services.namespaces.add(thread, nsid, bdev)

    async def nvmf_subsystem_remove_ns(self, thread: SpdkThread, nsid: int) -> int:
        return await self.reactor.services.namespaces.remove(thread, nsid)

    async def nvmf_subsystem_add_listener(self, thread: SpdkThread, listener: int) -> int:
        return await self.reactor.services.namespaces.add_listener(thread, listener)

    async def nvmf_subsystem_remove_listener(self, thread: SpdkThread, listener: int) -> int:
        return await self.reactor.services.namespaces.remove_listener(thread, listener)

    async def nvmf_create_poll_group(self, thread: SpdkThread, reactor: int) -> int:
        """Create a thread with a poll group on this reactor."""
        if not 0 <= reactor < min(self.reactor.layout.reactors, REACTORS_MAX):
            return ENODEV
        return await self.reactor.services.nvmf.create_poll_group(thread, reactor)

    async def nvmf_destroy_poll_group(self, thread: SpdkThread, reactor: int) -> int:
        """End the poll group's connections, then its thread."""
        if not 0 <= reactor < min(self.reactor.layout.reactors, REACTORS_MAX):
            return EINVAL
        return await self.reactor.services.nvmf.destroy_poll_group(thread, reactor)

    def _bdev(self, bdev: int) -> Bdev | None:
        return self.reactor.services.bdev.bdevs.get(bdev)
