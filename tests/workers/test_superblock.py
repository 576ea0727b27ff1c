"""The superblock: SPDK's layout byte for byte, a hand-made image, hostile images, and assembly from it."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.plan.injection import apply_to_disk
from chaos.steps.schedule import Inject
from tests.rig import HostRig, Rig, fill
from workers.bdev.io import BLOCK_SIZE
from workers.raid.metadata import DATA_OFFSET
from workers.raid.superblock import (
    Entry,
    EntryState,
    Superblock,
    SuperblockError,
    checksum,
    decode,
    encode,
)
from workers.raid.uuids import array_uuid, bdev_uuid, text
from workers.shared import RaidState

GOLDEN_CRC = 0xB64C70D6


def crc32c(data: bytes) -> int:
    """Compute it bit by bit from 0, independently of the library; inverted neither before nor after."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def test_checksum_is_the_bare_register_from_0_as_spdk_s_is():
    assert crc32c(b"Hello world!") == 0x50F8520C
    assert checksum(b"Hello world!") == 0x50F8520C
    assert checksum(b"") == 0


def golden() -> bytes:
    """Make the image by hand from the table of offsets: two members, the second one FAILED."""
    image = bytearray(256 + 2 * 64)
    image[0:8] = b"SPDKRAID"
    image[8:10] = (1).to_bytes(2, "little")
    image[12:16] = (384).to_bytes(4, "little")
    image[24:40] = bytes(range(16))
    image[40:45] = b"Raid1"
    image[104:112] = (262_144).to_bytes(8, "little")
    image[112:116] = (512).to_bytes(4, "little")
    image[116:120] = (1).to_bytes(4, "little")
    image[128:136] = (7).to_bytes(8, "little")
    image[136] = 2
    image[255] = 2
    for number, state in enumerate((1, 2)):
        at = 256 + 64 * number
        image[at : at + 16] = bytes([0x40 + number] * 16)
        image[at + 16 : at + 24] = (2_048).to_bytes(8, "little")
        image[at + 24 : at + 32] = (262_144).to_bytes(8, "little")
        image[at + 32 : at + 36] = state.to_bytes(4, "little")
        image[at + 40] = number
    image[16:20] = GOLDEN_CRC.to_bytes(4, "little")
    return bytes(image)


def test_golden_image_is_read_and_written_byte_for_byte():
    superblock = decode(golden())
    assert superblock == Superblock(
        uuid=bytes(range(16)),
        name="Raid1",
        raid_size=262_144,
        block_size=512,
        seq_number=7,
        num_base_bdevs=2,
        entries=(
            Entry(b"\x40" * 16, 2_048, 262_144, EntryState.CONFIGURED, 0),
            Entry(b"\x41" * 16, 2_048, 262_144, EntryState.FAILED, 1),
        ),
    )
    assert encode(superblock) == golden()


def test_superblock_the_engine_writes_has_spdk_s_layout():
    rig = Rig(disks=2, blocks=48)
    rig.configure(superblock=True)
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    rig.settle()
    image = bytes(rig.driver.disks[0].data[:BLOCK_SIZE])

    def number(at, size):
        return int.from_bytes(image[at : at + size], "little")

    assert image[0:8] == b"SPDKRAID"
    assert (number(8, 2), number(10, 2)) == (1, 0)
    assert number(12, 4) == 256 + 2 * 64
    zeroed = image[:16] + bytes(4) + image[20:384]
    assert number(16, 4) == crc32c(zeroed)
    assert number(20, 4) == 0
    assert image[24:40] == array_uuid(1)
    assert image[40:104] == b"raid0".ljust(64, b"\0")
    assert number(104, 8) == 48 - DATA_OFFSET
    assert (number(112, 4), number(116, 4), number(120, 4), number(124, 4)) == (512, 1, 0, 0)
    assert number(128, 8) == 2  # written at the creation and at the removal
    assert (number(136, 1), number(255, 1)) == (2, 2)
    assert image[137:255] == bytes(118)
    for slot, state in ((0, 1), (1, 0)):
        at = 256 + 64 * slot
        assert image[at : at + 16] == bdev_uuid(slot + 1)
        assert (number(at + 16, 8), number(at + 24, 8)) == (DATA_OFFSET, 48 - DATA_OFFSET)
        assert (number(at + 32, 4), number(at + 36, 4), number(at + 40, 1)) == (state, 0, slot)
        assert image[at + 41 : at + 64] == bytes(23)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda image: image[:100], "too few"),
        (lambda image: b"X" + image[1:], "signature"),
        (lambda image: image[:200] + b"\1" + image[201:], "checksum"),
        (lambda image: image[:12] + b"\xff\xff\xff\xff" + image[16:], "length"),
        (lambda image: image[:-1], "too few"),
    ],
)
def test_damaged_image_is_refused_with_a_sentence(damage, sentence):
    with pytest.raises(SuperblockError, match=sentence):
        decode(damage(golden()))


