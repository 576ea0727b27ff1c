"""Every kind of I/O through the whole stack: split, unmapped, zeroed, compared, flushed, aborted, reset."""

import pytest

from tests.rig import HostRig, Rig, fill
from workers.bdev.disk import FOREVER, FaultKind
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.bdev.stack import Stack
from workers.nvmf.status import (
    CHANGED_NAMESPACE_LIST,
    NAMESPACE_ATTRIBUTE_CHANGED,
    AdminOpcode,
    NvmeStatus,
    Opcode,
)
from workers.protocol import FinishIo, FireTimer
from workers.thread import run_flow

NOTHING = bytes(BLOCK_SIZE)


@pytest.fixture
def rig():
    rig = Rig()
    rig.configure()
    return rig


def is_io(step):
    return isinstance(step, FinishIo)


def is_timer(step):
    return isinstance(step, FireTimer)


def block_of(rig, disk, lba):
    return bytes(rig.driver.disks[disk].data[lba * BLOCK_SIZE : (lba + 1) * BLOCK_SIZE])


def test_large_io_is_split_into_children_of_a_bounded_size_and_comes_back_whole():
    rig = Rig(disk_io_blocks_max=3)
    rig.configure()
    host = HostRig(rig)
    write = host.write(1, b"large", 10)
    rig.settle(hold=is_io)
    under_way = [step for step in rig.pending() if is_io(step)]
    assert {step.disk for step in under_way} == {0, 1}
    assert all(step.count <= 3 for step in under_way)
    assert len(under_way) == 4  # two children of each member at a time
    assert host.finish(write).status == 0
    assert host.finish(host.read(1, 10)).data == fill(b"large", 10)


def test_requests_wait_for_an_object_and_for_memory_and_all_end():
    rig = Rig(io_pool=1, disk_queue_depth=1)
    rig.configure()
    host = HostRig(rig)
    tokens = [host.write(lba, b"many") for lba in range(8)]
    rig.settle()
    assert [rig.replies[token].status for token in tokens] == [0] * 8
    assert rig.named("bdev.io_wait")


@pytest.mark.parametrize("opcode", [Opcode.DATASET_MANAGEMENT, Opcode.WRITE_ZEROES])
@pytest.mark.parametrize("windows", [0, 1, 2])
def test_zeroing_reaches_every_member_also_across_the_rebuild_offset(opcode, windows):
    rig = Rig(window=8)
    rig.configure()
    host = HostRig(rig)
    assert host.finish(host.write(0, b"old", 24)).status == 0
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    rig.rpc("bdev_raid_add_base_bdev", 2)
    rig.run_until(lambda: len(rig.named("rebuild.window_done")) >= windows)
    assert host.finish(host.io(opcode, 4, 10)).status == 0
    rig.settle()
    for disk in (0, 2):
        assert block_of(rig, disk, 3) == fill(b"old")
        assert all(block_of(rig, disk, lba) == NOTHING for lba in range(4, 14))
        assert block_of(rig, disk, 14) == fill(b"old")


def test_compare_and_write_writes_only_what_it_expected(rig):
    host = HostRig(rig)
    host.finish(host.write(3, b"old"))
    missed = host.io(Opcode.COMPARE_AND_WRITE, 3, 1, fill(b"new"), expected=fill(b"else"))
    assert host.finish(missed).status == NvmeStatus.COMPARE_FAILURE
    assert host.finish(host.read(3)).data == fill(b"old")
    matched = host.io(Opcode.COMPARE_AND_WRITE, 3, 1, fill(b"new"), expected=fill(b"old"))
    assert host.finish(matched).status == 0
    assert host.finish(host.read(3)).data == fill(b"new")
    assert host.finish(host.io(Opcode.COMPARE, 3, 1, expected=fill(b"new"))).status == 0


def test_compare_and_write_is_atomic_to_other_writers(rig):
    hosts = [HostRig(rig), HostRig(rig)]
    assert hosts[0].finish(hosts[0].write(3, b"0")).status == 0
    swaps = [
        host.io(Opcode.COMPARE_AND_WRITE, 3, 1, fill(text), expected=fill(b"0"))
        for host, text in zip(hosts, (b"1", b"2"), strict=True)
    ]
    rig.settle()
    statuses = sorted(rig.replies[swap].status for swap in swaps)
    assert statuses == [0, NvmeStatus.COMPARE_FAILURE]


