"""The NVMe-oF target: connect over several threads, pause, disconnect, timers."""

import pytest

from tests.rig import HostRig, Rig, fill, is_delivery_to
from workers.nvmf.status import NvmeStatus, Opcode
from workers.protocol import OPERATOR, FinishIo, FireTimer

INVALID_NAMESPACE = NvmeStatus.INVALID_NAMESPACE
SPARE = 2  # a disk that is not the array's


@pytest.fixture
def rig():
    rig = Rig()
    rig.configure()
    return rig


def is_io(step):
    return isinstance(step, FinishIo)


def test_queues_are_spread_over_the_poll_groups(rig):
    host = HostRig(rig)
    assert host.admin_thread != host.thread
    assert [event.args[1] for event in rig.named("nvmf.qpair_connected")] == [0, 1]


def test_status_codes_a_host_sees(rig):
    host = HostRig(rig)
    assert host.finish(host.read(31, 2)).status == NvmeStatus.LBA_OUT_OF_RANGE
    assert host.finish(host.io(0x7F)).status == NvmeStatus.INVALID_OPCODE
    assert host.finish(host.io(Opcode.FLUSH)).status == NvmeStatus.SUCCESS
    rig.call("nvmf_subsystem_remove_ns", 1)
    assert host.finish(host.read(0)).status == INVALID_NAMESPACE


def test_connect_without_poll_group_or_controller_is_refused():
    rig = Rig()
    token = rig.send(0, 1_010, 0, "nvmf.accept", 1_010)
    rig.settle()
    assert rig.replies[token].status == NvmeStatus.CONNECT_CONTROLLER_BUSY
    rig.configure()
    host = HostRig(rig)
    connection, thread = host._open()
    reply = host.connect(connection, thread, 2, host.cntlid + 7)
    assert reply.status == NvmeStatus.CONNECT_INVALID_PARAMETERS


def test_duplicate_qid_is_tried_again_after_a_delay_in_virtual_time(rig):
    host = HostRig(rig)
    connection, thread = host._open()
    token = rig.send(
        thread - 1, connection, thread, "nvmf.connect", connection, 1, host.cntlid, 0, 0
    )
    rig.settle(hold=lambda step: isinstance(step, FireTimer))
    assert token not in rig.replies
    rig.send(host.thread - 1, host.queue, host.thread, "nvmf.disconnect", host.queue)
    rig.settle(hold=lambda step: isinstance(step, FireTimer))
    rig.settle()
    assert rig.replies[token].status == NvmeStatus.SUCCESS
    assert rig.block.globals.clock_us == 1_000


def test_duplicate_qid_still_in_use_is_refused(rig):
    host = HostRig(rig)
    connection, thread = host._open()
    reply = host.connect(connection, thread, 1, host.cntlid)
    assert reply.status == NvmeStatus.INVALID_QUEUE_IDENTIFIER == 0x101


@pytest.mark.parametrize("handler", ["nvmf.io", "nvmf.admin"])
def test_command_on_a_queue_that_is_not_connected_is_a_sequence_error(rig, handler):
    host = HostRig(rig)
    connection, thread = host._open()
    args = (1, int(Opcode.READ), 1, 0, 1, 0, b"", b"") if handler == "nvmf.io" else (1, 0x18, 0, 0)
    token = rig.send(thread - 1, connection, thread, handler, connection, *args)
    assert host.finish(token).status == NvmeStatus.COMMAND_SEQUENCE_ERROR == 0x00C
    assert host.connect(connection, thread, 2, host.cntlid).status == NvmeStatus.SUCCESS


def test_disconnect_waits_for_outstanding_io_and_a_write_lands_after_it(rig):
    host = HostRig(rig)
    write = host.write(3, b"ghost")
    rig.settle(hold=is_io)
    host.disconnect()
    rig.settle(hold=is_io)
    destroyed = {event.args[0] for event in rig.named("nvmf.qpair_destroyed")}
    assert host.queue not in destroyed
    rig.settle()
    assert write not in rig.replies
    assert bytes(rig.driver.disks[0].data[3 * 512 : 4 * 512]) == fill(b"ghost")
    assert {event.args[0] for event in rig.named("nvmf.qpair_destroyed")} == {
        host.queue,
        host.admin,
    }
    assert not [row for row in rig.census() if row[0] in ("qpair", "controller", "controller id")]


def test_controller_without_admin_queue_ends_its_other_queues(rig):
    host = HostRig(rig)
    rig.send(host.admin_thread - 1, host.admin, host.admin_thread, "nvmf.disconnect", host.admin)
    rig.settle()
    assert {event.args[0] for event in rig.named("nvmf.qpair_destroyed")} == {
        host.queue,
        host.admin,
    }


