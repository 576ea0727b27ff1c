"""``raidstorm state`` has the shape of SPDK's replies: keys, types, and what UUIDs are equal."""

import pytest

from chaos.showing.rpc_state import NO_UUID, engine_state
from tests.rig import Rig
from workers.bdev.stack import Stack
from workers.raid.metadata import DATA_OFFSET
from workers.raid.uuids import array_uuid, bdev_uuid, text

# Written by hand after replies of a real target (v26.05); values stand for their types.
MEMBER = {
    "name": "m0",
    "uuid": "0102",
    "is_configured": True,
    "data_offset": 0,
    "data_size": 524_288,
}
EMPTY_SLOT = MEMBER | {"name": None, "is_configured": False}
ARRAY = {
    "name": "r1",
    "uuid": "0304",
    "strip_size_kb": 0,
    "state": "online",
    "raid_level": "raid1",
    "superblock": False,
    "num_base_bdevs": 2,
    "num_base_bdevs_discovered": 2,
    "num_base_bdevs_operational": 2,
    "base_bdevs_list": [MEMBER, MEMBER],
}
DEGRADED = ARRAY | {"base_bdevs_list": [MEMBER, EMPTY_SLOT]}
REBUILDING = ARRAY | {
    "process": {"type": "rebuild", "target": "d2", "progress": {"blocks": 20_480, "percent": 3}}
}
DISCOVERY = {
    "nqn": "nqn.2014-08.org.nvmexpress.discovery",
    "subtype": "Discovery",
    "listen_addresses": [],
    "allow_any_host": True,
    "hosts": [],
}
NAMESPACE = {"nsid": 1, "bdev_name": "r1", "name": "r1", "nguid": "0304", "uuid": "0304"}
SUBSYSTEM = {
    "nqn": "nqn.2016-06.io.spdk:cnode1",
    "subtype": "NVMe",
    "listen_addresses": [
        {"trtype": "TCP", "adrfam": "IPv4", "traddr": "127.0.0.1", "trsvcid": "4420"}
    ],
    "allow_any_host": True,
    "hosts": [],
    "serial_number": "SPDK1",
    "model_number": "SPDK bdev Controller",
    "max_namespaces": 32,
    "passthrough": False,
    "min_cntlid": 1,
    "max_cntlid": 65_519,
    "dmrsl": 2_097_152,
    "wzsl": 12,
    "namespaces": [NAMESPACE],
}


