"""Red runs on the reference engine, each reduced to the few steps that matter, with its story."""

from tests.rig import HostRig, Rig, fill
from tests.workers.test_superblock import make_foreign, members, online, rig_with_data
from workers.bdev.bdev import NOMEM_RETRY_US, Gate
from workers.bdev.disk import FOREVER, FaultKind
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.bdev.stack import ErrorType, Stack, member_bdev_id, stacked_bdev_id
from workers.errors import EBUSY
from workers.nvmf.status import NvmeStatus, Opcode
from workers.protocol import NEMESIS, FinishIo, FireTimer
from workers.shared import RaidState

NOTHING = bytes(BLOCK_SIZE)


def is_io(step, disk=None):
    return isinstance(step, FinishIo) and disk in (None, step.disk)


def block_of(rig, disk, lba):
    return bytes(rig.driver.disks[disk].data[lba * BLOCK_SIZE : (lba + 1) * BLOCK_SIZE])


def test_compare_and_write_that_a_reset_interrupts_doesn_t_claim_to_have_written():
    """reset-storm, seed 155: lost writes after array resets.

    The reset closed the array's channel between the compare and the write. The write was left out, and the
    compare's success was what the host got.
    """
    rig = Rig()
    rig.configure()
    host = HostRig(rig)
    assert host.finish(host.write(3, b"old")).status == 0
    swap = host.io(Opcode.COMPARE_AND_WRITE, 3, 1, fill(b"new"), expected=fill(b"old"))
    rig.settle(hold=is_io)  # the compare's read is in flight
    rig.rpc("bdev_reset", 3)
    key = rig.reactor(0).services.raid_bdev.key
    channel = rig.thread(host.thread - 1).channels[key]
    rig.run_until(lambda: channel.gate is Gate.RESETTING, hold=is_io)
    # The read is answered while the channel is closed.
    rig.take(next(step for step in rig.pending() if is_io(step)))
    rig.settle()
    assert rig.replies[swap].status == NvmeStatus.ABORTED_BY_REQUEST
    assert host.finish(host.read(3)).data == fill(b"old")


def test_request_without_memory_is_tried_again_though_the_other_one_is_on_its_way_out():
    """swarm, seeds 12857, 14972, 19328: reads and writes that never ended, and a removal behind them.

    A request refused for lack of memory was woken by another one's completion, and refused again while that one
    was still counted as under way. No timer was armed, and nothing was left to wake it.
    """
    rig = Rig(disks=2, stacks=(int(Stack.ERROR), 0))
    rig.configure()
    member = member_bdev_id(rig.reactor(0).layout, 0)
    assert member == stacked_bdev_id(rig.reactor(0).layout, Stack.ERROR, 0) == 3
    host = HostRig(rig)
    types = 1 << IoType.WRITE
    other = host.write(8, b"other")
    rig.settle(hold=is_io)
    inject = rig.rpc("bdev_error_inject_error", 3, int(ErrorType.NOMEM), types, 2)
    rig.settle(hold=is_io)
    assert rig.replies[inject].status == 0
    refused = host.write(3, b"refused")
    rig.settle(hold=lambda step: is_io(step) or isinstance(step, FireTimer))
    rig.settle(hold=lambda step: isinstance(step, FireTimer))
    assert rig.replies[other].status == 0
    assert refused not in rig.replies
    rig.settle()
    assert rig.replies[refused].status == 0
    assert rig.block.globals.clock_us >= NOMEM_RETRY_US


def test_deleting_an_array_without_superblock_touches_no_data():
    """namespace-churn, seed 11: the first two blocks were lost when the array was deleted and created anew.

    Deleting wiped the superblocks, also of an array that has none: there its clients' data begins.
    """
    rig = Rig()
    rig.configure()
    host = HostRig(rig)
    assert host.finish(host.write(0, b"first")).status == 0
    assert rig.call("bdev_raid_delete", 1) == 0
    assert block_of(rig, 0, 0) == block_of(rig, 1, 0) == fill(b"first")


def test_io_under_way_to_a_pulled_disk_doesn_t_reach_the_one_in_its_place():
    """restart-from-superblock, seed 75, and double-failure, seed 357: a rebuild copied from a blank disk.

    A read was out when its disk was pulled; a blank disk was plugged in before the read took effect, and
    answered it with zeroes. The same went for channels that were born before the array knew of the removal.
    """
    rig = Rig()
    rig.configure()
    host = HostRig(rig)
    assert host.finish(host.write(3, b"kept")).status == 0
    read, write = host.read(3), host.write(5, b"late")
    rig.settle(hold=is_io)
    rig.driver.disks[0].pull()
    rig.driver.disks[0].new(32)
    rig.settle(hold=lambda step: is_io(step, disk=1))
    assert block_of(rig, 0, 5) == NOTHING
    rig.settle()
    assert rig.replies[read].data == fill(b"kept")
    assert rig.replies[write].status == 0
    assert [event.args[1] for event in rig.named("raid.member_failed")] == [0]


