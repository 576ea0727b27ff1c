"""The tester's model: events that only a broken target emits, and the known state of the disks."""

import msgspec
import pytest

from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.run.disk_view import Disks, DiskView, Health
from chaos.run.io_ledger import IoLedger
from chaos.run.model import Model
from chaos.steps.schedule import Disconnect, Inject, Open, Operate
from experiments.catalog import EXPERIMENTS
from workers.bdev.stack import member_bdev_id
from workers.protocol import Event


def test_failure_of_a_member_that_has_no_disk_harms_none():
    """swarm with attach-window-target-read-as-member, seed 20000030: the tester broke, not the target.

    The slot of the rebuild target was empty by the time a write to it had failed.
    """
    model = Model(resolve(EXPERIMENTS["swarm"], 1))
    for disk in model.disks:
        disk.good = True
    model.happened(Event("raid.member_failed", 0, (0, -1)))
    assert all(disk.good for disk in model.disks)
    model.happened(Event("raid.member_failed", 0, (0, 0)))
    assert not model.disks[0].good


def model_of_a_pair():
    experiment = msgspec.structs.replace(
        EXPERIMENTS["restart-from-superblock"], members=2, spares=0, superblock_share=100
    )
    model = Model(resolve(experiment, 1))
    model.happened(Event("raid.created", 0, (0, 1)))
    return model


def remove(model, disk):
    bdev = member_bdev_id(model.plan.layout, disk)
    model.took(Operate(model.ledger.new_op(), "bdev_raid_remove_base_bdev", (bdev,)))


def test_no_disk_is_trusted_when_the_target_dies_while_all_members_leave():
    """swarm, seed 507: lost data.

    Both removals were under way; the superblocks said that the one asked for first goes last. The operator trusted
    the other disk and started the array from it alone, so that each had a superblock of its own.
    """
    model = model_of_a_pair()
    remove(model, 0)
    remove(model, 1)
    assert [disk.is_sound for disk in model.disks] == [False, True]
    model.target_restarted(())
    assert not any(disk.is_sound for disk in model.disks)
    model.happened(Event("raid.assembled", 0, (0,)))
    assert [disk.good for disk in model.disks] == [True, False]


def test_member_that_leaves_last_is_trusted_though_its_removal_was_asked_for_first():
    """swarm, seed 412538: lost data.

    The first removal waited until the array had grown. The member that left last had a write that the other one lacked, and
    the operator started the array from the other one.
    """
    model = model_of_a_pair()
    remove(model, 0)
    remove(model, 1)
    model.happened(Event("raid.member_removed", 0, (1, 1)))
    assert [disk.good for disk in model.disks] == [True, False]
    model.happened(Event("raid.member_removed", 0, (0, 0)))
    assert [disk.good for disk in model.disks] == [True, False]


def test_the_other_member_is_trusted_when_the_target_dies_while_one_leaves():
    model = model_of_a_pair()
    remove(model, 0)
    model.target_restarted(())
    assert [disk.good for disk in model.disks] == [False, True]


def test_fault_that_takes_effect_after_its_heal_is_healed_again():
    """swarm, seed 9654: a rebuild stuck forever.

    The request for an error bdev that holds I/O was overtaken by its own heal, by hundreds of steps.
    """
    model = model_of_a_pair()
    step = Operate(model.ledger.new_op(), "bdev_error_inject_error", (0, 2, 4, 1))
    model.took(step)
    model.took(Inject(model.ledger.new_op(), "disk_heal", 0, ()))
    assert not model.disks[0].faulted
    model.answered(step.op, 0)
    assert model.disks[0].faulted


def test_image_of_an_earlier_array_is_not_brought_back():
    """Not return the image of an earlier array: swarm, seed 10261."""
    model = model_of_a_pair()
    model.took(Inject(model.ledger.new_op(), "disk_image", 1, ()))
    model.happened(Event("raid.deleted", 0, ()))
    model.happened(Event("raid.assembled", 0, (0, 1)))
    assert model.disks[1].superblock.imaged
    model.happened(Event("raid.created", 0, (0, 1)))
    assert not model.disks[1].superblock.imaged