def test_power_loss_takes_back_what_was_neither_flushed_nor_written_with_fua(rig):
    host = HostRig(rig)
    host.finish(host.write(1, b"flushed"))
    assert host.finish(host.io(Opcode.FLUSH)).status == 0
    host.finish(host.io(Opcode.WRITE, 2, 1, fill(b"fua"), fua=True))
    host.finish(host.write(1, b"newer"))
    host.finish(host.write(3, b"lost"))
    for disk in rig.driver.disks[:2]:
        assert disk.dirty_blocks() == [1, 3]
        assert disk.lose_power(range(32)) == 2
    for disk in (0, 1):
        assert block_of(rig, disk, 1) == fill(b"flushed")
        assert block_of(rig, disk, 2) == fill(b"fua")
        assert block_of(rig, disk, 3) == NOTHING


def test_bad_block_is_read_elsewhere_and_written_anew(rig):
    host = HostRig(rig)
    host.finish(host.write(3, b"good"))
    rig.driver.disks[0].add_fault(FaultKind.BAD_BLOCKS, (IoType.READ,), 3, 4, FOREVER)
    assert host.finish(host.read(3)).data == fill(b"good")
    rig.settle()
    assert rig.named("raid.read_repaired")[0].args == (0, 3, 1, 1)
    assert rig.driver.disks[0].header.fault_count == 0
    assert not rig.named("raid.member_failed")


def test_abort_ends_what_waits_and_leaves_alone_what_is_under_way():
    rig = Rig(disk_queue_depth=1)
    rig.configure()
    host = HostRig(rig)
    first, second = host.write(3, b"first"), host.write(5, b"second")
    rig.settle(hold=lambda step: is_io(step) or is_timer(step))

    def abort(token):
        command = host.command(AdminOpcode.ABORT, 1, token)
        rig.settle(hold=lambda step: is_io(step) or is_timer(step))
        return rig.replies[command].value

    assert abort(first) == 1  # not aborted: it is with the disk
    assert abort(999) == 1
    # The array's request is in flight too; its part for a member waits, and has no name.
    assert abort(second) == 1
    rig.settle()
    assert rig.replies[first].status == rig.replies[second].status == 0


def test_abort_ends_a_command_that_a_range_lock_holds(rig):
    host = HostRig(rig)
    array = rig.reactor(0).services.raid_bdev
    run_flow(array.quiesce(rig.app))
    for message in rig.reactor(0).take_outcome().outgoing:
        rig.driver.send(message)
    rig.settle()
    held = host.write(3, b"held")
    rig.settle()
    assert held not in rig.replies
    command = host.command(AdminOpcode.ABORT, 1, held)
    rig.settle()
    assert rig.replies[command].value == 0
    assert rig.replies[held].status == NvmeStatus.ABORTED_BY_REQUEST


def test_reset_ends_what_hangs_and_the_array_goes_on(rig):
    rig.driver.disks[0].add_fault(FaultKind.HANG, (IoType.WRITE,), 0, 32, 1)
    host = HostRig(rig)
    write = host.write(3, b"hangs")
    rig.settle()
    assert write not in rig.replies
    assert rig.call("bdev_reset", 0) == 0
    rig.settle()
    assert rig.replies[write].status == 0
    assert block_of(rig, 0, 3) == fill(b"hangs")
    assert not rig.named("raid.member_failed")


def test_resets_of_one_bdev_end_together(rig):
    tokens = [rig.rpc("bdev_reset", 3) for _ in range(3)]
    rig.settle()
    assert [rig.replies[token].status for token in tokens] == [0, 0, 0]
    assert len([event for event in rig.named("bdev.reset") if event.args == (3,)]) == 1


