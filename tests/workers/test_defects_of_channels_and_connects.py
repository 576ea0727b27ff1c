"""The holes that defects around resets, channel creation and connects reopen, each by its own order of steps."""

import pytest

from tests.rig import HostRig, Rig, is_delivery_to
from workers.bdev.bdev import ZERO_BUFFER_BLOCKS
from workers.defects.loader import read_defect
from workers.nvmf.status import AdminOpcode, NvmeStatus, Opcode
from workers.protocol import OPERATOR, Deliver, EngineStep, FinishIo


def rigs(defect: str) -> tuple[Rig, Rig]:
    """Configure rigs, clean and with the defect."""
    both = Rig(), Rig(defects=(read_defect(defect),))
    for rig in both:
        rig.configure()
    return both


def is_disk_io(step: EngineStep) -> bool:
    return isinstance(step, FinishIo)


def connect(rig: Rig, connection: int, thread: int, cntlid: int) -> int:
    """Send the Connect of an I/O queue; return its token."""
    args = (connection, 2, cntlid, 0, 0)
    return rig.send(thread - 1, connection, thread, "nvmf.connect", *args)


def second_reset_while_channels_thaw(rig: Rig) -> None:
    record = rig.block.bdevs[0]
    first = rig.rpc("bdev_reset", 0)
    rig.run_until(lambda: record.is_resetting == 1)
    rig.run_until(lambda: record.is_resetting == 0)
    second = rig.rpc("bdev_reset", 0)
    # Before the iteration comes to the channel of the app thread.
    rig.take(Deliver(0, OPERATOR, 0))
    rig.run_until(lambda: first in rig.replies and second in rig.replies)


def test_reset_that_starts_while_another_one_completes():
    clean, defective = rigs("reset-start-vs-complete")
    second_reset_while_channels_thaw(clean)
    assert clean.crash is None
    second_reset_while_channels_thaw(defective)
    assert "a reset that has completed already" in defective.crash


def channel_born_without_its_target(rig: Rig) -> int:
    """Return the references to raid1's own device on the new poll group's thread, after the array is detached again."""
    rig.call("nvmf_subsystem_remove_ns", 1)
    rig.call("bdev_raid_remove_base_bdev", 1)
    rig.call("bdev_raid_add_base_bdev", 2)
    rig.run_until(lambda: bool(rig.named("rebuild.window_done")))
    rig.driver.disks[2].header.channel_failures = 1
    attached = rig.rpc("nvmf_subsystem_add_ns", 1)
    rig.run_until(lambda: attached in rig.replies, hold=is_disk_io)
    assert rig.named("disk.channel_failed")
    assert not rig.named("rebuild.finished")
    rig.settle()
    rig.call("nvmf_subsystem_remove_ns", 1)
    rig.settle()
    return sum(count for _, owner, count in rig.census() if owner.startswith("raid0 (raid1) on"))


def test_channel_that_cannot_join_a_rebuild_gives_the_module_channel_back():
    clean, defective = rigs("create-error-leaks-module-channel")
    assert channel_born_without_its_target(clean) == 0
    assert channel_born_without_its_target(defective) == 1


def connect_given_up_during_a_pause(rig: Rig) -> None:
    host = HostRig(rig)
    connection, thread = host._open()
    change = rig.rpc("nvmf_subsystem_remove_ns", 1)
    group = rig.thread(thread - 1).channels[rig.reactor(0).services.nvmf.key]
    rig.run_until(lambda: group.paused == 1)
    connect(rig, connection, thread, host.cntlid)
    rig.send(thread - 1, connection, thread, "nvmf.disconnect", connection)
    for _ in range(2):
        rig.take(Deliver(thread - 1, connection, thread))
    rig.run_until(lambda: change in rig.replies)


def test_connect_that_waits_for_a_resume_goes_with_its_connection():
    clean, defective = rigs("queued-connect-dangles")
    connect_given_up_during_a_pause(clean)
    assert clean.crash is None
    connect_given_up_during_a_pause(defective)
    assert "freed qpair" in defective.crash


def io_queue_connects_while_its_host_leaves(rig: Rig) -> int:
    """Return the token of the Connect."""
    host = HostRig(rig)
    connection, thread = host._open()
    token = connect(rig, connection, thread, host.cntlid)
    rig.take(Deliver(thread - 1, connection, thread))
    answer_of_the_subsystem = Deliver(thread - 1, 0, thread)
    hold = is_delivery_to(thread)
    rig.run_until(lambda: answer_of_the_subsystem in rig.pending(), hold=hold)
    host.disconnect()
    rig.run_until(lambda: len(rig.named("nvmf.qpair_destroyed")) == 2, hold=hold)
    rig.run_until(lambda: token in rig.replies)
    return token