def resealed(image: bytes) -> bytes:
    """Correct the checksum again, for an image made on purpose."""
    image = image[:16] + bytes(4) + image[20:]
    covered = image[: int.from_bytes(image[12:16], "little")]
    return image[:16] + crc32c(covered).to_bytes(4, "little") + image[20:]


@pytest.mark.parametrize(
    ("at", "value", "sentence"),
    [(8, 2, "version"), (256 + 40, 9, "slot 9 of 2"), (256 + 32, 77, "state 77")],
)
def test_hostile_image_with_a_right_checksum_is_refused_with_a_sentence(at, value, sentence):
    image = bytearray(golden())
    image[at] = value
    with pytest.raises(SuperblockError, match=sentence):
        decode(resealed(bytes(image)))


def test_the_layout_of_a_fork_is_read():
    """Longhorn's has a field of one byte after the number of members, so the number of entries lies a byte earlier."""
    image = bytearray(golden())
    count = image[255]
    image[254], image[255] = count, 0
    assert decode(resealed(bytes(image))).entries == decode(golden()).entries


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"A" * 64, "A" * 64), (b"A" * 63 + b"\0", "A" * 63), (b"raid\xff\0", "raid\udcff")],
)
def test_name_is_read_whatever_bytes_it_has_and_written_as_it_was(name, shown):
    image = bytearray(golden())
    image[40:104] = name.ljust(64, b"\0")
    superblock = decode(resealed(bytes(image)))
    assert superblock.name == shown
    assert encode(superblock)[40:104] == name.ljust(64, b"\0")


@settings(max_examples=400)
@given(st.binary(max_size=600), st.lists(st.tuples(st.integers(0, 383), st.integers(0, 255))))
def test_no_image_makes_the_reader_do_anything_but_read_or_refuse(noise, changes):
    changed = bytearray(golden())
    for at, value in changes:
        changed[at] = value
    for image in (noise, golden()[:40] + noise, bytes(changed), resealed(bytes(changed))):
        try:
            superblock = decode(image)
        except SuperblockError:
            continue
        assert encode(superblock)[:8] == b"SPDKRAID"


def test_uuid_is_shown_in_its_usual_form():
    assert text(bytes(range(16))) == "00010203-0405-0607-0809-0a0b0c0d0e0f"


# Assembly.


def rig_with_data(members=2, disks=3):
    rig = Rig(disks=disks, blocks=40)
    rig.configure(members=members, superblock=True)
    host = HostRig(rig)
    assert host.finish(host.write(3, b"kept")).status == 0
    host.disconnect()
    rig.settle()
    return rig


def online(rig):
    return rig.block.raid.state == RaidState.ONLINE


def members(rig):
    return [slot.bdev - 1 for slot in rig.block.raid.slots if slot.bdev and slot.is_configured]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_array_is_assembled_in_any_order_of_arrival(order):
    rig = rig_with_data()
    rig.restart()
    for disk in order:
        assert not online(rig)
        rig.plug(disk)
        rig.settle()
    assert online(rig)
    assert rig.named("raid.assembled")[0].args == (0, 1)


def test_array_waits_for_a_missing_member_until_an_operator_starts_it():
    rig = rig_with_data()
    rig.restart(0)
    assert rig.block.raid.state == RaidState.CONFIGURING
    assert rig.call("bdev_raid_start_degraded", 1) == -19  # that one isn't there
    assert rig.call("bdev_raid_start_degraded", 0) == 0
    assert members(rig) == [0]
    # The other one comes late, with an older sequence number: it is rebuilt.
    rig.plug(1)
    rig.settle()
    assert rig.named("rebuild.finished")[0].args == (1, 1, 0)


def test_array_started_degraded_is_newer_than_a_write_that_a_crash_cut_short():
    """Make a degraded array newer than a write that a crash cut short: swarm, seeds 36284, 40712, 49892.

    Two superblocks had one sequence number, each naming its own disk.
    """
    rig = rig_with_data()
    cut_short = rig.driver.disks[1]
    newest = decode(bytes(cut_short.data[:BLOCK_SIZE]))
    data = encode(msgspec.structs.replace(newest, seq_number=newest.seq_number + 1))
    cut_short.data[: len(data)] = data
    rig.restart(0)
    assert rig.call("bdev_raid_start_degraded", 0) == 0
    rig.restart()
    rig.plug(1)
    rig.settle()
    assert not online(rig)
    rig.plug(0)
    rig.settle()
    assert rig.named("raid.assembled")[0].args == (0,)
    assert rig.named("rebuild.finished")[0].args == (1, 1, 0)


