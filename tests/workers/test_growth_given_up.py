"""A growth that can't be finished: no superblock calls a member larger than it is, and the growth comes later."""

from tests.rig import HostRig, Rig, fill
from workers.bdev.disk import FaultKind
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.errors import EIO
from workers.protocol import NEMESIS, Deliver, FireTimer
from workers.raid.superblock import EntryState, decode
from workers.shared import ProcessState, RaidState

SMALL, LARGE, OFFSET = 32, 48, 8
LAST_WINDOW = 3  # of 8 blocks each


def grow(rig, *disks):
    for disk in disks:
        rig.driver.disks[disk].header.num_blocks = LARGE
        rig.send(0, NEMESIS, 0, "bdev.grown", disk)


def superblock(rig, disk):
    return decode(bytes(rig.driver.disks[disk].data))


def sizes(rig, disk):
    found = superblock(rig, disk)
    return {found.raid_size, *(entry.data_size for entry in found.entries)}


def array_blocks(rig):
    return rig.reactor(0).services.raid_bdev.record.num_blocks


def pair():
    rig = Rig(blocks=SMALL, capacity_blocks=LARGE, disks=4)
    rig.configure(superblock=True)
    return rig


def pair_that_could_not_grow():
    """Let both disks grow while neither superblock can be written."""
    rig = pair()
    for disk in (0, 1):
        rig.driver.disks[disk].add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, 2, 1_000)
    grow(rig, 0, 1)
    rig.settle()
    assert not rig.named("raid.grown")
    for disk in (0, 1):
        rig.driver.disks[disk].heal()
    return rig


def test_disk_of_the_old_size_that_joins_after_a_growth_that_failed_comes_up_alone():
    rig = pair_that_could_not_grow()
    host = HostRig(rig)
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0
    rig.settle()
    assert rig.call("bdev_raid_remove_base_bdev", 0) == 0
    rig.settle()
    assert host.finish(host.write(3, b"acked")).status == 0
    assert sizes(rig, 2) == {SMALL - OFFSET}
    rig.restart(2)
    assert rig.block.raid.state == RaidState.ONLINE
    assert rig.driver.disks[2].block(OFFSET + 3) == fill(b"acked")


def test_growth_that_failed_comes_at_the_end_of_the_next_rebuild():
    rig = pair_that_could_not_grow()
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    assert rig.call("bdev_raid_add_base_bdev", 1) == 0
    rig.settle()
    assert [event.args for event in rig.named("raid.grown")] == [(LARGE - OFFSET,)]
    assert sizes(rig, 0) == sizes(rig, 1) == {LARGE - OFFSET}


def is_message(step):
    return isinstance(step, Deliver | FireTimer)


def test_growth_that_meets_the_end_of_a_rebuild_is_taken_back_in_the_superblocks():
    """Let a small disk wait for its own rebuild, which is next."""
    rig = Rig(blocks=SMALL, capacity_blocks=LARGE, disks=4, rebuild_blocks_per_ms=1)
    rig.configure(members=3, superblock=True)
    for disk in (2, 1):
        assert rig.call("bdev_raid_remove_base_bdev", disk) == 0
        rig.settle()
    assert rig.call("bdev_raid_add_base_bdev", 1) == 0
    rig.run_until(lambda: rig.named("rebuild.window_done"))
    assert rig.call("bdev_examine_again", 2) == 0
    rig.run_until(lambda: len(rig.named("rebuild.limited")) == LAST_WINDOW)
    written = len(rig.named("raid.superblock_writing"))
    grow(rig, 0, 1)
    rig.run_until(lambda: len(rig.named("raid.superblock_writing")) > written)
    rig.run_until(
        lambda: rig.block.raid.process_state != ProcessState.RUNNING,
        hold=lambda step: not is_message(step),
    )
    rig.settle()
    assert [event.args for event in rig.named("rebuild.finished")] == [(1, 1, 0), (2, 2, 0)]
    assert not rig.named("raid.grown")
    assert [sizes(rig, disk) for disk in (0, 1, 2)] == [{SMALL - OFFSET}] * 3


def test_deleted_array_leaves_no_growth_to_the_next_one():
    rig = pair()
    grow(rig, 0, 1)
    membership = rig.reactor(0).services.membership
    rig.run_until(lambda: membership.is_busy)
    deletion = rig.rpc("bdev_raid_delete", 0)
    rig.settle()
    assert rig.replies[deletion].status == 0
    assert rig.call("bdev_examine_again", 0) == 0
    rig.settle()
    assert array_blocks(rig) == max(sizes(rig, 0))
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    assert rig.call("bdev_raid_add_base_bdev", 1) == 0
    rig.settle()
    assert not rig.named("raid.grown")


def test_bdev_without_room_for_data_does_not_join():
    rig = Rig(disks=2, blocks=SMALL)
    rig.pull(1)
    rig.settle()
    rig.driver.disks[1].new(OFFSET)
    creation = rig.rpc("bdev_raid_create", 1, 1, 0, 1)
    rig.settle()
    assert rig.replies[creation].status == 0
    rig.plug(1)
    rig.settle()
    assert not rig.named("raid.created")
    assert rig.block.raid.state == RaidState.CONFIGURING


def test_creation_whose_member_fails_and_goes_while_its_superblock_is_written_fails():
    rig = Rig(disks=3, blocks=SMALL)
    rig.driver.disks[1].add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, 2, 1_000)
    creation = rig.rpc("bdev_raid_create", 1, 1, 0, 1)
    rig.run_until(lambda: len(rig.named("raid.superblock_writing")) == len(("all", "the rest")))
    rig.pull(1)
    rig.run_until(lambda: not rig.block.raid.slots[1].bdev, hold=lambda step: not is_message(step))
    rig.settle()
    assert rig.replies[creation].status == EIO
    assert rig.block.raid.state == RaidState.ABSENT
    assert rig.driver.disks[0].block(0) == bytes(BLOCK_SIZE)


def test_bdevs_that_are_there_at_the_start_are_examined_by_hand_alone_where_that_is_asked_for():
    rig = Rig(disks=2, blocks=SMALL, auto_examine=False)
    assert rig.create(0, 1, superblock=True) == 0
    rig.settle()
    rig.restart(0, 1)
    assert rig.block.raid.state == RaidState.ABSENT
    assert [rig.call("bdev_examine", disk) for disk in (0, 1)] == [0, 0]
    rig.settle()
    assert rig.block.raid.state == RaidState.ONLINE
    states = [entry.state for entry in superblock(rig, 0).entries]
    assert states == [EntryState.CONFIGURED] * 2