def test_stack_of_bdevs_goes_with_its_disk_and_comes_back_with_it():
    both = int(Stack.ERROR | Stack.DELAY)
    rig = Rig(disks=2, stacks=(both, both), array_passthru=True)
    rig.configure()
    host = HostRig(rig)
    assert host.finish(host.write(3, b"through")).status == 0
    rig.pull(0)
    rig.settle()
    assert [event.args[0] for event in rig.named("bdev.unregistered")] == [5, 3, 0]
    rig.plug(0)
    rig.settle()
    assert rig.call("bdev_raid_add_base_bdev", 5) == 0
    rig.settle()
    assert rig.named("rebuild.finished")[0].args == (0, 0, 0)
    assert block_of(rig, 0, 3) == fill(b"through")


def test_array_grows_when_all_members_have_and_hosts_are_told():
    rig = Rig(blocks=32, capacity_blocks=48)
    rig.configure(superblock=True)
    host = HostRig(rig)
    event = host.command(AdminOpcode.ASYNC_EVENT_REQUEST)
    for disk in (0, 1):
        assert not rig.named("raid.grown")
        rig.driver.disks[disk].header.num_blocks = 48
        rig.send(0, 1_001, 0, "bdev.grown", disk)
        rig.settle()
    assert rig.named("raid.grown")[0].args == (40,)
    assert rig.replies[event].value == NAMESPACE_ATTRIBUTE_CHANGED
    assert host.finish(host.command(AdminOpcode.IDENTIFY, 0, 1)).value == 40
    assert host.finish(host.write(39, b"new end")).status == 0


def test_event_is_told_once_until_the_log_is_read(rig):
    host = HostRig(rig)
    first, second = (host.command(AdminOpcode.ASYNC_EVENT_REQUEST) for _ in range(2))
    assert rig.call("nvmf_subsystem_remove_ns", 1) == 0
    assert rig.call("nvmf_subsystem_add_ns", 1) == 0
    rig.settle()
    assert rig.replies[first].value == NAMESPACE_ATTRIBUTE_CHANGED
    assert second not in rig.replies
    assert host.finish(host.command(AdminOpcode.GET_LOG_PAGE, CHANGED_NAMESPACE_LIST)).status == 0
    rig.settle()
    assert rig.replies[second].value == NAMESPACE_ATTRIBUTE_CHANGED


def test_keep_alive_that_stays_away_ends_the_controller():
    rig = Rig()
    rig.configure()
    host = HostRig(rig, keep_alive_ms=400)
    for _ in range(3):
        rig.run_until(lambda: any(is_timer(step) for step in rig.pending()), hold=is_timer)
        rig.take(next(step for step in rig.pending() if is_timer(step)))
    assert host.finish(host.command(AdminOpcode.KEEP_ALIVE)).status == 0
    assert not rig.named("nvmf.keep_alive_expired")
    rig.settle()
    assert rig.named("nvmf.keep_alive_expired")
    assert {event.args[0] for event in rig.named("nvmf.qpair_destroyed")} == {
        host.admin,
        host.queue,
    }


@pytest.mark.parametrize("seed", range(20))
def test_poll_group_ends_its_connections_and_its_thread(seed):
    rig = Rig(seed=seed)
    rig.configure()
    hosts = [HostRig(rig) for _ in range(3)]
    tokens = [host.write(number, b"busy") for number, host in enumerate(hosts)]
    end = rig.rpc("nvmf_destroy_poll_group", 1)
    rig.settle()
    assert rig.crash is None
    assert rig.replies[end].status == 0
    assert not [row for row in rig.census() if "poll_group_1" in row[1]]
    for host, token in zip(hosts, tokens, strict=True):
        gone = {event.args[0] for event in rig.named("nvmf.qpair_destroyed")}
        assert token in rig.replies or host.queue in gone
    assert rig.call("nvmf_destroy_poll_group", 1) == -19
    assert rig.call("nvmf_create_poll_group", 1) == 0


def test_reset_of_the_array_fails_with_that_of_a_member_and_so_does_one_that_waits_for_its_end(rig):
    first, second = rig.rpc("bdev_reset", 3), rig.rpc("bdev_reset", 3)
    rig.run_until(lambda: bool(rig.named("raid.reset")))
    rig.pull(1)  # on its way out when the reset comes to it
    rig.settle()
    assert [rig.replies[token].status for token in (first, second)] == [-19, -19]
    assert rig.call("bdev_reset", 3) == 0
