"""RAID1: routing, degraded writes, membership, rebuild."""

import pytest

from tests.rig import HostRig, Rig, fill, is_delivery_to
from workers.bdev.disk import FOREVER, FaultKind
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.nvmf.status import NvmeStatus, Opcode
from workers.protocol import Deliver, FinishIo
from workers.shared import ProcessState, RaidState


@pytest.fixture
def rig():
    rig = Rig()
    rig.configure()
    return rig


def block_of(rig, disk, lba):
    return bytes(rig.driver.disks[disk].data[lba * BLOCK_SIZE : (lba + 1) * BLOCK_SIZE])


def is_io(step, disk=None, io_type=None):
    return (
        isinstance(step, FinishIo) and disk in (None, step.disk) and io_type in (None, step.io_type)
    )


def run_to_window(rig, number):
    rig.run_until(lambda: len(rig.named("rebuild.window_done")) == number)


def test_error_codes_are_spdk_s():
    rig = Rig(disks=4)
    assert rig.create(0) == -22
    assert rig.create(0, 0) == -1  # claimed by the time it is named again
    assert rig.call("bdev_raid_get_bdevs") == -19
    assert rig.call("bdev_raid_delete", 0) == -19
    assert rig.call("bdev_raid_remove_base_bdev", 0) == -19
    assert rig.call("bdev_raid_add_base_bdev", 2) == -19
    assert rig.create(0, 1) == 0
    assert rig.create(2, 3) == -17
    assert rig.call("bdev_raid_add_base_bdev", 2) == -22  # no free slot
    assert rig.call("bdev_raid_add_base_bdev", 0) == -22
    assert rig.call("bdev_raid_remove_base_bdev", 2) == -19
    assert rig.call("bdev_raid_remove_base_bdev", 0) == 0
    assert rig.call("bdev_raid_remove_base_bdev", 0) == -19
    assert rig.call("bdev_raid_add_base_bdev", 99) == -19
    assert rig.call("bdev_raid_add_base_bdev", 1) == -1
    rig.driver.disks[3].header.num_blocks -= 1
    rig.pull(3)
    rig.settle()
    rig.plug(3)
    rig.settle()
    assert rig.call("bdev_raid_add_base_bdev", 3) == -22  # too small
    assert rig.named("raid.member_too_small")[0].args == (3, 31)
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0
    assert rig.call("bdev_raid_add_base_bdev", 3) == -1  # during a rebuild


@pytest.mark.parametrize("superblock", [False, True])
def test_array_of_a_bdev_that_is_unknown_yet_waits_for_it(superblock):
    rig = Rig(disks=2)
    assert rig.create(0, 99, superblock=superblock) == 0
    assert rig.block.raid.state == RaidState.CONFIGURING
    assert (rig.block.raid.discovered, rig.block.raid.operational) == (1, 2)
    assert rig.call("bdev_raid_delete", 0) == 0
    assert rig.create(0, 1, superblock=superblock) == 0
    assert rig.block.raid.state == RaidState.ONLINE


def test_write_reaches_every_member_and_a_read_comes_from_the_least_busy_one(rig):
    host = HostRig(rig)
    assert host.finish(host.write(3, b"both")).status == 0
    assert block_of(rig, 0, 3) == block_of(rig, 1, 3) == fill(b"both")
    host.read(0, 4)
    host.read(8, 1)
    host.read(12, 1)
    rig.settle(hold=is_io)
    assert [step.disk for step in rig.pending()] == [0, 1, 1]


def test_read_error_is_answered_from_the_other_member(rig):
    host = HostRig(rig)
    host.finish(host.write(3, b"safe"))
    rig.driver.disks[0].add_fault(FaultKind.ERROR, (IoType.READ,), 0, 32, FOREVER)
    reply = host.finish(host.read(3))
    assert reply.status == 0
    assert reply.data == fill(b"safe")


def test_member_that_misses_a_write_is_out_of_the_read_set_before_the_write_is_acknowledged(rig):
    host = HostRig(rig)
    host.finish(host.write(3, b"old"))
    rig.driver.disks[0].add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, 32, 1)
    # The app thread, which removes the member, gets no turn.
    write = host.write(3, b"new")
    rig.settle(hold=is_delivery_to(0))
    assert rig.replies[write].status == 0
    read = host.read(3)
    rig.settle(hold=is_delivery_to(0))
    assert rig.replies[read].data == fill(b"new")
    rig.settle()
    assert rig.named("raid.member_removed")[0].args == (0, 0)


def test_write_that_no_member_takes_fails_and_costs_no_member(rig):
    host = HostRig(rig)
    for disk in (0, 1):
        rig.driver.disks[disk].add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, 32, 1)
    assert host.finish(host.write(3, b"x")).status == 0x006
    rig.settle()
    assert not rig.named("raid.member_failed")
    assert host.finish(host.write(3, b"y")).status == 0


def test_last_readable_member_is_never_failed(rig):
    host = HostRig(rig)
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.driver.disks[0].add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, 32, 1)
    assert host.finish(host.write(3, b"x")).status == 0x006
    rig.settle()
    assert host.finish(host.write(3, b"y")).status == 0
    assert host.finish(host.read(3)).data == fill(b"y")


