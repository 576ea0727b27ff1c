"""Each fault of a disk, and of the bdevs above it, alone: its effect, and its end."""

import pytest

from tests.rig import HostRig, Rig, fill
from workers.bdev.disk import FOREVER, FaultKind
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.bdev.stack import ErrorType, Stack, member_bdev_id, stacked_bdev_id
from workers.nvmf.status import NvmeStatus, Opcode
from workers.protocol import NEMESIS, FireTimer

LATENCY_US = 5_000
OPCODES = {
    IoType.READ: Opcode.READ,
    IoType.WRITE: Opcode.WRITE,
    IoType.FLUSH: Opcode.FLUSH,
    IoType.UNMAP: Opcode.DATASET_MANAGEMENT,
}


def is_timer(step):
    return isinstance(step, FireTimer)


def block_of(rig, disk, lba):
    return rig.driver.disks[disk].block(lba)


def stacked(kind):
    """Configure two members, the first with such a bdev on its disk, and a host; return the bdev's id."""
    rig = Rig(disks=2, stacks=(int(kind), 0))
    rig.configure()
    bdev = stacked_bdev_id(rig.reactor(0).layout, kind, 0)
    assert bdev == member_bdev_id(rig.reactor(0).layout, 0)
    return rig, HostRig(rig), bdev


# Bdevs on a disk.


def test_delay_bdev_completes_later_than_its_disk():
    rig, host, bdev = stacked(Stack.DELAY)
    assert rig.call("bdev_delay_update_latency", bdev, LATENCY_US) == 0
    before = rig.block.globals.clock_us
    write = host.write(3, b"late")
    rig.settle(hold=is_timer)
    assert block_of(rig, 0, 3) == fill(b"late")
    assert write not in rig.replies
    assert host.finish(write).status == NvmeStatus.SUCCESS
    assert rig.block.globals.clock_us - before == LATENCY_US
    assert rig.call("bdev_delay_update_latency", bdev, 0) == 0
    soon = host.write(3, b"soon")
    rig.settle(hold=is_timer)
    assert rig.replies[soon].status == NvmeStatus.SUCCESS


@pytest.mark.parametrize("io_type", list(OPCODES))
def test_pending_error_bdev_holds_an_io_until_it_is_healed(io_type):
    rig, host, bdev = stacked(Stack.ERROR)
    count = 1
    args = (bdev, int(ErrorType.PENDING), 1 << io_type, count)
    assert rig.call("bdev_error_inject_error", *args) == 0
    data = fill(b"held") if io_type is IoType.WRITE else b""
    held = host.io(OPCODES[io_type], 3, 1, data)
    rig.settle()
    assert held not in rig.replies
    assert rig.named("bdev.error_injected")[0].args == (0, ErrorType.PENDING, io_type)
    assert host.finish(host.write(9, b"others go on")).status == NvmeStatus.SUCCESS
    rig.send(0, NEMESIS, 0, "bdev.resume", 0)
    assert host.finish(held).status == NvmeStatus.SUCCESS
    rig.settle()
    assert not rig.named("raid.member_failed")


@pytest.mark.parametrize("io_type", [IoType.WRITE, IoType.FLUSH, IoType.UNMAP])
def test_failing_error_bdev_costs_the_member_whatever_it_fails(io_type):
    rig, host, bdev = stacked(Stack.ERROR)
    args = (bdev, int(ErrorType.FAILURE), 1 << io_type, 1)
    assert rig.call("bdev_error_inject_error", *args) == 0
    data = fill(b"fails") if io_type is IoType.WRITE else b""
    assert host.finish(host.io(OPCODES[io_type], 3, 1, data)).status == NvmeStatus.SUCCESS
    rig.settle()
    assert [event.args for event in rig.named("raid.member_removed")] == [(0, 0)]


def test_refusing_error_bdev_is_asked_again():
    rig, host, bdev = stacked(Stack.ERROR)
    args = (bdev, int(ErrorType.NOMEM), 1 << IoType.WRITE, 2)
    assert rig.call("bdev_error_inject_error", *args) == 0
    assert host.finish(host.write(3, b"in the end")).status == NvmeStatus.SUCCESS
    assert len(rig.named("bdev.nomem")) == 2
    assert block_of(rig, 0, 3) == fill(b"in the end")


def test_passthru_below_a_member_goes_and_comes_with_its_disk():
    rig, host, bdev = stacked(Stack.PASSTHRU)
    assert host.finish(host.write(3, b"through")).status == NvmeStatus.SUCCESS
    assert block_of(rig, 0, 3) == fill(b"through")
    rig.pull(0)
    rig.settle()
    assert [event.args[0] for event in rig.named("bdev.unregistered")] == [bdev, 0]
    rig.plug(0)
    rig.settle()
    assert rig.call("bdev_raid_add_base_bdev", bdev) == 0
    rig.settle()
    assert rig.named("rebuild.finished")[0].args == (0, 0, 0)


