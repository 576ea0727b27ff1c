"""Disks that belong to another array: refused by create and add, and left alone when they come."""

import pytest

from tests.rig import Rig
from tests.workers.test_superblock import make_foreign, members, online, rig_with_data
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.protocol import FinishIo
from workers.raid.uuids import bdev_uuid
from workers.shared import RaidState


@pytest.mark.parametrize("superblock", [False, True])
def test_foreign_disk_is_left_alone_and_not_added_and_a_blank_one_is(superblock):
    rig = Rig(disks=4, blocks=40)
    rig.configure(superblock=superblock)
    make_foreign(rig, 2)
    assert rig.call("bdev_examine_again", 2) == rig.call("bdev_examine_again", 3) == 0
    rig.settle()
    assert members(rig) == [0, 1]
    assert rig.call("bdev_raid_remove_base_bdev", 0) == 0
    before = bytes(rig.driver.disks[2].data)
    assert rig.call("bdev_raid_add_base_bdev", 2) == -17  # another array's member
    assert bytes(rig.driver.disks[2].data) == before
    assert rig.call("bdev_raid_add_base_bdev", 3) == 0


@pytest.mark.parametrize("superblock", [False, True])
def test_create_refuses_a_foreign_disk(superblock):
    rig = Rig(disks=3, blocks=40)
    make_foreign(rig, 1)
    assert rig.create(0, 1, superblock=superblock) == -17
    assert rig.call("bdev_raid_get_bdevs") == -19
    assert rig.create(0, 2, superblock=superblock) == 0


@pytest.mark.parametrize("superblock", [False, True])
def test_foreign_disk_does_not_take_the_place_of_one_that_a_new_array_waits_for(superblock):
    rig = Rig(disks=3, blocks=40)
    rig.pull(1)
    rig.settle()
    assert rig.create(0, 1, superblock=superblock) == 0
    make_foreign(rig, 1)
    rig.plug(1)
    rig.settle()
    assert rig.block.raid.state == RaidState.CONFIGURING
    rig.pull(1)
    rig.settle()
    rig.driver.disks[1].new(40)
    rig.plug(1)
    rig.settle()
    assert online(rig)


def test_disk_that_its_own_superblock_does_not_list_makes_no_array():
    """Create nothing from the copy of a member: SPDK looks for the bdev's UUID first."""
    rig = rig_with_data()
    make_foreign(rig, 2, uuid=bdev_uuid(55))
    rig.restart(2)
    assert rig.block.raid.state == RaidState.ABSENT
    rig.plug(0)
    rig.plug(1)
    rig.settle()
    assert rig.named("raid.assembled")[0].args == (0, 1)


def test_create_refuses_a_disk_that_belongs_to_an_array():
    rig = rig_with_data()
    assert rig.call("bdev_raid_delete", 0) == 0
    assert rig.create(0, 2, superblock=True) == rig.create(2, 1) == -17
    assert rig.call("bdev_examine_again", 0) == rig.call("bdev_examine_again", 1) == 0
    rig.settle()
    assert online(rig)
    assert rig.call("bdev_raid_delete", 1) == 0  # now the superblocks are wiped
    assert rig.create(0, 2, superblock=True) == 0


def test_creation_that_fails_wipes_no_array_that_begins_meanwhile():
    """Wipe the superblocks of its own members only, though both go and another array's disks come while it does."""
    rig = Rig(disks=4, blocks=40)
    assert rig.create(2, 3, superblock=True) == 0
    rig.settle()
    rig.restart(0, 1)
    for disk in (0, 1):
        rig.driver.disks[disk].add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, 1, 1_000)
    rig.arrays += 1
    rig.rpc("bdev_raid_create", 1, rig.arrays, 0, 1)
    rig.run_until(lambda: any(event.args == (-5,) for event in rig.named("raid.superblock_ended")))

    def is_of_first(step):
        return isinstance(step, FinishIo) and step.disk == 0

    for disk in (2, 3):
        rig.plug(disk)
    for disk in (0, 1):
        rig.pull(disk)
    rig.settle(hold=is_of_first)
    rig.settle()
    assert rig.named("raid.assembled")[-1].args == (2, 3)
    rig.restart(2, 3)
    assert rig.named("raid.assembled")[-1].args == (2, 3)
