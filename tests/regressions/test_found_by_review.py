"""Orders of steps that a review found by reading and by directed scripts, before any run had shown them."""

import pytest

from tests.rig import HostRig, Rig, fill
from workers.bdev.disk import FaultKind
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.nvmf.status import Opcode
from workers.protocol import Deliver, FireTimer
from workers.raid.superblock import EntryState, decode
from workers.shared import ProcessState


def is_timer(step):
    return isinstance(step, FireTimer)


def block_of(rig, disk, lba):
    return bytes(rig.driver.disks[disk].data[lba * BLOCK_SIZE : (lba + 1) * BLOCK_SIZE])


def states_on(rig, disk):
    superblock = decode(bytes(rig.driver.disks[disk].data[: 2 * BLOCK_SIZE]))
    return [entry.state for entry in superblock.entries]


@pytest.mark.parametrize("seed", range(8))
def test_no_rebuilt_member_is_the_only_one_to_know_of_its_promotion(seed):
    """Let no rebuilt member alone record its promotion: a failed superblock write and a restart gave stale data."""
    rig = Rig(disks=2, seed=seed)
    rig.configure(superblock=True)
    host = HostRig(rig)
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    rig.rpc("bdev_raid_add_base_bdev", 1)
    rig.run_until(lambda: rig.block.raid.window_offset >= 24)
    rig.driver.disks[0].add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, 2, 1)
    rig.settle()
    assert host.finish(host.write(3, b"acknowledged")).status == 0
    rig.settle()
    rig.restart(0, 1)
    assert block_of(rig, 0, 11) == block_of(rig, 1, 11) == fill(b"acknowledged")


def test_flush_that_fails_on_a_member_just_promoted_is_acknowledged_when_that_is_written_down():
    """Acknowledge a flush that fails on a new member only after its failure is recorded.

    It was acknowledged while the superblocks still listed that member as CONFIGURED.
    """
    rig = Rig(disks=2)
    rig.configure(superblock=True)
    host = HostRig(rig)
    target = rig.driver.disks[1]
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    assert rig.call("bdev_raid_add_base_bdev", 1) == 0
    rig.run_until(
        lambda: (
            rig.block.raid.process_state == ProcessState.STOPPING and not target.header.dirty_count
        )
    )

    def is_inside(step):
        return isinstance(step, Deliver) and step.sender < 1_000

    write = host.write(10, b"acknowledged")
    rig.run_until(lambda: write in rig.replies, hold=is_inside)
    target.add_fault(FaultKind.HANG, (IoType.FLUSH,), 0, 40, 1)
    flush = host.io(Opcode.FLUSH)
    rig.settle(hold=lambda step: is_inside(step) or is_timer(step))
    target.add_fault(FaultKind.SLOW, (IoType.WRITE,), 0, 2, 1, 50_000)
    rig.settle(hold=is_timer)
    target.add_fault(FaultKind.ERROR, (IoType.FLUSH,), 0, 40, 1)
    rig.send(0, 1_001, 0, "bdev.resume", 1)
    rig.run_until(lambda: flush in rig.replies)
    assert rig.replies[flush].status == 0
    if target.dirty_blocks():
        assert states_on(rig, 0) == [EntryState.CONFIGURED, EntryState.FAILED]


def test_removal_that_waits_for_a_growth_covers_the_new_blocks():
    """Cover the new blocks by a removal: a member's channel was destroyed while I/O was submitted on it."""
    rig = Rig(disks=4, blocks=40, capacity_blocks=64)
    rig.configure(superblock=True)
    host = HostRig(rig)
    slow = rig.driver.disks[0]
    slow.add_fault(FaultKind.SLOW, (IoType.WRITE,), 0, 2, 4, 20_000)
    for disk in (0, 1):
        rig.driver.disks[disk].header.num_blocks = 56
        rig.send(0, 1_001, 0, "bdev.grown", disk)
    rig.run_until(lambda: bool(rig.named("disk.fault")))
    removal = rig.rpc("bdev_raid_remove_base_bdev", 1)
    rig.run_until(lambda: bool(rig.block.raid.slots[1].remove_scheduled))
    rig.settle(hold=is_timer)
    before = len(rig.named("disk.fault"))
    rig.run_until(lambda: len(rig.named("disk.fault")) > before)
    rig.settle(hold=is_timer)
    rig.driver.disks[1].add_fault(FaultKind.HANG, (IoType.WRITE,), 40, 50, 1)
    write = host.write(36, b"new block")
    rig.settle()
    assert rig.crash is None
    assert rig.replies[removal].status == rig.replies[write].status == 0


def test_member_is_not_added_while_the_array_grows():
    """Add no member while the array grows: a disk was large enough at its add, and too small for the rebuild."""
    rig = Rig(disks=3, blocks=40, capacity_blocks=64)
    rig.configure(superblock=True)
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    rig.driver.disks[0].add_fault(FaultKind.SLOW, (IoType.WRITE,), 0, 2, 1, 20_000)
    rig.driver.disks[0].header.num_blocks = 56
    rig.send(0, 1_001, 0, "bdev.grown", 0)
    rig.run_until(lambda: bool(rig.named("disk.fault")))
    assert rig.call("bdev_raid_add_base_bdev", 2) == -1
    rig.settle()
    assert rig.named("raid.grown")
    assert rig.call("bdev_raid_add_base_bdev", 2) == -22  # now it is too small


@pytest.mark.parametrize("method", ["create", "add"])
def test_disk_whose_superblock_cannot_be_read_is_not_taken(method):
    """Refuse a disk whose superblock can't be read: a member of another array was added, and its superblock overwritten."""
    rig = Rig(disks=3, blocks=40)
    rig.configure(superblock=True)
    if method == "create":
        assert rig.call("bdev_raid_delete", 0) == 0
    else:
        assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    rig.driver.disks[2].add_fault(FaultKind.ERROR, (IoType.READ,), 0, 2, 1)
    if method == "create":
        rig.driver.disks[0].data[:1024] = bytes(1024)
        assert rig.create(0, 2, superblock=True) == -5
    else:
        assert rig.call("bdev_raid_add_base_bdev", 2) == -5
        assert rig.call("bdev_raid_add_base_bdev", 2) == 0