def test_array_that_comes_online_while_it_is_being_wiped_may_not_be_harmed():
    """swarm, seeds 48098 and 52475: the disks were harmed meanwhile, and were too few to make the array anew from."""
    model = model_of_a_pair()
    model.target_restarted(())
    model.took(Inject(model.ledger.new_op(), "disk_slow", 1, (1_000,)))
    step = Operate(model.ledger.new_op(), "bdev_raid_delete", (1,))
    model.took(step)
    model.happened(Event("raid.assembled", 0, (0, 1)))
    assert [disk.good for disk in model.disks] == [True, True]
    assert not model.array.may_harm(0)
    model.answered(step.op, 0)
    model.happened(Event("raid.created", 0, (0, 1)))
    assert model.array.may_harm(0)


@pytest.mark.parametrize("seed", [709, 2_588])
def test_disk_that_an_array_has_outgrown_on_a_larger_one_is_replaced(seed):
    """Replace a disk that the array has outgrown: the array grew on a larger disk alone, and the other was added in vain."""
    execution = Controller(resolve(EXPERIMENTS["swarm"], seed), SimDriver(), ()).explore(seed)
    assert judge(execution) == []


def test_model_knows_how_large_each_disk_is():
    driver, sizes = SimDriver(), set()
    for seed in range(60):
        plan = resolve(EXPERIMENTS["swarm"], seed)
        controller = Controller(plan, driver, ())
        controller.explore(seed)
        known = [disk.blocks for disk in controller.recorder.model.disks]
        assert known == [disk.num_blocks for disk in driver.disks], seed
        sizes |= {blocks - plan.layout.disk_blocks for blocks in known}
    assert len(sizes) > 3


def test_target_killed_at_the_end_of_a_rebuild_may_have_written_the_member_down():
    """Expect the member in a superblock at the end of a rebuild: restart-from-superblock, seed 46.

    All superblocks listed it, and the event was still to come.
    """
    for offset, still_out in ((32, True), (64, False)):
        model = Model(resolve(EXPERIMENTS["swarm"], 1))
        model.disks[1].superblock.left_behind = True
        model.happened(Event("rebuild.started", 0, (1, 1)))
        model.happened(Event("rebuild.window_done", 16, (offset, 64)))
        model.target_restarted(())
        assert model.disks[1].superblock.left_behind is still_out


def test_array_that_waits_for_a_disk_with_an_older_superblock_is_known_and_deleted():
    """swarm, seeds 965 and 2572: an array created forever.

    The disk had been away while its array was wiped, and came just after the new one had been ordered: the array
    waited for it by name, and it was left alone for what stood on it. The operator saw a success, and no array.
    """
    model = model_of_a_pair()
    model.happened(Event("raid.deleted", 0, ()))
    step = Operate(model.ledger.new_op(), "bdev_raid_create", (1, 2, 0, 1))
    model.took(step)
    model.answered(step.op, 0)
    assert model.array.is_configuring
    assert not model.array.is_online
    delete = Operate(model.ledger.new_op(), "bdev_raid_delete", (1,))
    model.took(delete)
    model.answered(delete.op, -19)  # given up by then, which no event reports
    assert not model.array.is_configuring
    again = Operate(model.ledger.new_op(), "bdev_raid_create", (1, 3, 0, 1))
    model.took(again)
    model.happened(Event("raid.created", 0, (0, 1)))
    model.answered(again.op, 0)
    assert not model.array.is_configuring