@pytest.mark.parametrize("seed", range(30))
def test_admin_queue_that_goes_while_an_io_queue_connects_leaves_nothing_behind(seed):
    rig = Rig(seed=seed)
    rig.configure()
    host = HostRig(rig)
    connection, thread = host._open()
    rig.send(thread - 1, connection, thread, "nvmf.connect", connection, 2, host.cntlid, 0, 0)
    host.disconnect()
    rig.send(thread - 1, connection, thread, "nvmf.disconnect", connection)
    rig.settle()
    assert rig.crash is None
    assert not [row for row in rig.census() if row[0] in ("qpair", "controller", "controller id")]


def test_paused_subsystem_queues_connects_and_io_until_the_resume(rig):
    host = HostRig(rig)
    late = host.read(0)
    rig.settle(hold=is_io)
    removal = rig.rpc("nvmf_subsystem_remove_ns", 1)
    rig.settle(hold=is_io)  # the pause waits for the read
    queued = host.read(1)
    rig.settle(hold=is_io)
    assert queued not in rig.replies
    rig.settle()
    assert rig.replies[late].status == 0
    assert rig.replies[removal].status == 0
    assert rig.replies[queued].status == INVALID_NAMESPACE


def test_io_of_other_namespaces_keeps_flowing_during_a_pause(rig):
    added = rig.send(0, OPERATOR, 0, "namespaces.add", 2, SPARE)
    rig.settle()
    assert rig.replies[added].status == 0
    host = HostRig(rig)
    late = host.read(0)
    rig.settle(hold=is_io)
    removal = rig.rpc("nvmf_subsystem_remove_ns", 1)
    rig.settle(hold=is_io)  # the pause waits for the read
    queued = host.read(1)
    other = host.io(Opcode.WRITE, 4, 1, fill(b"other"), nsid=2)
    rig.settle(hold=lambda step: is_io(step) and step.disk != SPARE)
    assert rig.replies[other].status == NvmeStatus.SUCCESS
    assert bytes(rig.driver.disks[SPARE].data[4 * 512 : 5 * 512]) == fill(b"other")
    assert not {late, queued, removal} & set(rig.replies)
    rig.settle()
    assert rig.replies[late].status == rig.replies[removal].status == 0
    assert rig.replies[queued].status == INVALID_NAMESPACE
    assert host.finish(host.io(Opcode.READ, 4, nsid=2)).data == fill(b"other")
    gone = rig.rpc("nvmf_subsystem_remove_ns", 2)
    rig.settle()
    assert rig.replies[gone].status == 0


@pytest.mark.parametrize("seed", range(30))
def test_connection_closed_while_its_connect_is_queued_by_a_pause(seed):
    rig = Rig(seed=seed)
    rig.configure()
    host = HostRig(rig)
    connection, thread = host._open()
    rig.rpc("nvmf_subsystem_remove_ns", 1)
    rig.send(thread - 1, connection, thread, "nvmf.connect", connection, 0, 0, 5, 0)
    rig.send(thread - 1, connection, thread, "nvmf.disconnect", connection)
    rig.rpc("nvmf_subsystem_add_ns", 1)
    rig.settle()
    assert rig.crash is None
    assert connection in {event.args[0] for event in rig.named("nvmf.qpair_destroyed")}
    host.disconnect()
    rig.settle()
    assert not [row for row in rig.census() if row[0] in ("qpair", "controller", "controller id")]


def test_changes_of_namespaces_queue_up(rig):
    tokens = [
        rig.rpc("nvmf_subsystem_remove_ns", 1),
        rig.rpc("nvmf_subsystem_add_ns", 1),
        rig.rpc("nvmf_subsystem_add_ns", 1),
    ]
    rig.settle()
    assert [rig.replies[token].status for token in tokens] == [0, 0, -17]


def test_poll_group_born_during_a_pause_serves_after_the_resume():
    rig = Rig()
    rig.configure(groups=2)
    rig.rpc("nvmf_subsystem_remove_ns", 1)
    rig.settle(hold=is_delivery_to(2))
    token = rig.rpc("nvmf_create_poll_group", 2)
    rig.settle(hold=is_delivery_to(2))
    rig.settle()
    assert rig.replies[token].status == 0
    assert not [row for row in rig.census() if "raid0" in row[1] and row[0] == "channel"]
    assert rig.call("nvmf_subsystem_add_ns", 1) == 0
    assert len(rig.thread(2).channels[0].namespaces) == 1