def test_rebuild_copies_everything_and_takes_part_from_then_on(rig):
    host = HostRig(rig)
    host.finish(host.write(0, b"a", 32))
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    host.finish(host.write(5, b"degraded"))
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0
    rig.settle()
    assert rig.named("rebuild.finished")[0].args == (1, 2, 0)
    assert bytes(rig.driver.disks[0].data) == bytes(rig.driver.disks[2].data)
    host.finish(host.write(6, b"later"))
    assert block_of(rig, 2, 6) == fill(b"later")
    assert rig.block.raid.process_state == ProcessState.NONE
    assert not [row for row in rig.census() if "rebuild" in row[1]]


def test_write_straddling_the_offset_goes_to_the_target_below_it_only(rig):
    host = HostRig(rig)
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.call("bdev_raid_add_base_bdev", 2)
    run_to_window(rig, 1)  # offset 8
    rig.settle(hold=is_delivery_to(rig.block.raid.process_thread - 1))
    assert host.finish(host.write(6, b"straddles", 4)).status == 0
    assert block_of(rig, 2, 7) == fill(b"straddles")
    assert block_of(rig, 2, 8) == bytes(BLOCK_SIZE)
    rig.settle()
    assert block_of(rig, 2, 9) == fill(b"straddles")


@pytest.mark.parametrize("windows", [0, 1, 2, 3])
@pytest.mark.parametrize("reactor", [1, 2])
def test_channel_born_at_any_window_of_a_rebuild_serves_reads_and_writes(windows, reactor):
    rig = Rig()
    rig.configure(groups=reactor)
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.call("bdev_raid_add_base_bdev", 2)
    run_to_window(rig, windows)
    assert rig.call("nvmf_create_poll_group", reactor) == 0
    channel = rig.thread(reactor).channels[rig.reactor(reactor).services.raid_bdev.module.key]
    twin = channel.processed
    if rig.block.raid.process_state != ProcessState.NONE:
        assert twin is not None
        assert twin.module_channel is channel.module_channel is not None
        assert channel.process_offset == rig.block.raid.window_offset
    rig.settle()
    assert channel.processed is None
    assert channel.base_channels[1] is not None
    assert rig.crash is None


@pytest.mark.parametrize("seed", range(40))
def test_channel_born_while_the_start_or_a_window_is_announced_joins_the_rebuild(seed):
    """Create a channel between a change of global state and its iteration over the channels."""
    rig = Rig(seed=seed)
    rig.configure(groups=2)
    host = HostRig(rig)
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.rpc("bdev_raid_add_base_bdev", 2)
    rig.rpc("nvmf_create_poll_group", 2)
    for lba in range(0, 32, 3):
        host.finish(host.write(lba, b"%d" % lba))
    rig.settle()
    assert rig.crash is None
    assert bytes(rig.driver.disks[0].data) == bytes(rig.driver.disks[2].data)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("victim", [0, 2])
@pytest.mark.parametrize("windows", [0, 2, 4])
def test_member_removed_at_any_point_of_a_rebuild_ends_in_a_whole_state(seed, victim, windows):
    rig = Rig(seed=seed)
    rig.configure()
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.rpc("bdev_raid_add_base_bdev", 2)
    run_to_window(rig, windows)
    assert rig.call("bdev_raid_remove_base_bdev", victim) in (0, -19)
    rig.settle()
    assert rig.crash is None
    record = rig.block.raid
    configured = [slot for slot in record.slots if slot.is_configured]
    assert record.discovered == record.operational == len(configured)
    assert record.process_state == ProcessState.NONE
    expected = RaidState.ONLINE if configured else RaidState.ABSENT
    assert record.state == expected


def test_failed_write_to_the_target_ends_the_rebuild_and_drops_the_target(rig):
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.driver.disks[2].add_fault(FaultKind.ERROR, (IoType.WRITE,), 16, 17, FOREVER)
    rig.call("bdev_raid_add_base_bdev", 2)
    rig.settle()
    assert rig.named("rebuild.finished")[0].args == (1, 2, -5)
    assert not rig.block.raid.slots[1].bdev
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0


def test_late_message_about_a_former_member_does_not_remove_its_successor(rig):
    host = HostRig(rig)
    rig.driver.disks[1].add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, 32, 1)
    write = host.write(3, b"x")
    failure = Deliver(0, host.thread, 0)
    rig.settle(hold=lambda step: step == failure)
    assert rig.replies[write].status == 0
    remove = rig.rpc("bdev_raid_remove_base_bdev", 1)
    rig.settle(hold=lambda step: step == failure)
    assert rig.replies[remove].status == 0
    add = rig.rpc("bdev_raid_add_base_bdev", 2)
    rig.settle(hold=lambda step: step == failure)
    assert rig.replies[add].status == 0
    rig.settle()
    assert [event.args[1] for event in rig.named("raid.member_removed")] == [1]
    assert rig.named("rebuild.finished")[0].args == (1, 2, 0)


