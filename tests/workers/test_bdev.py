"""Range locks, quiesce, descriptors, hot removal."""

import pytest

from tests.rig import HostRig, Rig, fill, is_delivery_to
from workers.bdev.disk import FaultKind
from workers.bdev.io import BdevIo, IoStatus, IoType
from workers.nvmf.status import Opcode
from workers.protocol import FinishIo
from workers.thread import run_flow


@pytest.fixture
def rig():
    rig = Rig()
    rig.configure()
    return rig


def raid_bdev(rig, reactor=0):
    return rig.reactor(reactor).services.raid_bdev


def quiesce(rig, offset, length):
    """Ask for a lock from the app thread; the list gets the lock when it is granted and drained."""
    granted = []
    run_flow(raid_bdev(rig).quiesce_range(rig.app, offset, length), granted.append)
    carry(rig)
    return granted


def unquiesce(rig, lock):
    run_flow(raid_bdev(rig).unquiesce_range(rig.app, lock))
    carry(rig)


def carry(rig):
    for worker in rig.driver.workers:
        for message in worker.reactor.take_outcome().outgoing:
            rig.driver.send(message)


def is_io(step):
    return isinstance(step, FinishIo)


def test_quiesce_waits_for_submitted_io_and_holds_reads_and_writes(rig):
    host = HostRig(rig)
    before = host.write(4, b"before")
    rig.settle(hold=is_io)
    granted = quiesce(rig, 0, 8)
    rig.settle(hold=is_io)
    assert not granted  # the write is still submitted
    rig.settle()
    assert granted
    assert rig.replies[before].status == 0
    write, read = host.write(4, b"after"), host.read(7)
    outside = host.read(9)
    rig.settle()
    assert outside in rig.replies
    assert write not in rig.replies
    assert read not in rig.replies
    unquiesce(rig, granted[0])
    rig.settle()
    assert rig.replies[write].status == 0
    assert rig.replies[read].status == 0


def test_quiesce_never_holds_a_flush(rig):
    host = HostRig(rig)
    quiesce(rig, 0, 32)
    rig.settle()
    flush = host.io(Opcode.FLUSH)
    rig.settle()
    assert rig.replies[flush].status == 0


def test_overlapping_lock_waits_until_the_unlock_has_visited_all_channels(rig):
    first = quiesce(rig, 0, 8)
    rig.settle()
    second, apart = quiesce(rig, 4, 8), quiesce(rig, 16, 8)
    rig.settle()
    assert apart
    assert not second
    unquiesce(rig, first[0])
    rig.settle(hold=is_delivery_to(3))  # one channel hasn't been visited by the unlock
    assert not second
    rig.settle()
    assert second


def test_lock_that_overlaps_only_a_waiting_one_is_granted_as_in_spdk(rig):
    first = quiesce(rig, 0, 8)
    rig.settle()
    second, third = quiesce(rig, 4, 8), quiesce(rig, 10, 8)
    rig.settle()
    assert not second
    # The third overlaps the second, which is not granted yet, but nothing that is locked.
    assert third
    unquiesce(rig, first[0])
    rig.settle()
    assert not second
    unquiesce(rig, third[0])
    rig.settle()
    assert second


def test_new_channel_inherits_locked_ranges():
    rig = Rig()
    rig.configure(groups=2)
    granted = quiesce(rig, 0, 8)
    rig.settle()
    assert rig.call("nvmf_create_poll_group", 2) == 0
    channel = rig.thread(2).channels[raid_bdev(rig).key]
    ended = []
    run_flow(channel.submit(BdevIo(IoType.WRITE, 2, 1, fill(b"x"))), ended.append)
    rig.settle()
    assert not ended
    unquiesce(rig, granted[0])
    rig.settle()
    assert ended[0].status is IoStatus.SUCCESS


def test_hot_removal_waits_for_submitted_io_and_frees_everything(rig):
    host = HostRig(rig)
    write = host.write(3, b"kept")
    rig.settle(hold=is_io)
    rig.pull(1)
    rig.settle()
    assert rig.replies[write].status == 0
    assert rig.named("bdev.unregistered")
    claims = [owner for kind, owner, _ in rig.census() if kind == "claim"]
    assert claims == ["raid0 of disk0"]
    assert not [row for row in rig.census() if "disk1" in row[1]]


def test_returned_disk_is_registered_after_its_removal_is_over(rig):
    rig.pull(1)
    rig.plug(1)
    rig.settle()
    plugging = ("bdev.unregistered", "bdev.registered")
    assert [event.name for event in rig.events if event.name in plugging] == list(plugging)
    assert rig.call("bdev_raid_add_base_bdev", 1) == 0


def test_io_takes_effect_at_its_completion_in_any_order(rig):
    disk = rig.driver.disks[0]
    channel_of = rig.thread(0).channels[rig.reactor(0).services.bdev.bdevs[0].key]
    endings = []
    for text in (b"first", b"second"):
        run_flow(channel_of.submit(BdevIo(IoType.WRITE, 5, 1, fill(text))), endings.append)
    rig.reactor(0).take_outcome()
    first, second = [step for step in rig.pending() if is_io(step)]
    assert bytes(disk.data[5 * 512 : 5 * 512 + 5]) == bytes(5)
    rig.take(second)
    assert bytes(disk.data[5 * 512 : 5 * 512 + 6]) == b"second"
    rig.take(first)
    assert bytes(disk.data[5 * 512 : 5 * 512 + 5]) == b"first"


def test_injected_errors_hit_their_kind_their_range_and_their_number_of_times():
    rig = Rig()
    disk = rig.driver.disks[0]
    disk.add_fault(FaultKind.ERROR, (IoType.READ,), 4, 6, 2)
    rig.app.get_io_channel(rig.reactor(0).services.bdev.bdevs[0])
    channel = rig.app.channels[rig.reactor(0).services.bdev.bdevs[0].key]

    def ending_of(io):
        endings = []
        run_flow(channel.submit(io), endings.append)
        rig.reactor(0).take_outcome()
        rig.settle()
        return endings[0].status

    read = BdevIo(IoType.READ, 5, 2)
    assert ending_of(BdevIo(IoType.READ, 6, 2)) is IoStatus.SUCCESS
    assert ending_of(BdevIo(IoType.WRITE, 5, 1, fill(b"w"))) is IoStatus.SUCCESS
    assert [ending_of(read) for _ in range(3)] == [
        IoStatus.FAILED,
        IoStatus.FAILED,
        IoStatus.SUCCESS,
    ]
    assert len(rig.named("disk.fault")) == 2
    assert disk.header.fault_count == 0


def test_claimed_bdev_cannot_be_opened_again(rig):
    layer = rig.reactor(0).services.bdev
    assert layer.open(layer.bdevs[0], "somebody", lambda _: None) == -1
    opened = layer.open(layer.bdevs[2], "somebody", lambda _: None)
    assert rig.call("bdev_raid_remove_base_bdev", 1) == 0
    # A descriptor that is open already stays usable; a claim doesn't wait for it.
    assert rig.call("bdev_raid_add_base_bdev", 2) == 0
    layer.close(opened)
    rig.settle()
    assert rig.named("rebuild.finished")[0].args == (1, 2, 0)