def test_disk_that_is_plugged_in_right_after_it_was_pulled_comes_back():
    """connect-during-rebuild, seed 109: the operator's requests to add the disk were refused forever.

    The removal first let go on what hung on the disk, and marked the bdev as leaving only then. In between came
    the plug, found the bdev still there, and was dropped.
    """
    rig = Rig()
    rig.configure()
    rig.driver.disks[0].add_fault(FaultKind.HANG, (IoType.WRITE,), 0, 32, 1)
    host = HostRig(rig)
    write = host.write(3, b"hangs")
    rig.settle()
    assert write not in rig.replies
    rig.pull(0)
    rig.plug(0)
    rig.settle()
    assert rig.replies[write].status == 0
    assert rig.call("bdev_raid_add_base_bdev", 0) == 0
    rig.settle()
    assert rig.named("rebuild.finished")[-1].args == (0, 0, 0)


def test_channel_born_during_a_reset_is_frozen_like_the_others():
    """swarm, seeds 1182, 3663, 6468, 12652, 15097: device errors although all members worked.

    A poll group was born while its array's members were being reset. Its channels of them were new and open, those
    below were old and closed: what it sent was aborted, and aborted again each time it was tried again at once.
    """
    rig = Rig(reactors=2, disks=2, stacks=(int(Stack.ERROR), int(Stack.ERROR)))
    rig.configure(groups=1)
    layer = rig.reactor(0).services.bdev
    lower, upper = layer.bdevs[0], layer.bdevs[3]
    rig.rpc("bdev_reset", 3)
    rig.run_until(lambda: bool(lower.record.is_resetting))
    assert upper.record.is_resetting
    thread = rig.app
    born = rig.reactor(1)
    born.add_thread(2, "born during the reset")
    born.current_thread = 2
    channel = born.threads[2].get_io_channel(upper)
    born.take_outcome()
    assert channel.gate is Gate.RESETTING
    rig.settle()
    assert channel.gate is Gate.OPEN
    assert channel.module_channel.base_channel.gate is Gate.OPEN
    assert thread.channels[upper.key].gate is Gate.OPEN


def test_flush_that_fails_on_a_failed_rebuilds_target_is_no_error_while_the_last_member_leaves():
    """swarm: a flush ended with a device error, though a member had flushed everything.

    The rebuild had failed, and its target was on its way out; the only member was to be removed as well. So the
    target was taken for the last one to read from, which is never failed.
    """
    rig = Rig()
    rig.configure(superblock=True, groups=1)
    host = HostRig(rig)
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0
    rig.run_until(lambda: bool(rig.named("rebuild.window_done")))
    flush = host.io(Opcode.FLUSH)
    rig.driver.disks[2].add_fault(
        FaultKind.ERROR, (IoType.WRITE, IoType.FLUSH), 0, rig.driver.disks[2].num_blocks, FOREVER
    )

    def is_held(step):
        return isinstance(step, FinishIo) and step.disk == 2 and step.io_type == IoType.FLUSH

    rig.settle(hold=is_held)
    assert not rig.block.raid.slots[1].is_configured
    rig.rpc("bdev_raid_remove_base_bdev", 0)
    rig.settle(hold=is_held)
    assert rig.block.raid.slots[0].remove_scheduled
    assert host.finish(flush).status == 0


def test_io_that_hangs_on_a_disk_is_released_by_its_heal_while_the_bdev_goes_away():
    """swarm, seed 78: flushes, writes and the removal of a member that never ended.

    The bdev was deleted while an I/O hung on its disk. The bdev waited for that I/O, and the heal of the disk passed by a
    bdev on its way out.
    """
    rig = Rig()
    rig.configure()
    host = HostRig(rig)
    rig.driver.disks[1].add_fault(FaultKind.HANG, (IoType.FLUSH,), 0, 32, FOREVER)
    flush = host.io(Opcode.FLUSH)
    rig.settle()
    assert flush not in rig.replies
    rig.send(0, NEMESIS, 0, "bdev.hot_remove", 1)  # the disk itself works on
    rig.settle()
    assert not rig.named("bdev.unregistered")
    rig.driver.disks[1].heal()
    rig.send(0, NEMESIS, 0, "bdev.resume", 1)
    rig.settle()
    assert rig.replies[flush].status == NvmeStatus.SUCCESS
    assert [event.args for event in rig.named("bdev.unregistered")] == [(1,)]