def test_array_goes_offline_with_its_last_member_and_can_be_created_anew(rig):
    host = HostRig(rig)
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.call("bdev_raid_remove_base_bdev", 0)
    rig.settle()
    assert rig.block.raid.state == RaidState.ABSENT
    assert host.finish(host.read(0)).status == 0x00B | 1 << 14
    assert [kind for kind, _, _ in rig.census() if kind in ("claim", "descriptor")] == []
    assert rig.create(0, 1) == 0


def test_deleting_an_array_stops_its_rebuild_first(rig):
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.call("bdev_raid_add_base_bdev", 2)
    run_to_window(rig, 1)
    assert rig.call("bdev_raid_delete", 0) == 0
    rig.settle()
    assert rig.crash is None
    assert rig.block.raid.state == RaidState.ABSENT
    assert not [row for row in rig.census() if "raid0" in row[1]]


@pytest.mark.parametrize("seed", range(20))
def test_two_members_of_three_removed_at_once(seed):
    rig = Rig(seed=seed, disks=4)
    rig.configure(members=3)
    host = HostRig(rig)
    host.finish(host.write(3, b"x"))
    first, second = (
        rig.rpc("bdev_raid_remove_base_bdev", 0),
        rig.rpc("bdev_raid_remove_base_bdev", 1),
    )
    write = host.write(4, b"y")
    rig.settle()
    assert rig.replies[first].status == rig.replies[second].status == 0
    assert rig.replies[write].status == 0
    assert block_of(rig, 2, 4) == fill(b"y")
    assert rig.block.raid.discovered == rig.block.raid.operational == 1


def test_flush_under_way_on_a_leaving_member_is_waited_for(rig):
    host = HostRig(rig)
    flush = host.io(0x00)
    rig.settle(hold=is_io)
    removal = rig.rpc("bdev_raid_remove_base_bdev", 1)
    rig.settle(hold=is_io)
    assert removal not in rig.replies
    rig.settle()
    assert rig.crash is None
    assert rig.replies[flush].status == rig.replies[removal].status == 0


def test_flush_that_fails_on_a_member_being_removed_fails_nothing_else(rig):
    """Found by disk-failure, seed 1611: the flush marked the empty slot, and the next member in it, as failed."""
    host = HostRig(rig)
    rig.driver.disks[1].add_fault(FaultKind.ERROR, (IoType.FLUSH,), 0, 32, FOREVER)
    flush = host.io(0x00)
    rig.settle(hold=is_io)
    failing = next(step for step in rig.pending() if is_io(step, disk=1))
    rig.take(failing)
    removal = rig.rpc("bdev_raid_remove_base_bdev", 1)
    rig.settle(hold=lambda step: is_io(step, disk=0))
    assert removal not in rig.replies  # it waits for the flush
    rig.settle()
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0
    rig.settle()
    assert rig.replies[flush].status == rig.replies[removal].status == 0
    assert [slot.is_failed for slot in rig.block.raid.slots] == [0] * 8
    assert rig.named("rebuild.finished")[0].args == (1, 2, 0)


def test_flush_that_fails_on_a_dropped_rebuild_target_is_the_others_to_carry_out(rig):
    host = HostRig(rig)
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.call("bdev_raid_add_base_bdev", 2)
    rig.run_until(lambda: bool(rig.named("rebuild.window_done")))
    flush = host.io(Opcode.FLUSH)

    def is_flush(step):
        return isinstance(step, FinishIo) and step.thread == host.thread

    rig.run_until(lambda: sum(map(is_flush, rig.pending())) == 2, hold=is_flush)
    rig.pull(2)
    rig.run_until(lambda: rig.block.raid.process_state == ProcessState.NONE, hold=is_flush)
    # The member with the data is removed next; until then it counts for an acknowledgement.
    rig.rpc("bdev_raid_remove_base_bdev", 0)
    rig.settle(hold=is_flush)
    assert rig.block.raid.slots[0].remove_scheduled
    assert host.finish(flush).status == NvmeStatus.SUCCESS


@pytest.mark.parametrize("blocks_per_ms", [2, 4, 8])
def test_rebuild_keeps_to_its_bandwidth_in_virtual_time(blocks_per_ms):
    rig = Rig(blocks=64, window=8, rebuild_blocks_per_ms=blocks_per_ms)
    rig.configure()
    rig.call("bdev_raid_remove_base_bdev", 1)
    begun = rig.block.globals.clock_us
    rig.call("bdev_raid_add_base_bdev", 2)
    rig.run_until(lambda: len(rig.named("rebuild.window_done")) == 4)
    half = rig.block.globals.clock_us - begun
    rig.settle()
    assert rig.named("rebuild.finished")[0].args[2] == 0
    # Disks take no time here, so all of it is the cost of the limit, window by window.
    assert half == (4 - 1) * 8 * 1_000 // blocks_per_ms
    assert rig.block.globals.clock_us - begun == 64 * 1_000 // blocks_per_ms


def test_rebuild_without_a_limit_takes_no_time_of_its_own(rig):
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.call("bdev_raid_add_base_bdev", 2)
    rig.settle()
    assert rig.named("rebuild.finished")[0].args[2] == 0
    assert rig.block.globals.clock_us == 0
