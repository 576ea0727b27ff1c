"""The classes an engine is made of, in one frozen record, and how a reactor's services are built from it.

A defect is another record: the same classes, some with named methods replaced. Clean and defective engines
can live in one process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.bdev.bdev import Bdev, BdevChannel
from workers.bdev.disk import DiskChannel, DiskDevice
from workers.bdev.layer import BdevLayer
from workers.nvmf.namespaces import Namespaces
from workers.nvmf.poll_group import PollGroup
from workers.nvmf.target import NvmfTarget
from workers.raid.array import ProcessedChannel, RaidBdev, RaidChannel
from workers.raid.membership import Membership
from workers.raid.raid1 import Raid1, Raid1Channel, Raid1Device
from workers.raid.rebuild import Rebuild
from workers.rpc import Rpc

if TYPE_CHECKING:
    from workers.reactor import Reactor

NVMF_KEY = 0


@dataclass(frozen=True, slots=True)
class EngineClasses:
    """One class for each part of the engine; a defect may replace any of them by a subclass."""

    bdev: type[Bdev] = Bdev
    bdev_channel: type[BdevChannel] = BdevChannel
    bdev_layer: type[BdevLayer] = BdevLayer
    disk_channel: type[DiskChannel] = DiskChannel
    raid_bdev: type[RaidBdev] = RaidBdev
    raid_channel: type[RaidChannel] = RaidChannel
    processed_channel: type[ProcessedChannel] = ProcessedChannel
    raid1: type[Raid1] = Raid1
    raid1_channel: type[Raid1Channel] = Raid1Channel
    membership: type[Membership] = Membership
    rebuild: type[Rebuild] = Rebuild
    nvmf_target: type[NvmfTarget] = NvmfTarget
    poll_group: type[PollGroup] = PollGroup
    namespaces: type[Namespaces] = Namespaces
    rpc: type[Rpc] = Rpc


@dataclass(frozen=True, slots=True)
class Services:
    """What messages are addressed to: ``service.method``."""

    bdev: BdevLayer
    raid_bdev: Bdev
    membership: Membership
    rebuild: Rebuild
    nvmf: NvmfTarget
    namespaces: Namespaces
    rpc: Rpc

    def census(self) -> list[tuple[str, str, int]]:
        """What is alive above the threads: (kind, owner, count)."""
        return self.bdev.census() + self.nvmf.census()


def build_services(reactor: Reactor) -> Services:
    """The engine of one reactor; reactor 0 also starts the target: its disks' bdevs and its poll group device."""
    classes = reactor.classes
    bdevs = []
    for disk in reactor.disks:
        key = _key(disk.number)
        media = DiskDevice(reactor, key + 1, disk)
        bdevs.append(classes.bdev(reactor, disk.number, f"disk{disk.number}", key, media))
    raid_id = len(bdevs)
    key = _key(raid_id)
    raid = classes.raid_bdev(reactor, "raid0", key + 1, Raid1Device(reactor, key + 2, "raid0"))
    raid_bdev = classes.bdev(reactor, raid_id, "raid0", key, raid)
    bdevs.append(raid_bdev)
    layer = classes.bdev_layer(reactor, bdevs)
    nvmf = classes.nvmf_target(reactor, NVMF_KEY)
    services = Services(
        bdev=layer,
        raid_bdev=raid_bdev,
        membership=classes.membership(reactor, layer, raid, raid_bdev),
        rebuild=classes.rebuild(reactor, raid, raid_bdev),
        nvmf=nvmf,
        namespaces=classes.namespaces(reactor, layer, nvmf),
        rpc=classes.rpc(reactor),
    )
    if reactor.number == 0:
        reactor.io_devices.register(nvmf)
        for disk in reactor.disks:
            layer.register(bdevs[disk.number], disk.num_blocks)
    return services


def _key(bdev_id: int) -> int:
    # Three io_devices a bdev: the generic one, its module's, and raid1's own.
    return 1 + 3 * bdev_id