def test_as_many_disks_with_as_much_on_them_as_a_layout_may_have():
    everything = int(Stack.ERROR | Stack.DELAY | Stack.PASSTHRU)
    rig = Rig(disks=8, stacks=(everything,) * 8, array_passthru=True)
    rig.configure(members=8)
    host = HostRig(rig)
    assert host.finish(host.write(3, b"deep")).status == NvmeStatus.SUCCESS
    assert [block_of(rig, disk, 3) for disk in range(8)] == [fill(b"deep")] * 8


# Disks.


@pytest.fixture
def rig():
    rig = Rig()
    rig.configure()
    return rig


def test_misdirected_write_lands_elsewhere_once_and_is_not_reported(rig):
    host = HostRig(rig)
    host.finish(host.write(3, b"old"))
    rig.driver.disks[0].add_fault(FaultKind.MISDIRECT, (IoType.WRITE,), 0, 32, 1, 4)
    assert host.finish(host.write(3, b"new")).status == NvmeStatus.SUCCESS
    assert [block_of(rig, 0, lba) for lba in (3, 7)] == [fill(b"old"), fill(b"new")]
    assert block_of(rig, 1, 3) == fill(b"new")
    assert rig.named("disk.misdirected")[0].args == (0, 3, 7, 1)
    host.finish(host.write(3, b"right"))
    assert block_of(rig, 0, 3) == fill(b"right")


def test_rotten_block_is_read_without_an_error_until_it_is_written(rig):
    host = HostRig(rig)
    host.finish(host.write(3, b"good"))
    disk = rig.driver.disks[0]
    disk.rot(3)
    disk.add_fault(FaultKind.ROT, (IoType.READ,), 3, 4, FOREVER)
    rotten = host.finish(host.read(3))
    assert rotten.status == NvmeStatus.SUCCESS
    assert rotten.data == bytes(byte ^ 0xFF for byte in fill(b"good"))
    disk.heal()  # which doesn't
    assert host.finish(host.read(3)).data == rotten.data
    host.finish(host.write(3, b"fresh"))
    assert host.finish(host.read(3)).data == fill(b"fresh")
    assert disk.header.fault_count == 0


def test_channel_failure_at_the_start_of_a_rebuild_ends_it_and_the_next_one_works(rig):
    host = HostRig(rig)
    host.finish(host.write(3, b"kept"))
    rig.driver.disks[
        2
    ].header.channel_failures = 2  # the app thread's, to look for a superblock, is the first
    assert rig.call("bdev_raid_add_base_bdev", 2) == -22  # no slot is free: the disk isn't examined
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    assert (
        rig.call("bdev_raid_add_base_bdev", 2) == -5
    )  # EIO: a disk that can't be read isn't added
    assert rig.named("rebuild.started") == []
    rig.driver.disks[2].header.channel_failures = 0
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0
    rig.run_until(lambda: bool(rig.named("rebuild.started")))
    rig.driver.disks[2].header.channel_failures = 1  # now a poll group can't join
    rig.settle()
    assert [event.args for event in rig.named("rebuild.finished")] == [(1, 2, -1)]
    assert host.finish(host.read(3)).data == fill(b"kept")
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0
    rig.settle()
    assert rig.named("rebuild.finished")[-1].args == (1, 2, 0)
    assert block_of(rig, 2, 3) == fill(b"kept")


# Power.


def test_power_loss_tears_a_write_between_its_sectors(rig):
    host = HostRig(rig)
    host.finish(host.write(3, b"old", 4))
    host.finish(host.io(Opcode.FLUSH))
    host.finish(host.write(3, b"new", 4))
    disk = rig.driver.disks[0]
    assert disk.lose_power((4, 6, 9)) == 2
    assert [block_of(rig, 0, lba)[:3] for lba in range(3, 7)] == [b"new", b"old", b"new", b"old"]
    assert disk.dirty_blocks() == []
    assert len(block_of(rig, 0, 4)) == BLOCK_SIZE


def test_power_loss_brings_back_what_was_flushed_not_what_was_written_in_between(rig):
    host = HostRig(rig)
    host.finish(host.write(3, b"flushed"))
    host.finish(host.io(Opcode.FLUSH))
    for text in (b"between", b"newest"):
        host.finish(host.write(3, text))
    rig.driver.disks[0].lose_power((3,))
    assert block_of(rig, 0, 3) == fill(b"flushed")