def test_member_just_failed_is_not_trusted_in_the_place_of_a_good_one_that_cannot_be_read_for_a_while():
    """swarm, seed 4420: the array was started from the failed one after a kill, and went back in its sequence later.

    The good one had bad blocks, so that no disk counted as one to rely on, and the members were trusted as found.
    """
    failed, unreadable = DiskView(member=True), DiskView(member=True, good=True)
    unreadable.health = Health.WEAK
    disks = Disks([failed, unreadable])
    disks.trust([0, 1])
    assert not failed.good
    unreadable.good = False
    disks.trust([0])
    assert failed.good
    execution = Controller(resolve(EXPERIMENTS["swarm"], 4_420), SimDriver(), ()).explore(4_420)
    assert judge(execution) == []


def test_good_disk_that_is_slow_stays_good_when_its_array_comes_up():
    """swarm, seed 105503: an alarm about a read that failed on the only member.

    That one was slow when the array was assembled, and counted as one that may have missed something. With no good disk left,
    a member that had just failed was trusted, and so the good one was allowed to fail.
    """
    model = model_of_a_pair()
    model.took(Inject(model.ledger.new_op(), "disk_slow", 0, (1_000,)))
    model.took(Inject(model.ledger.new_op(), "write_errors", 1, (0, 8, 1)))
    model.target_restarted(())
    model.happened(Event("raid.assembled", 0, (0, 1)))
    assert [disk.good for disk in model.disks] == [True, False]


@pytest.mark.parametrize("came", [("raid.assembled", 0, 1), ("rebuild.started", 1, 1)])
def test_disk_that_is_back_before_its_pull_was_carried_out_still_goes(came):
    """swarm, seed 202864: no disk with all data was left, and no array came back.

    A disk was pulled and put back, and became a member before the target had handled the pull. It counted as good, so that
    another disk was replaced by a blank one.
    """
    for is_handled in (False, True):
        model = model_of_a_pair()
        pull = Inject(model.ledger.new_op(), "disk_pull", 1, ())
        model.took(pull)
        model.took(Inject(model.ledger.new_op(), "disk_return", 1, ()))
        if is_handled:
            model.answered(pull.op, 0)
        name, *args = came
        model.happened(Event(name, 0, tuple(args)))
        if name == "rebuild.started":
            rebuild_is_over = Event("rebuild.finished", 0, (*args, 0))
            model.happened(rebuild_is_over)
        assert model.disks[1].good is is_handled


def test_member_that_has_failed_is_trusted_when_it_was_rebuilt():
    model = model_of_a_pair()
    model.happened(Event("raid.member_failed", 0, (1, 1)))
    model.disks[0].good = False
    model.disks.trust([1])
    assert not model.disks[1].good
    rebuild(model, 1)
    model.disks[1].good = False
    model.disks.trust([1])
    assert model.disks[1].good


def model_of_three():
    """Make a model of disks 0 to 2; disk 0 has an image from when all were members."""
    plan = resolve(msgspec.structs.replace(EXPERIMENTS["swarm"], superblock_share=100), 1)
    model = Model(plan)
    model.happened(Event("raid.created", 0, (0, 1, 2)))
    model.took(Inject(model.ledger.new_op(), "disk_image", 0, ()))
    return model


def leave(model, disk):
    model.happened(Event("raid.member_failed", 0, (disk, disk)))
    model.happened(Event("raid.member_removed", 0, (disk, disk)))


def rebuild(model, disk, status=0):
    model.happened(Event("rebuild.started", 0, (disk, disk)))
    model.happened(Event("rebuild.window_done", 16, (64, 64)))
    model.happened(Event("rebuild.finished", 0, (disk, disk, status)))


def may_return_stale(model, disk, *, superblock=True):
    return model.disks.may_be_stale(disk, superblock=superblock)


def test_disk_is_not_back_with_older_content_while_one_left_behind_before_calls_it_a_member():
    """swarm, seed 76555: lost data.

    Disk 2 failed and was removed; so was disk 0, later, which came back as it had been before. The target was killed,
    and disk 1, the only one with all data, came late: the superblocks of the two agreed on an array without it.
    """
    model = model_of_three()
    leave(model, 2)
    assert not may_return_stale(model, 0)  # it is a member
    leave(model, 0)
    assert not may_return_stale(model, 0)
    assert may_return_stale(model, 0, superblock=False)
    rebuild(model, 2, status=-5)
    assert not may_return_stale(model, 0)
    rebuild(model, 2)
    assert may_return_stale(model, 0)


