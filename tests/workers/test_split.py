"""Partitions of the array, each a namespace: their places, their sizes, and their end."""

import pytest

from tests.rig import HostRig, Rig
from workers.bdev.io import BLOCK_SIZE
from workers.bdev.split import partition_blocks, partition_id, partitions
from workers.errors import ENODEV, ENOENT, OK
from workers.nvmf.status import NvmeStatus, Opcode
from workers.protocol import Layout

LAYOUT = {"namespaces": 3, "partition_blocks": 10}


@pytest.fixture
def rig() -> Rig:
    rig = Rig(**LAYOUT)
    rig.configure()
    assert rig.call("nvmf_subsystem_add_ns", 2) == OK
    assert rig.call("nvmf_subsystem_add_ns", 3) == OK
    rig.settle()
    return rig


def test_partitions_have_their_size_and_the_last_one_the_rest():
    layout = Layout(1, 2, 32, 8, **LAYOUT)
    assert [partition_blocks(layout, number, 32) for number in range(3)] == [10, 10, 12]
    assert [partition_blocks(layout, number, 40) for number in range(3)] == [10, 10, 20]
    assert [partition_blocks(layout, number, 15) for number in range(3)] == [10, 5, 0]
    assert partitions(layout) == [partition_id(layout, number) for number in range(3)]
    assert partitions(Layout(1, 2, 32, 8)) == []


def test_namespace_has_its_own_blocks_of_the_array(rig):
    host = HostRig(rig)
    tokens = [
        host.io(Opcode.WRITE, 1, 1, bytes([nsid]) * BLOCK_SIZE, nsid=nsid) for nsid in (1, 2, 3)
    ]
    rig.settle()
    assert [rig.replies[token].status for token in tokens] == [NvmeStatus.SUCCESS] * 3
    assert [rig.driver.disks[1].block(block)[0] for block in (1, 11, 21)] == [1, 2, 3]
    beyond = host.io(Opcode.READ, 10, 1, nsid=1)
    rig.settle()
    assert rig.replies[beyond].status == NvmeStatus.LBA_OUT_OF_RANGE


def test_there_is_a_namespace_for_each_partition_and_no_more(rig):
    assert rig.call("nvmf_subsystem_remove_ns", 3) == OK
    assert rig.call("nvmf_subsystem_add_ns", 3) == OK
    assert rig.call("nvmf_subsystem_add_ns", 4) == ENODEV


def test_namespaces_leave_with_the_array_and_nothing_is_left_behind(rig):
    assert rig.call("bdev_raid_delete", 0) == OK
    rig.settle()
    assert sorted(event.args[0] for event in rig.named("nvmf.namespace_detached")) == [1, 2, 3]
    assert not [row for row in rig.census() if row[0] in ("descriptor", "claim")]


def test_last_partition_grows_with_the_array():
    rig = Rig(capacity_blocks=40, **LAYOUT)
    rig.configure()
    assert rig.call("nvmf_subsystem_add_ns", 3) == OK
    for disk in rig.driver.disks:
        disk.header.num_blocks = 40
        rig.send(0, 1001, 0, "bdev.grown", disk.number)
    rig.settle()
    sizes = [rig.block.bdevs[bdev].num_blocks for bdev in partitions(rig.reactor(0).layout)]
    assert sizes == [10, 10, 20]
    assert [event.args for event in rig.named("nvmf.namespace_resized")] == [(3,)]


def test_io_of_one_namespace_goes_on_while_another_one_is_detached(rig):
    host = HostRig(rig)
    detach = rig.rpc("nvmf_subsystem_remove_ns", 1)
    rig.run_until(lambda: bool(rig.named("nvmf.pausing")[-1:]) and rig.block.subsystem.paused == 1)
    read = host.io(Opcode.READ, 0, 1, nsid=2)
    rig.settle()
    assert rig.replies[read].status == NvmeStatus.SUCCESS
    assert rig.replies[detach].status == OK
    assert not rig.named("nvmf.io_queued")


def test_listener_pauses_the_subsystem_for_no_namespace(rig):
    host = HostRig(rig)
    rig.events.clear()
    change = rig.rpc("nvmf_subsystem_add_listener", 2)
    rig.run_until(lambda: rig.block.subsystem.paused != 0)
    read = host.io(Opcode.READ, 0, 1)
    rig.settle()
    assert rig.replies[read].status == NvmeStatus.SUCCESS
    assert rig.replies[change].status == OK
    assert not rig.named("nvmf.io_queued")
    assert [event.args for event in rig.named("nvmf.pausing")] == [(0,)]
    assert rig.call("nvmf_subsystem_remove_listener", 2) == OK
    assert rig.call("nvmf_subsystem_remove_listener", 2) == ENOENT


def test_change_asked_for_during_a_pause_waits_for_its_end(rig):
    tokens = [rig.rpc("nvmf_subsystem_add_listener", 2), rig.rpc("nvmf_subsystem_remove_ns", 2)]
    rig.settle()
    assert [rig.replies[token].status for token in tokens] == [OK, OK]
    assert [event.args for event in rig.named("nvmf.pause_queued")] == [(2,)]