def test_io_queue_that_connects_while_its_host_leaves_is_refused():
    clean, defective = rigs("io-queue-connect-races")
    token = io_queue_connects_while_its_host_leaves(clean)
    assert clean.replies[token].status == NvmeStatus.CONNECT_INVALID_PARAMETERS
    io_queue_connects_while_its_host_leaves(defective)
    assert "was freed while" in defective.crash


def member_removed_under(rig: Rig, *io: int) -> list[int]:
    """Return the removal and the command, if they end; the command is on a member when the removal comes."""
    host = HostRig(rig)
    token = host.io(*io)
    rig.settle(hold=is_disk_io)
    removal = rig.rpc("bdev_raid_remove_base_bdev", 0)
    rig.settle(hold=is_disk_io)
    assert removal not in rig.replies
    if rig.crash is None:
        rig.settle()
    return [ended for ended in (token, removal) if ended in rig.replies]


def test_read_under_way_when_the_array_is_quiesced():
    clean, defective = rigs("quiesce-ignores-reads")
    assert len(member_removed_under(clean, Opcode.READ, 0, 1)) == 2
    member_removed_under(defective, Opcode.READ, 0, 1)
    assert "is destroyed while I/O is submitted" in defective.crash


def test_request_in_parts_under_way_when_the_array_is_quiesced():
    clean, defective = rigs("range-lock-vs-split-child")
    in_two_parts = (Opcode.WRITE_ZEROES, 0, 2 * ZERO_BUFFER_BLOCKS)
    assert len(member_removed_under(clean, *in_two_parts)) == 2
    assert member_removed_under(defective, *in_two_parts) == []


def is_visited_and_gone(rig: Rig) -> bool:
    """Return whether a change of the namespaces is answered that was sent to a thread at its exit."""
    visit = Deliver(2, 2, 3)
    change = rig.rpc("nvmf_subsystem_remove_ns", 1)
    rig.run_until(lambda: visit in rig.pending())
    destroyed = rig.rpc("nvmf_destroy_poll_group", 2)
    rig.run_until(lambda: destroyed in rig.replies, hold=lambda step: step == visit)
    rig.settle()
    return change in rig.replies


def test_iteration_goes_on_when_the_thread_it_was_sent_to_exits():
    clean, defective = rigs("iteration-vs-exit-or-recreate")
    assert is_visited_and_gone(clean)
    assert not is_visited_and_gone(defective)


def event_request_after_an_event(rig: Rig) -> None:
    host = HostRig(rig)
    assert rig.call("nvmf_subsystem_remove_ns", 1) == 0
    rig.settle()
    answered = host.command(AdminOpcode.ASYNC_EVENT_REQUEST)
    rig.run_until(lambda: answered in rig.replies)


def event_request_replayed_on_a_leaving_qpair(rig: Rig) -> None:
    host = HostRig(rig)
    thread = host.admin_thread
    change = rig.rpc("nvmf_subsystem_remove_ns", 1)
    group = rig.thread(thread - 1).channels[rig.reactor(0).services.nvmf.key]
    rig.run_until(lambda: group.paused == 1)
    host.command(AdminOpcode.ASYNC_EVENT_REQUEST)
    rig.send(thread - 1, host.admin, thread, "nvmf.disconnect", host.admin)
    for _ in range(2):
        rig.take(Deliver(thread - 1, host.admin, thread))
    own = Deliver(thread - 1, thread, thread)
    rig.run_until(lambda: group.paused == 0, hold=lambda step: step == own)
    rig.run_until(lambda: change in rig.replies)
    rig.settle()


@pytest.mark.parametrize(
    ("before", "answered"),
    [
        (event_request_after_an_event, (True, True)),
        (event_request_replayed_on_a_leaving_qpair, (True, False)),
    ],
)
def test_event_request_that_ends_early_holds_no_pause_up(before, answered):
    for rig, is_answered in zip(rigs("aer-accounting-blocks-pause"), answered, strict=True):
        before(rig)
        change = rig.rpc("nvmf_subsystem_add_ns", 1)
        rig.settle()
        assert (change in rig.replies) is is_answered
