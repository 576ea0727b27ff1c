"""Interleavings of the built-in RAID defects, forced by hand: the defect shows, the reference doesn't."""

import pytest

from chaos.steps.schedule import FinishIo
from tests.rig import HostRig, Rig
from workers.bdev.disk import FaultKind
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.protocol import DefectSource


def rig_with(defect: str | None, **kwargs) -> Rig:
    return Rig(defects=(DefectSource(defect),) if defect else (), **kwargs)


def finishes(step, disk, io_type) -> bool:
    return isinstance(step, FinishIo) and step.disk == disk and step.io_type == io_type


def raid_channel(rig: Rig, reactor: int):
    return rig.thread(reactor).channels[rig.reactor(reactor).services.raid_bdev.module.key]


@pytest.mark.parametrize(
    ("defect", "taken"), [("attach-window-target-read-as-member", True), (None, False)]
)
def test_channel_born_while_a_new_member_is_looked_at(defect, taken):
    rig = rig_with(defect)
    rig.configure(superblock=True, namespace=False, groups=1)
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    rig.settle()
    rig.rpc("bdev_raid_add_base_bdev", 2)
    rig.settle(hold=lambda step: finishes(step, 2, IoType.READ))
    token = rig.rpc("nvmf_subsystem_add_ns", 1)
    rig.run_until(lambda: token in rig.replies, hold=lambda step: finishes(step, 2, IoType.READ))
    assert (raid_channel(rig, 0).base_channels[1] is not None) is taken


def test_channel_born_while_a_removal_is_scheduled_has_the_member_as_it_always_had():
    rig = rig_with("attach-window-target-read-as-member")
    rig.configure(superblock=True, namespace=False, groups=1)
    rig.block.raid.slots[1].remove_scheduled = 1
    assert rig.call("nvmf_subsystem_add_ns", 1) == 0
    assert raid_channel(rig, 0).base_channels[1] is not None


@pytest.mark.parametrize("defect", ["io-resumed-before-superblock", None])
def test_last_member_is_told_of_before_client_io_goes_on(defect):
    rig = rig_with(defect)
    rig.configure(superblock=True, namespace=False, groups=1)
    for disk in (0, 1):
        rig.call("bdev_raid_remove_base_bdev", disk)
    names = [event.name for event in rig.events]
    removed_at = names.index("raid.last_member_removed")
    assert "raid.superblock_written" not in names[removed_at:]
    assert (
        "bdev.unquiesced"
        not in names[names.index("raid.removing_member", removed_at - 3) : removed_at]
    )
    assert "bdev.unquiesced" in names[removed_at:]


@pytest.mark.parametrize(("defect", "started"), [("second-rebuild-while-first", 2), (None, 1)])
def test_two_members_come_back_and_the_second_during_the_rebuild_of_the_first(defect, started):
    rig = rig_with(defect, disks=3)
    rig.configure(members=3, superblock=True, namespace=False, groups=1)
    for disk in (1, 2):
        assert rig.call("bdev_raid_remove_base_bdev", disk) == 0
    rig.settle()
    rig.rpc("bdev_examine_again", 1)
    rig.run_until(lambda: bool(rig.named("rebuild.window_locked")))
    rig.rpc("bdev_examine_again", 2)
    # The copying of the first is held back, so that only the second one's looking goes on.
    rig.settle(hold=lambda step: finishes(step, 1, IoType.WRITE))
    assert len(rig.named("rebuild.started")) == started


@pytest.mark.parametrize(
    ("defect", "kept"), [("read-correction-overwrites-new-write", b"old"), (None, b"new")]
)
def test_write_beside_the_correction_of_a_failed_read(defect, kept):
    rig = rig_with(defect)
    rig.configure(groups=1)
    host = HostRig(rig)
    assert host.finish(host.write(4, b"old")).status == 0
    rig.driver.disks[0].add_fault(FaultKind.ERROR, (IoType.READ,), 4, 5, 1)
    host.read(4)
    # The write waits on the first member, or isn't let in yet, while the correction is under way there.
    rig.settle(hold=lambda step: finishes(step, 0, IoType.WRITE))
    corrections = [step for step in rig.pending() if finishes(step, 0, IoType.WRITE)]
    assert len(corrections) == 1
    write = host.write(4, b"new")
    rig.settle(hold=lambda step: step == corrections[0])
    rig.settle()
    assert host.finish(write).status == 0
    first = 4 * BLOCK_SIZE
    assert bytes(rig.driver.disks[0].data[first : first + 3]) == kept


@pytest.mark.parametrize(
    ("defect", "members"), [("both-removed-superblock-skipped", [0, 1]), (None, [1])]
)
def test_both_members_removed_within_one_quiesce(defect, members):
    rig = rig_with(defect)
    rig.configure(superblock=True, namespace=False, groups=1)
    rig.rpc("bdev_raid_remove_base_bdev", 0)
    rig.rpc("bdev_raid_remove_base_bdev", 1)
    rig.run_until(lambda: bool(rig.named("raid.deleted")))
    rig.settle()
    rig.restart(0, 1, 2)
    assert [list(event.args) for event in rig.named("raid.assembled")] == [members]
