"""Superblocks with a right checksum and wrong fields, found by a real target: never a crash."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.showing.rpc_state import engine_state
from tests.rig import Rig
from tests.workers.test_superblock import resealed
from workers.bdev.io import BLOCK_SIZE
from workers.raid.metadata import DATA_OFFSET
from workers.raid.superblock import Entry, EntryState, Superblock, encode
from workers.raid.uuids import array_uuid, bdev_uuid

# Where each field is: header, then two entries. The length, too, may lie, and so may the number of entries.
HEADER_FIELDS = {
    "version major": (8, 2),
    "version minor": (10, 2),
    "length": (12, 4),
    "flags": (20, 4),
    "uuid": (24, 16),
    "name": (40, 64),
    "raid_size": (104, 8),
    "block_size": (112, 4),
    "level": (116, 4),
    "strip_size": (120, 4),
    "state": (124, 4),
    "seq_number": (128, 8),
    "num_base_bdevs": (136, 1),
    "base_bdevs_size": (255, 1),
}
ENTRY_FIELDS = {
    "uuid": (0, 16),
    "data_offset": (16, 8),
    "data_size": (24, 8),
    "state": (32, 4),
    "flags": (36, 4),
    "slot": (40, 1),
}
FIELDS = HEADER_FIELDS | {
    f"{name} of entry {number}": (256 + 64 * number + at, size)
    for number in range(2)
    for name, (at, size) in ENTRY_FIELDS.items()
}
DISK_BLOCKS = 32
LEAP = 1 << 16


def boundaries(size):
    """Return values of a field of this many bytes, at its limits and at those of the disk."""
    if size >= 16:
        texts = [
            bytes(size),
            b"\xff" * size,
            b"A" * size,
            bdev_uuid(1),
            bdev_uuid(2),
            array_uuid(1),
        ]
        return [text.ljust(size, b"\0") for text in texts]
    numbers = [0, 1, 2, 3, 4, 8, 9, 255, 256, 320, 384, 448, 512, 513, 4_096]
    numbers += [DISK_BLOCKS + change for change in (-9, -8, -7, -1, 0, 1)]
    full = 1 << 8 * size
    numbers += [full - 1, full - 2, full // 2, full // 2 - 1, full - LEAP, full - LEAP - 1]
    return [(number % full).to_bytes(size, "little") for number in numbers]


def believable() -> bytearray:
    """Return the superblocks of an array of this target's two disks."""
    entries = tuple(
        Entry(bdev_uuid(number + 1), DATA_OFFSET, DISK_BLOCKS - 8, EntryState.CONFIGURED, number)
        for number in range(2)
    )
    own = Superblock(array_uuid(1), "raid0", DISK_BLOCKS - 8, BLOCK_SIZE, 7, 2, entries)
    return bytearray(encode(own).ljust(2 * BLOCK_SIZE, b"\0"))


hostile_fields = st.lists(
    st.sampled_from(sorted(FIELDS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(boundaries(FIELDS[name][1])))
    ),
    min_size=1,
    max_size=3,
)


def survive(image: bytes, disks: int = 2) -> Rig:
    """Let a target find this image on a number of disks, and send it every request."""
    rig = Rig(disks=3, blocks=DISK_BLOCKS)
    for disk in rig.driver.disks[:disks]:
        disk.data[: len(image)] = image
    rig.restart(0, 1, 2)
    for reactor in range(2):
        rig.call("nvmf_create_poll_group", reactor)
    rig.call("bdev_examine_again", 0)
    rig.call("bdev_raid_start_degraded", 0)
    rig.call("bdev_raid_start_degraded", 1)
    rig.call("nvmf_subsystem_add_ns", 1)
    rig.call("bdev_raid_add_base_bdev", 2)
    rig.settle()
    rig.call("bdev_raid_remove_base_bdev", 0)
    rig.call("bdev_raid_add_base_bdev", 0)
    rig.settle()
    engine_state(rig.driver)
    rig.call("bdev_raid_delete", 0)
    rig.call("bdev_examine_again", 1)
    rig.settle()
    assert rig.crash is None
    return rig


@settings(max_examples=300, deadline=None)
@given(hostile_fields, st.integers(1, 2))
def test_no_image_on_a_disk_brings_the_engine_down(changes, disks):
    image = believable()
    for name, value in changes:
        at, size = FIELDS[name]
        image[at : at + size] = value
    survive(resealed(bytes(image)), disks)


def test_believable_image_is_served_so_that_a_changed_one_is_taken_seriously():
    assert survive(resealed(bytes(believable()))).named("raid.assembled")


@pytest.mark.parametrize(
    "changes",
    [
        {"seq_number": 2**64 - 1},
        {"seq_number": 2**64 - LEAP},
        {"seq_number": 2**63 + 1},
        {"uuid": 0},
        {"uuid of entry 1": 0},
        {"strip_size": 64},
        {"data_offset of entry 0": 1},
        {"data_offset of entry 1": 0},
        {"name": int.from_bytes(b"A" * 64, "little")},
    ],
)
def test_image_that_can_t_be_served_is_left_alone(changes):
    image = believable()
    for name, number in changes.items():
        at, size = FIELDS[name]
        image[at : at + size] = number.to_bytes(size, "little")
    rig = survive(resealed(bytes(image)))
    assert not rig.named("raid.configuring")
    assert not rig.named("raid.assembled")
