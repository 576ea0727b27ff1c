"""The classes of an engine, in one frozen record, and the construction of a reactor's services from it.

A defect is another record: the same classes, some with named methods replaced. Clean and defective engines can live
in one process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from workers.bdev.bdev import Bdev, BdevChannel
from workers.bdev.layer import BdevLayer
from workers.bdev.locks import RangeLocks
from workers.bdev.media import DiskChannel, DiskDevice
from workers.bdev.split import SplitChannel, SplitDevice, partitions
from workers.bdev.stack import (
    DelayChannel,
    ErrorChannel,
    Stack,
    StackedChannel,
    StackedDevice,
    raid_bdev_id,
    raid_passthru_id,
    stack_of,
    stacked_bdev_id,
)
from workers.nvmf.controller import NvmeController
from workers.nvmf.namespaces import Namespaces
from workers.nvmf.poll_group import PollGroup
from workers.nvmf.target import NvmfTarget
from workers.raid.array import ProcessedChannel, RaidBdev, RaidChannel
from workers.raid.configuration import Configuration
from workers.raid.examine import Examine
from workers.raid.membership import Membership
from workers.raid.metadata import Metadata
from workers.raid.raid1 import Raid1, Raid1Channel, Raid1Device
from workers.raid.rebuild import Rebuild
from workers.raid.slots import Slots
from workers.raid.write_order import WriteOrder
from workers.rpc import Rpc
from workers.services import EngineCore
from workers.thread import IoDevices, Wait

NVMF_KEY = 0


@dataclass(frozen=True, slots=True)
class EngineClasses:
    """One class for each part of the engine; a defect may replace any of them by a subclass."""

    io_devices: type[IoDevices] = IoDevices
    bdev: type[Bdev] = Bdev
    bdev_channel: type[BdevChannel] = BdevChannel
    bdev_layer: type[BdevLayer] = BdevLayer
    range_locks: type[RangeLocks] = RangeLocks
    disk_channel: type[DiskChannel] = DiskChannel
    passthru_channel: type[StackedChannel] = StackedChannel
    delay_channel: type[DelayChannel] = DelayChannel
    error_channel: type[ErrorChannel] = ErrorChannel
    split_channel: type[SplitChannel] = SplitChannel
    raid_bdev: type[RaidBdev] = RaidBdev
    raid_channel: type[RaidChannel] = RaidChannel
    processed_channel: type[ProcessedChannel] = ProcessedChannel
    raid1: type[Raid1] = Raid1
    raid1_channel: type[Raid1Channel] = Raid1Channel
    slots: type[Slots] = Slots
    configuration: type[Configuration] = Configuration
    membership: type[Membership] = Membership
    metadata: type[Metadata] = Metadata
    examine: type[Examine] = Examine
    rebuild: type[Rebuild] = Rebuild
    write_order: type[WriteOrder] = WriteOrder
    nvmf_target: type[NvmfTarget] = NvmfTarget
    nvme_controller: type[NvmeController] = NvmeController
    poll_group: type[PollGroup] = PollGroup
    namespaces: type[Namespaces] = Namespaces
    rpc: type[Rpc] = Rpc


@dataclass(frozen=True, slots=True)
class Services:
    """The services to which messages are addressed: ``service.method``."""

    bdev: BdevLayer
    raid_bdev: Bdev
    configuration: Configuration
    membership: Membership
    metadata: Metadata
    examine: Examine
    rebuild: Rebuild
    write_order: WriteOrder
    nvmf: NvmfTarget
    namespaces: Namespaces
    rpc: Rpc

    def census(self) -> list[tuple[str, str, int]]:
        """Return what is alive above the threads: (kind, owner, count)."""
        return self.bdev.census() + self.nvmf.census()

    def waits(self) -> list[Wait]:
        """Return the futures awaited above the threads, with what will resolve them."""
        return [
            *self.bdev.waits(),
            *self.rebuild.waits(),
            *self.membership.waiters.waits("a change of the members"),
            *self.configuration.waiters.waits("the array's configuration"),
            *self.metadata.waits(),
            *self.examine.waits(),
            *self.namespaces.waits(),
            *self.write_order.waits(),
        ]


class BuiltCore(EngineCore, Protocol):
    """A reactor with all classes and services of its engine."""

    @property
    def classes(self) -> EngineClasses: ...

    @property
    def services(self) -> Services: ...


def build_services(reactor: BuiltCore) -> Services:
    """Build the engine of one reactor; reactor 0 also registers the poll groups' device."""
    classes, layout = reactor.classes, reactor.layout
    bdevs: dict[int, Bdev] = {}
    for disk in reactor.disks:
        media = DiskDevice(reactor, _key(disk.number) + 1, disk)
        bdevs[disk.number] = classes.bdev(
            reactor,
            disk.number,
            f"disk{disk.number}",
            _key(disk.number),
            media,
            layout.disk_io_blocks_max,
        )
    raid_id = raid_bdev_id(layout)
    key = _key(raid_id)
    raid = classes.raid_bdev(reactor, "raid0", key + 1, Raid1Device(reactor, key + 2, "raid0"))
    raid_bdev = bdevs[raid_id] = classes.bdev(reactor, raid_id, "raid0", key, raid)
    for disk in reactor.disks:
        lower = bdevs[disk.number]
        for kind in stack_of(layout, disk.number):
            lower = _stacked(
                reactor, bdevs, kind, lower, stacked_bdev_id(layout, kind, disk.number)
            )
    whole = raid_bdev
    if layout.array_passthru:
        whole = _stacked(reactor, bdevs, Stack.PASSTHRU, raid_bdev, raid_passthru_id(layout))
    for number, bdev_id in enumerate(partitions(layout)):
        device = SplitDevice(reactor, _key(bdev_id) + 1, whole, number)
        name = f"split_{whole.name}p{number}"
        bdevs[bdev_id] = classes.bdev(reactor, bdev_id, name, _key(bdev_id), device)
    layer = classes.bdev_layer(reactor, bdevs)
    metadata = classes.metadata(reactor, raid)
    slots = classes.slots(reactor, layer, raid, metadata)
    configuration = classes.configuration(reactor, layer, raid, raid_bdev, metadata, slots)
    nvmf = classes.nvmf_target(reactor, NVMF_KEY)
    services = Services(
        bdev=layer,
        raid_bdev=raid_bdev,
        configuration=configuration,
        membership=classes.membership(reactor, layer, raid, raid_bdev, metadata, slots),
        metadata=metadata,
        examine=classes.examine(reactor, layer, configuration, metadata),
        rebuild=classes.rebuild(reactor, raid, raid_bdev, metadata, slots),
        write_order=classes.write_order(reactor),
        nvmf=nvmf,
        namespaces=classes.namespaces(reactor, layer, nvmf),
        rpc=classes.rpc(reactor),
    )
    if reactor.number == 0:
        reactor.io_devices.register(nvmf)
    return services


def _stacked(
    reactor: BuiltCore, bdevs: dict[int, Bdev], kind: Stack, lower: Bdev, bdev_id: int
) -> Bdev:
    key = _key(bdev_id)
    name = f"{kind.name.lower() if kind.name else kind}_{lower.name}"
    device = StackedDevice(reactor, key + 1, kind, lower, bdev_id)
    bdevs[bdev_id] = reactor.classes.bdev(reactor, bdev_id, name, key, device)
    return bdevs[bdev_id]


def _key(bdev_id: int) -> int:
    # Each bdev has room for three io_devices: the generic one, its module's, and raid1's own.
    return 1 + 3 * bdev_id
