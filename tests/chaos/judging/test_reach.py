"""Counts match their names: a fault counts when it has taken effect."""

from collections import Counter

from chaos.drivers.sim import SimDriver
from chaos.judging.reach.count import count_reach
from chaos.judging.reach.states import count_states
from chaos.judging.reach.visible import gates_for
from chaos.plan.plan import resolve
from chaos.plan.target_id import TargetId
from chaos.run.controller import Controller
from chaos.steps.history import Completed, EngineEvent, Invoked, Undelivered
from chaos.steps.schedule import (
    Connect,
    Deliver,
    FinishIo,
    Impair,
    Inject,
    Kill,
    Open,
    Operate,
    PowerLoss,
    Read,
    Stall,
    WriteZeroes,
)
from experiments.catalog import EXPERIMENTS
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType
from workers.protocol import Event, Layout

SEEDS = 400
ADMIN, QUEUE = 100, 101
CNTLID = 7


def emitted(name, *args):
    return EngineEvent(1, Event(name, 0, args))


def took(step):
    return Invoked(1, step)


def answered(op, status=0, value=0):
    return Completed(1, op, status, value, [])


LAYOUT = Layout(2, 4, 72, 8)
CONNECTED = [
    took(Open(1, 0, ADMIN)),
    answered(1),
    took(Connect(2, 0, ADMIN, 1, 0, 0, 100)),
    answered(2, value=CNTLID),
    took(Open(3, 0, QUEUE)),
    answered(3),
]


def count(name, *history):
    return count_reach(list(history), LAYOUT)[name]


# Hosts.


def test_host_that_vanished_counts_when_its_own_controller_misses_it():
    vanished = [*CONNECTED, took(Impair(9, "host_vanish", 0))]
    assert count("hosts_vanished", *vanished) == 0
    assert count("hosts_vanished", *vanished, emitted("nvmf.keep_alive_expired", 8, 0)) == 0
    assert count("hosts_vanished", *vanished, emitted("nvmf.keep_alive_expired", CNTLID, 0)) == 1
    restarted = [*vanished, took(Kill(10, ())), emitted("nvmf.keep_alive_expired", CNTLID, 0)]
    assert count("hosts_vanished", *restarted) == 0


def test_cut_network_counts_once_when_an_answer_is_lost_in_it_or_a_keep_alive():
    cut = [*CONNECTED, took(Read(4, 0, QUEUE, 1, 0, 1)), took(Impair(9, "network_cut", 0))]
    assert count("network_cuts", *cut) == 0
    assert count("network_cuts", *cut, answered(4)) == 0
    assert count("network_cuts", *cut, Undelivered(1, 4)) == 1
    both = [*cut, Undelivered(1, 4), emitted("nvmf.keep_alive_expired", CNTLID, 0)]
    assert count("network_cuts", *both) == 1
    vanished = [*CONNECTED, took(Read(4, 0, QUEUE, 1, 0, 1)), took(Impair(9, "host_vanish", 0))]
    assert count("network_cuts", *vanished, Undelivered(1, 4)) == 0


def test_slow_host_counts_when_it_lets_an_answer_wait():
    slow = [*CONNECTED, took(Read(4, 0, QUEUE, 1, 0, 1)), took(Impair(9, "host_slow", 0))]
    assert count("hosts_slow", *slow) == 0
    assert count("hosts_slow", *slow, took(Impair(10, "host_ready", 0)), answered(4)) == 0
    assert count("hosts_slow", *slow, answered(4)) == 1
    assert count("hosts_slow", *slow, emitted("nvmf.keep_alive_expired", CNTLID, 0)) == 1


def test_only_management_commands_count_as_queued_connects():
    io = [emitted("nvmf.pausing", 1), emitted("nvmf.io_queued", 1)]
    assert count("connects_queued", *io) == 0
    assert count("ios_queued", *io) == 1
    assert "connect.queued" not in count_states(io)
    management = [emitted("nvmf.pausing", 1), emitted("nvmf.command_queued")]
    assert count("connects_queued", *management) == 1
    assert count_states(management)["connect.queued"] == 1


# Disks, reactors, the array.


def test_disk_has_returned_when_the_target_has_it():
    returned = [took(Inject(1, "disk_return_stale", 2, ()))]
    assert count("disks_returned_stale", *returned) == 0
    assert count("disks_returned_stale", *returned, emitted("bdev.registered", 1)) == 0
    assert count("disks_returned_stale", *returned, emitted("bdev.registered", 2)) == 1
    pulled = [*returned, took(Inject(2, "disk_pull", 2, ())), emitted("bdev.registered", 2)]
    assert count("disks_returned_stale", *pulled) == 0


