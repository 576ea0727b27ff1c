"""The engine's state in the shape of SPDK's ``bdev_raid_get_bdevs`` and ``nvmf_get_subsystems`` replies."""

from __future__ import annotations

from typing import Any

from chaos.drivers.sim import SimDriver
from workers.bdev.bdev import Bdev
from workers.engine import Services
from workers.raid.uuids import array_uuid, bdev_uuid, text
from workers.shared import NAMESPACES_MAX, ProcessState, RaidRecord, RaidState, Slot

NO_UUID = "00000000-0000-0000-0000-000000000000"
SUBSYSTEM_NQN = "nqn.2016-06.io.spdk:cnode1"
DISCOVERY_NQN = "nqn.2014-08.org.nvmexpress.discovery"
PERCENT = 100


def engine_state(driver: SimDriver) -> dict[str, Any]:
    """Both replies, by method."""
    services = driver.workers[0].reactor.services
    return {
        "bdev_raid_get_bdevs": raid_bdevs(services),
        "nvmf_get_subsystems": subsystems(driver, services),
    }


def raid_bdevs(services: Services) -> list[dict[str, Any]]:
    """The array, or nothing."""
    record = services.configuration.record
    if record.state == RaidState.ABSENT:
        return []
    array: dict[str, Any] = {
        "name": services.raid_bdev.name,
        "uuid": _array_uuid(services),
        "strip_size_kb": 0,
        "state": RaidState(record.state).name.lower(),
        "raid_level": "raid1",
        "superblock": bool(record.has_superblock),
        "num_base_bdevs": record.num_slots,
        "num_base_bdevs_discovered": record.discovered,
        "num_base_bdevs_operational": record.operational,
    }
    if record.process_state != ProcessState.NONE:
        array["process"] = _process(services, record)
    array["base_bdevs_list"] = [
        _base_bdev(services, record, slot) for slot in record.slots[: record.num_slots]
    ]
    return [array]


def _array_uuid(services: Services) -> str:
    superblock = services.metadata.superblock
    if superblock is not None:
        return text(superblock.uuid)
    if services.configuration.record.state == RaidState.CONFIGURING:
        return NO_UUID
    return text(array_uuid(services.configuration.array_number))


def _process(services: Services, record: RaidRecord) -> dict[str, Any]:
    blocks = services.raid_bdev.record.num_blocks
    target = record.slots[record.process_slot]
    return {
        "type": "rebuild",
        "target": services.bdev.bdevs[target.bdev - 1].name if target.bdev else None,
        "progress": {
            "blocks": record.window_offset,
            "percent": record.window_offset * PERCENT // max(blocks, 1),
        },
    }


def _base_bdev(services: Services, record: RaidRecord, slot: Slot) -> dict[str, Any]:
    awaited = (slot.bdev or slot.expected) - 1
    bdev = services.bdev.bdevs.get(awaited)
    size = services.raid_bdev.record.num_blocks
    if record.state == RaidState.CONFIGURING:
        size = bdev.record.num_blocks - slot.data_offset if bdev is not None and slot.bdev else 0
    return {
        "name": _name_of(bdev, awaited),
        "uuid": text(bdev_uuid(bdev.record.identity))
        if bdev is not None and slot.bdev
        else NO_UUID,
        "is_configured": bool(slot.is_configured),
        "data_offset": slot.data_offset,
        "data_size": size,
    }


def _name_of(bdev: Bdev | None, number: int) -> str | None:
    """An array may wait for a bdev that nobody has heard of."""
    if bdev is not None:
        return bdev.name
    return f"bdev{number}" if number >= 0 else None


def subsystems(driver: SimDriver, services: Services) -> list[dict[str, Any]]:
    """The discovery subsystem and ours, with its namespaces."""
    namespaces = []
    for nsid in range(1, NAMESPACES_MAX + 1):
        bdev_id = driver.block.subsystem.bdev_of(nsid)
        if bdev_id is not None:
            bdev = services.bdev.bdevs[bdev_id]
            uuid = text(bdev_uuid(bdev.record.identity))
            namespaces.append(
                {
                    "nsid": nsid,
                    "bdev_name": bdev.name,
                    "name": bdev.name,
                    "nguid": uuid.replace("-", "").upper(),
                    "uuid": uuid,
                }
            )
    return [
        {
            "nqn": DISCOVERY_NQN,
            "subtype": "Discovery",
            "listen_addresses": [],
            "allow_any_host": True,
            "hosts": [],
        },
        {
            "nqn": SUBSYSTEM_NQN,
            "subtype": "NVMe",
            "listen_addresses": [],
            "allow_any_host": True,
            "hosts": [],
            "serial_number": "RAIDSTORM1",
            "model_number": "raidstorm bdev Controller",
            "max_namespaces": NAMESPACES_MAX,
            "min_cntlid": 1,
            "max_cntlid": 65519,
            "namespaces": namespaces,
        },
    ]