def test_stale_member_that_comes_first_gives_way_to_the_newer_superblock():
    rig = rig_with_data()
    assert rig.call("bdev_raid_remove_base_bdev", 0) == 0
    rig.restart()
    rig.plug(0)  # it still lists both as members
    rig.settle()
    assert not online(rig)
    rig.plug(1)
    rig.settle()
    assert rig.named("raid.assembled")[0].args == (1,)
    assert rig.named("rebuild.finished")[0].args == (0, 0, 0)


def make_foreign(rig, disk, *, uuid=None, name="other"):
    """Put the superblock of another array on a disk, which that array knows (or not: it is the copy of one)."""
    foreign = Superblock(
        uuid=array_uuid(77),
        name=name,
        raid_size=16,
        block_size=BLOCK_SIZE,
        seq_number=99,
        num_base_bdevs=2,
        entries=(
            Entry(uuid or bdev_uuid(disk + 1), 8, 16, EntryState.CONFIGURED, 0),
            Entry(bdev_uuid(9), 8, 16, EntryState.CONFIGURED, 1),
        ),
    )
    data = encode(foreign)
    rig.driver.disks[disk].data[: len(data)] = data


def test_several_returning_members_are_rebuilt_one_after_the_other():
    rig = Rig(disks=4, blocks=40)
    rig.configure(members=4, superblock=True)
    for disk in (1, 2, 3):
        rig.pull(disk)
        rig.settle()
    for disk in (1, 2, 3):
        rig.plug(disk)
    rig.run_until(lambda: len(rig.named("rebuild.started")) == 1)
    assert rig.call("bdev_raid_add_base_bdev", 2) == -1
    rig.settle()
    assert len(rig.named("rebuild.finished")) == 3
    assert members(rig) == [0, 1, 2, 3]


def test_write_that_misses_a_member_is_acknowledged_only_when_that_is_written_down():
    rig = rig_with_data()
    host = HostRig(rig)
    from workers.bdev.disk import FOREVER, FaultKind
    from workers.bdev.io import IoType

    rig.driver.disks[1].add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, 40, FOREVER)
    write = host.write(5, b"new")
    superblock_write = "superblock"
    held = []

    def is_superblock_write(step):
        found = getattr(step, "offset", None) == 0 and getattr(step, "disk", None) == 0
        if found:
            held.append(superblock_write)
        return found

    rig.settle(hold=is_superblock_write)
    assert held
    assert write not in rig.replies
    rig.settle()
    assert rig.replies[write].status == 0
    written = decode(bytes(rig.driver.disks[0].data[:BLOCK_SIZE]))
    assert [entry.state for entry in written.entries] == [
        EntryState.CONFIGURED,
        EntryState.FAILED,
    ]
    assert bytes(rig.driver.disks[0].data)[13 * BLOCK_SIZE :].startswith(fill(b"new"))


def test_returning_member_is_queued_only_behind_another_one():
    rig = Rig(disks=3, blocks=24, window=8)
    rig.configure(members=3, superblock=True, namespace=False)
    for disk in (1, 2):
        rig.pull(disk)
    rig.settle()
    rig.plug(1)
    rig.settle()
    assert len(rig.named("rebuild.finished")) == 1
    assert rig.named("raid.member_queued") == []
    rig.pull(1)
    rig.settle()
    for disk in (1, 2):
        rig.plug(disk)
    rig.settle()
    assert len(rig.named("rebuild.finished")) == 3
    assert len(rig.named("raid.member_queued")) == 1


@pytest.mark.parametrize("superblock", [False, True])
def test_larger_disk_becomes_a_member_of_an_array_that_stays_as_large_as_it_is(superblock):
    rig = Rig(disks=2, blocks=24, window=8, capacity_blocks=40)
    rig.configure(superblock=superblock)
    host = HostRig(rig)
    host.finish(host.write(3, b"kept"))
    rig.pull(0)
    rig.settle()
    message = Inject(1, "disk_return_large", 0, ())
    assert apply_to_disk(message, rig.driver.disks[0], (24, 24)) == "bdev.attach_disk"
    assert rig.driver.disks[0].num_blocks == 28
    rig.plug(0)
    rig.settle()
    assert rig.call("bdev_raid_add_base_bdev", 0) == 0
    rig.settle()
    assert rig.named("rebuild.finished")[0].args == (0, 0, 0)
    assert rig.named("raid.grown") == []
    lba = 3 + 8 * superblock
    assert rig.driver.disks[0].block(lba) == fill(b"kept")
    if superblock:
        rig.restart(0, 1)
        assert rig.named("raid.assembled")[0].args == (0, 1)