def test_disk_may_be_back_with_older_content_when_it_was_left_behind_first():
    model = model_of_three()
    leave(model, 0)
    leave(model, 2)
    assert may_return_stale(model, 0)


def test_what_a_disk_held_is_gone_with_it():
    model = model_of_three()
    leave(model, 2)
    leave(model, 0)
    model.took(Inject(model.ledger.new_op(), "disk_return_blank", 2, ()))
    assert may_return_stale(model, 0)


def test_member_that_has_failed_may_not_have_heard_who_left():
    """Fail disk 2 while the removal of disk 0 is being recorded."""
    model = model_of_three()
    model.happened(Event("raid.member_failed", 0, (2, 2)))
    leave(model, 0)
    model.happened(Event("raid.member_removed", 0, (2, 2)))
    assert not may_return_stale(model, 0)


def test_disk_whose_rebuild_failed_at_its_end_may_call_others_members():
    model = model_of_three()
    leave(model, 2)
    model.took(Inject(model.ledger.new_op(), "disk_return_blank", 2, ()))
    rebuild(model, 2, status=-5)
    leave(model, 0)
    assert not may_return_stale(model, 0)


def test_one_disk_at_a_time_is_back_with_older_content():
    model = model_of_three()
    model.took(Inject(model.ledger.new_op(), "disk_image", 2, ()))
    leave(model, 2)
    leave(model, 0)
    model.took(Inject(model.ledger.new_op(), "disk_return_blank", 0, ()))
    model.took(Inject(model.ledger.new_op(), "disk_image", 0, ()))
    assert may_return_stale(model, 2)
    model.took(Inject(model.ledger.new_op(), "disk_return_stale", 2, ()))
    model.disks[2].superblock.claims_members = frozenset()  # whatever its superblock lists
    assert not may_return_stale(model, 0)
    model.happened(Event("raid.assembled", 0, (1, 2)))
    assert may_return_stale(model, 0)


def test_image_of_an_only_member_does_not_come_back():
    model = model_of_three()
    leave(model, 1)
    leave(model, 2)
    rebuild(model, 2)
    assert may_return_stale(model, 1) is False  # it has no image
    model.took(Inject(model.ledger.new_op(), "disk_image", 0, ()))
    leave(model, 0)
    assert may_return_stale(model, 0) is False  # disk 1 lists it as a member
    model.took(Inject(model.ledger.new_op(), "disk_return_blank", 1, ()))
    assert may_return_stale(model, 0)  # the image lists disk 2 as well

    model = model_of_three()
    leave(model, 1)
    leave(model, 2)
    model.took(Inject(model.ledger.new_op(), "disk_image", 0, ()))
    for disk in (1, 2):
        model.took(Inject(model.ledger.new_op(), "disk_return_blank", disk, ()))
    rebuild(model, 2)
    leave(model, 0)
    assert not may_return_stale(model, 0)


def test_a_cut_loses_the_connections_that_are_a_hosts_own_by_then():
    """Leave out a queue that was closed and opened anew, though the target still holds it (swarm 187 on SPDK)."""
    ledger = IoLedger()
    for op, connection in enumerate((1001, 1002), 1):
        ledger.opened(Open(op, 0, connection))
    ledger.closed(Disconnect(3, 0, 1002, 1))
    ledger.lose_host(0)
    assert ledger.lost_connections == {1001, 1002}  # it waits for the end of this one
    ledger.lost_connections.clear()
    ledger.opened(Open(4, 0, 1003))
    ledger.lose_host(0)
    assert ledger.lost_connections == {1001, 1003}