def shape(value):
    """Keys (in order, but for "process", which comes and goes) and the types of values, all the way down."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return type(value).__name__


def raid_of(rig):
    (array,) = engine_state(rig.driver)["bdev_raid_get_bdevs"]
    return array


def slots_of(rig):
    return raid_of(rig)["base_bdevs_list"]


def configured(**options):
    rig = Rig(disks=3, blocks=40)
    rig.configure(**options)
    return rig


def waiting():
    rig = Rig(disks=2)
    assert rig.create(0, 99) == 0
    return rig


def degraded(superblock=False):
    rig = configured(superblock=superblock)
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    rig.settle()
    return rig


def rebuilding():
    rig = degraded()
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0
    rig.run_until(lambda: rig.named("rebuild.window_done"))
    return rig


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (configured, ARRAY),
        (waiting, ARRAY | {"state": "configuring"}),
        (degraded, DEGRADED),
        (rebuilding, REBUILDING),
    ],
)
def test_array_has_the_keys_and_types_of_spdk_s_reply(make, wanted):
    array = raid_of(make())
    assert shape(array) == shape(wanted)
    assert array["state"] == wanted["state"]


@pytest.mark.parametrize("namespace", [True, False])
def test_subsystems_have_the_keys_and_types_of_spdk_s_reply(namespace):
    state = engine_state(configured(namespace=namespace).driver)["nvmf_get_subsystems"]
    wanted = SUBSYSTEM | {"namespaces": [NAMESPACE] if namespace else []}
    assert shape(state) == shape([DISCOVERY, wanted])
    assert [list(subsystem) for subsystem in state] == [list(DISCOVERY), list(SUBSYSTEM)]


def test_array_that_is_gone_is_not_in_the_reply():
    rig = configured(namespace=False)
    assert rig.call("bdev_raid_delete", 0) == 0
    assert engine_state(rig.driver)["bdev_raid_get_bdevs"] == []


@pytest.mark.parametrize("superblock", [False, True])
def test_namespace_has_the_array_s_uuid_and_an_array_created_again_another_one(superblock):
    rig = configured(superblock=superblock)
    seen = []
    for _ in range(2):
        uuid = raid_of(rig)["uuid"]
        (namespace,) = engine_state(rig.driver)["nvmf_get_subsystems"][1]["namespaces"]
        assert namespace["uuid"] == uuid
        assert namespace["nguid"] == uuid.replace("-", "").upper()
        seen.append(uuid)
        assert rig.call("bdev_raid_delete", 1) == 0
        rig.settle()
        assert rig.create(0, 1, superblock=superblock) == 0
        assert rig.call("nvmf_subsystem_add_ns", 1) == 0
    assert seen == [text(array_uuid(1)), text(array_uuid(2))]


def test_passthru_on_the_array_has_a_uuid_of_its_own_that_follows_the_array_s():
    rig = Rig(disks=2, array_passthru=True)
    rig.configure()
    seen = []
    for _ in range(2):
        (namespace,) = engine_state(rig.driver)["nvmf_get_subsystems"][1]["namespaces"]
        assert namespace["bdev_name"] == "passthru_raid0"
        seen += [namespace["uuid"], raid_of(rig)["uuid"]]
        assert rig.call("bdev_raid_delete", 0) == 0
        assert rig.create(0, 1) == 0
        assert rig.call("nvmf_subsystem_add_ns", 1) == 0
    assert len(set(seen)) == 4


def test_array_that_waits_for_a_name_shows_the_name_and_nothing_else():
    first, second = slots_of(waiting())
    assert first == {
        "name": "disk0",
        "uuid": text(bdev_uuid(1)),
        "is_configured": True,
        "data_offset": 0,
        "data_size": 32,
    }
    assert second == {
        "name": "bdev99",
        "uuid": NO_UUID,
        "is_configured": False,
        "data_offset": 0,
        "data_size": 0,
    }
    assert raid_of(waiting())["uuid"] == NO_UUID


def entry(name, uuid, *, there):
    return {
        "name": name,
        "uuid": uuid,
        "is_configured": there,
        "data_offset": DATA_OFFSET,
        "data_size": 40 - DATA_OFFSET,
    }


def test_array_found_on_a_disk_shows_what_its_superblock_says_of_those_it_waits_for():
    rig = configured(superblock=True)
    rig.restart(0)
    array = raid_of(rig)
    assert (array["state"], array["uuid"]) == ("configuring", text(array_uuid(1)))
    assert array["base_bdevs_list"] == [
        entry("disk0", text(bdev_uuid(1)), there=True),
        entry(None, text(bdev_uuid(2)), there=False),
    ]


def test_slot_that_was_empty_at_assembly_keeps_its_superblock_s_place_and_has_no_uuid():
    rig = degraded(superblock=True)
    rig.restart(0)
    assert raid_of(rig)["state"] == "online"
    assert slots_of(rig) == [
        entry("disk0", text(bdev_uuid(1)), there=True),
        entry(None, NO_UUID, there=False),
    ]


def test_slot_emptied_since_begins_at_0_as_spdk_clears_its_offset():
    assert slots_of(degraded(superblock=True))[1] == {
        "name": None,
        "uuid": NO_UUID,
        "is_configured": False,
        "data_offset": 0,
        "data_size": 40 - DATA_OFFSET,
    }


def test_member_on_stacked_bdevs_is_shown_by_the_top_one():
    rig = Rig(disks=2, blocks=40, stacks=(int(Stack.ERROR | Stack.DELAY), 0))
    rig.configure()
    assert [slot["name"] for slot in slots_of(rig)] == ["delay_error_disk0", "disk1"]