def test_late_disk_is_one_that_comes_when_the_array_is_online():
    arrival = [took(Inject(1, "disk_arrive", 2, ())), emitted("bdev.registered", 2)]
    assert count("disks_arrived", *arrival) == 1
    assert count("disks_late", *arrival) == 0
    assert count("disks_late", emitted("raid.assembled", 0, 1), *arrival) == 1


def test_stall_counts_when_a_step_of_the_reactor_is_passed_over():
    """Compare the observations with the schedule, in every recorded run with a stall."""
    driver, stalls, bitten = SimDriver(), 0, 0
    for seed in range(40):
        execution = Controller(resolve(EXPERIMENTS["swarm"], seed), driver, ()).explore(seed)
        for entry in execution.history:
            if isinstance(entry, Invoked) and isinstance(entry.step, Stall):
                stalls += 1
            elif isinstance(entry, EngineEvent) and entry.event.name == "reactor.held_up":
                bitten += 1
                taken = execution.schedule[entry.number]
                assert isinstance(taken, (Deliver, FinishIo)) or hasattr(taken, "deadline_us")
                assert taken.reactor != entry.event.args[0]
    assert 0 < bitten <= stalls
    assert count("reactor_stalls", took(Stall(1, 0, 20))) == 0


def test_add_is_refused_offline_between_the_last_member_s_removal_and_the_array_s_end():
    add = [took(Operate(5, "bdev_raid_add_base_bdev", (2,))), answered(5, -19)]
    gone = emitted("raid.last_member_removed")
    assert count("adds_refused_offline", *add) == 0
    assert count("requests_refused", *add) == 1
    assert count("adds_refused_offline", gone, *add) == 1
    assert count("adds_refused_offline", gone, emitted("raid.deleted"), *add) == 0


def test_array_is_assembled_whole_with_two_members_or_more_and_all_that_were_waited_for():
    one = [emitted("raid.configuring", 7, 1), emitted("raid.assembled", 0)]
    two = [emitted("raid.configuring", 7, 2), emitted("raid.assembled", 0, 1)]
    three = [emitted("raid.configuring", 7, 3), emitted("raid.assembled", 0, 1)]
    assert [count("arrays_assembled_whole", *h) for h in (one, two, three)] == [0, 1, 0]


def test_arrays_are_often_assembled_whole_and_sometimes_not():
    driver, total = SimDriver(), Counter()
    for seed in range(60):
        plan = resolve(EXPERIMENTS["restart-from-superblock"], seed)
        total.update(count_reach(Controller(plan, driver, ()).explore(seed).history, plan.layout))
    assert total["arrays_assembled_whole"] * 5 > total["arrays_assembled"]
    assert total["arrays_started_degraded"] > 5
    assert total["disks_late"] > 20


def test_kinds_of_an_error_bdev_count_apart():
    history = [emitted("bdev.error_injected", 0, int(kind), int(IoType.READ)) for kind in ErrorType]
    for name in ("error_bdev_failures", "error_bdev_holds", "error_bdev_refusals"):
        assert count(name, *history) == 1
    assert count("error_bdev_effective", *history) == 3


def test_what_a_write_zeroes_becomes_counts_as_one_that_straddles():
    write = emitted("raid.straddled", int(IoType.WRITE), 4, 8, 6)
    assert count("writes_straddling", write) == 1
    assert count("write_zeroes_straddling", took(WriteZeroes(1, 0, QUEUE, 1, 3, 6)), write) == 1
    assert count("unmaps_straddling", emitted("raid.straddled", int(IoType.UNMAP), 4, 8, 6)) == 1


def test_write_is_torn_by_a_power_loss_that_takes_some_of_its_blocks_only():
    driver = SimDriver()
    for seed in range(SEEDS):
        execution = Controller(resolve(EXPERIMENTS["power-loss"], seed), driver, ()).explore(seed)
        torn = [
            entry
            for entry in execution.history
            if isinstance(entry, EngineEvent) and entry.event.name == "disk.write_torn"
        ]
        if torn:
            disk, op = torn[0].event.args
            losses = [step for step in execution.schedule if isinstance(step, PowerLoss)]
            (written,) = [step for step in execution.schedule if getattr(step, "op", 0) == op]
            first = written.slba + execution.plan.data_offset
            blocks = range(first, first + written.blocks)
            assert any(
                0 < sum(block in loss.lost[disk] for block in blocks) < written.blocks
                for loss in losses
            )
            return
    raise AssertionError("no write was torn")


def test_gates_that_a_target_in_c_can_t_reach_are_left_out():
    gates = {"reads": 1, "flushes": 1, "unmaps_in_rebuild": 1, "commands_aborted": 1}
    assert gates_for(gates, None) == gates
    target = TargetId(kind="spdk", path="x", name="x", version="1", capabilities={"unmap": True})
    assert gates_for(gates, target) == {"reads": 1, "unmaps_in_rebuild": 1}