def test_member_comes_back_by_itself_after_a_replacement_that_came_to_nothing():
    """swarm, seed 737: a member that came back was left alone, though no one had taken its place.

    The slot's entry was given to the replacement when its rebuild began, not when it had ended. SPDK gives it then.
    """
    rig = rig_with_data()
    rig.pull(1)
    rig.settle()
    assert members(rig) == [0]
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0
    rig.pull(2)
    rig.settle()
    assert [event.args[2] == 0 for event in rig.named("rebuild.finished")] == [False]
    rig.plug(1)
    rig.settle()
    assert members(rig) == [0, 1]


def test_array_whose_last_disk_is_pulled_waits_on_until_it_is_deleted():
    """swarm, seed 1653: an array with all its members didn't come up after a restart.

    A foreign disk had come first, and its array waited in the only place. As in SPDK, it waits on when that disk is pulled,
    if both arrays have one name. An operator has to delete it; the others' disks are then examined again.
    """
    rig = rig_with_data()
    make_foreign(rig, 2, name="raid0")
    rig.restart(2)
    assert rig.block.raid.state == RaidState.CONFIGURING
    rig.plug(0)
    rig.plug(1)
    rig.settle()
    assert not online(rig)
    rig.pull(2)
    rig.settle()
    assert rig.block.raid.state == RaidState.CONFIGURING
    assert rig.block.raid.discovered == 0
    assert rig.call("bdev_raid_delete", 0) == 0
    assert rig.call("bdev_examine_again", 0) == 0
    rig.settle()
    assert online(rig)
    assert members(rig) == [0, 1]


def test_disk_whose_superblock_is_newer_is_left_alone_by_an_array_that_came_up_without_it():
    """swarm, seed 8017: a superblock went back from sequence number 65539 to 6.

    An operator had started the array from one disk, and later it came up from another one that knew nothing of that. It then
    rebuilt the first disk, over what it lacked itself. SPDK ignores such a disk, and refuses to add it (−16).
    """
    rig = rig_with_data()
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    rig.restart(1)
    assert rig.call("bdev_raid_start_degraded", 1) == 0
    assert members(rig) == [1]
    rig.restart(0)
    assert members(rig) == [0]
    rig.plug(1)
    rig.settle()
    assert members(rig) == [0]
    assert rig.named("rebuild.started") == []
    assert rig.call("bdev_raid_add_base_bdev", 1) == EBUSY
    assert members(rig) == [0]


def test_array_whose_disks_grow_while_it_is_created_grows_when_it_is_online():
    """swarm, seed 10000352: an array that was being created hung in the state CONFIGURING, and kept its name.

    Its superblock had the size of the disks as they were by then, and the array the one of when they had joined.
    """
    rig = Rig(disks=2, blocks=32, capacity_blocks=56)
    token = rig.rpc("bdev_raid_create", 1, 1, 0, 1)
    rig.settle(hold=is_io)  # the superblocks of the disks are being read

    for number in (0, 1):
        rig.driver.disks[number].header.num_blocks = 40
        rig.send(0, NEMESIS, 0, "bdev.grown", number)
    rig.settle()
    assert rig.replies[token].status == 0
    assert rig.block.raid.state == RaidState.ONLINE
    assert [event.args for event in rig.named("raid.grown")] == [(32,)]


def test_deletion_that_comes_while_an_array_is_created_waits_until_it_is_online():
    """swarm, seed 8000716: a creation was answered with success, though its array had never come.

    The deletion waited for the superblocks of the disks to be read, and then went on before the creation did.
    """
    rig = Rig(disks=2)
    creation = rig.rpc("bdev_raid_create", 1, 1, 0, 1)
    rig.settle(hold=is_io)  # the superblocks of the disks are being read

    deletion = rig.rpc("bdev_raid_delete", 1)
    rig.settle()
    assert [rig.replies[token].status for token in (creation, deletion)] == [0, 0]
    assert len(rig.named("raid.created")) == 1
    assert rig.block.raid.state == RaidState.ABSENT
    assert (block_of(rig, 0, 0), block_of(rig, 1, 0)) == (NOTHING, NOTHING)


def test_array_that_waits_gives_way_to_another_one_when_it_has_lost_its_disks():
    """swarm, seed 8017293: the array didn't come up, though all its disks were there.

    A disk of another array was found first, and that array waited. It waited on when its disk was pulled out, and the
    disks that had been refused meanwhile were never looked at again.
    """
    rig = rig_with_data()
    make_foreign(rig, 2)
    rig.restart(2, 0, 1)
    assert rig.block.raid.state == RaidState.CONFIGURING
    assert members(rig) == [2]

    rig.pull(2)
    rig.settle()
    assert online(rig)
    assert rig.named("raid.assembled")[-1].args == (0, 1)
