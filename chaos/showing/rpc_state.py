"""The engine's state in the shape of SPDK's ``bdev_raid_get_bdevs`` and ``nvmf_get_subsystems`` replies."""

from __future__ import annotations

from typing import Any

from chaos.drivers.sim import SimDriver
from workers.bdev.bdev import Bdev
from workers.bdev.stack import raid_passthru_id
from workers.engine import Services
from workers.raid.superblock import EntryState
from workers.raid.uuids import array_uuid, bdev_uuid, number_of, text
from workers.shared import NAMESPACES_MAX, ProcessState, RaidRecord, RaidState

NO_UUID = "00000000-0000-0000-0000-000000000000"
SUBSYSTEM_NQN = "nqn.2016-06.io.spdk:cnode1"
DISCOVERY_NQN = "nqn.2014-08.org.nvmexpress.discovery"
# Hosts of a run connect without a network; a reader of the reply expects an address where some are connected.
LISTENER = {"trtype": "TCP", "adrfam": "IPv4", "traddr": "127.0.0.1", "trsvcid": "4420"}
DSM_RANGE_BLOCKS_MAX, WRITE_ZEROES_SIZE_SHIFT = (
    2_097_152,
    12,
)  # SPDK's values; the engine doesn't use them
PASSTHRU = 1 << 31  # numbers from here on make the UUIDs of the bdevs above an array
PERCENT = 100


def engine_state(driver: SimDriver) -> dict[str, Any]:
    """Return both replies, by method."""
    services = driver.workers[0].reactor.services
    return {
        "bdev_raid_get_bdevs": raid_bdevs(services),
        "nvmf_get_subsystems": subsystems(driver, services),
    }


def raid_bdevs(services: Services) -> list[dict[str, Any]]:
    """Return the array's reply, or an empty one without an array."""
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
        _base_bdev(services, record, place) for place in range(record.num_slots)
    ]
    return [array]


def _array_uuid(services: Services) -> str:
    superblock = services.metadata.superblock
    if superblock is not None:
        return text(superblock.uuid)
    record = services.configuration.record
    if record.state == RaidState.CONFIGURING and not record.has_superblock:
        return NO_UUID
    return text(array_uuid(services.configuration.array_number))


def _bdev_uuid(services: Services, bdev: Bdev) -> str:
    """Return a bdev's UUID: the array bdev has the array's, a passthru has one made from that of its base."""
    if bdev is services.raid_bdev:
        return _array_uuid(services)
    if bdev.id == raid_passthru_id(services.bdev.layout):
        return text(bdev_uuid(PASSTHRU + _array_number(services)))
    return text(bdev_uuid(bdev.record.identity))


def _array_number(services: Services) -> int:
    superblock = services.metadata.superblock
    if superblock is not None:
        return number_of(superblock.uuid) % PASSTHRU
    return services.configuration.array_number


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


def _base_bdev(services: Services, record: RaidRecord, place: int) -> dict[str, Any]:
    slot = record.slots[place]
    superblock = services.metadata.superblock
    is_configuring = record.state == RaidState.CONFIGURING
    entry = None
    if superblock is not None and is_configuring:
        entry = next(entry for entry in superblock.entries if entry.slot == place)
    # A superblock names its members by UUID, a create request by bdev name.
    number = (slot.bdev or slot.expected) - 1
    bdev = services.bdev.bdevs.get(number)
    uuid = NO_UUID
    if bdev is not None and slot.bdev:
        uuid = text(bdev_uuid(bdev.record.identity))
    elif slot.identity:
        uuid = text(bdev_uuid(slot.identity))
    elif entry is not None and entry.state is EntryState.CONFIGURED:
        uuid = text(entry.uuid)
    size = slot.data_size if is_configuring else services.raid_bdev.record.num_blocks
    return {
        "name": _name_of(bdev, number),
        "uuid": uuid,
        "is_configured": bool(slot.is_configured),
        "data_offset": slot.data_offset,
        "data_size": size,
    }


def _name_of(bdev: Bdev | None, number: int) -> str | None:
    """Return the name of a bdev; an array may wait for a bdev that was never registered."""
    if bdev is not None:
        return bdev.name
    return f"bdev{number}" if number >= 0 else None


def subsystems(driver: SimDriver, services: Services) -> list[dict[str, Any]]:
    """Return the discovery subsystem and the engine's, with namespaces; keys as in v26.05, which has three more than April 2024."""
    namespaces = []
    for nsid in range(1, NAMESPACES_MAX + 1):
        bdev_id = driver.block.subsystem.bdev_of(nsid)
        if bdev_id is not None:
            bdev = services.bdev.bdevs[bdev_id]
            uuid = _bdev_uuid(services, bdev)
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
            "listen_addresses": [dict(LISTENER)],
            "allow_any_host": True,
            "hosts": [],
            "serial_number": "RAIDSTORM1",
            "model_number": "raidstorm bdev Controller",
            "max_namespaces": NAMESPACES_MAX,
            "passthrough": False,
            "min_cntlid": 1,
            "max_cntlid": 65519,
            "dmrsl": DSM_RANGE_BLOCKS_MAX,
            "wzsl": WRITE_ZEROES_SIZE_SHIFT,
            "namespaces": namespaces,
        },
    ]
