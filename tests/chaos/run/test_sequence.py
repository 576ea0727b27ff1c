"""Sequences carried out: judged by the history of the run, not by what the actor says."""

import pytest

from chaos.drivers.lockstep import LockstepDriver
from chaos.drivers.processes import Limits, Processes
from chaos.drivers.sim import SimDriver
from chaos.experiment import Act, Experiment, Fault, Operation, validate
from chaos.judging.judge import judge
from chaos.plan.plan import resolve
from chaos.plan.sequence import AFTERMATH, CHAOS_PHASES_MAX
from chaos.run.controller import Controller
from chaos.steps.history import EngineEvent, Invoked
from chaos.steps.schedule import Impair, Inject, Kill, Mark, Operate, PowerLoss, Stall
from tests.chaos.plan.test_sequence import AGAIN, KILL, PULL, PULLED_TWICE

SEEDS = 30
EVENTS = ("rebuild.started", "rebuild.window_done", "rebuild.finished", "raid.member_removed")


def explored(experiment, seed):
    execution = Controller(resolve(experiment, seed), SimDriver(), ()).explore(seed)
    assert not judge(execution)
    return execution


def experiment_of(*acts, **fields):
    return validate(Experiment(name="mine", sequence=acts, **fields))


def story(execution):
    """Return what happened in the chaos: (what, disk or argument, number of the step)."""
    found = []
    for entry in execution.history:
        if isinstance(entry, EngineEvent) and entry.event.name in EVENTS:
            found.append((entry.event.name, entry.event.args, entry.number))
        elif isinstance(entry, Invoked):
            step, number = entry.step, entry.number
            match step:
                case Inject():
                    found.append((step.fault, step.disk, number))
                case Kill() | PowerLoss() | Stall():
                    found.append((type(step).__name__, None, number))
                case Impair():
                    found.append((step.fault, step.host, number))
                case Operate():
                    found.append((step.method, step.args, number))
                case Mark() if step.phase == "heal":
                    return found
                case _:
                    pass
    return found


def names(execution, *wanted):
    return [(what, about) for what, about, _ in story(execution) if what in wanted]


def heal_of(execution):
    """Return the step that ends the chaos."""
    return next(
        entry.number
        for entry in execution.history
        if isinstance(entry, Invoked) and entry.step == Mark("heal")
    )


def through(experiment, seeds=SEEDS):
    """Return the runs whose sequence came to its end."""
    executions = [explored(experiment, seed) for seed in range(seeds)]
    return [one for one in executions if one.outcome.is_through]


def test_disk_is_pulled_twice_and_the_target_killed_in_the_second_rebuild():
    runs = through(PULLED_TWICE)
    assert len(runs) >= 0.8 * SEEDS
    for execution in runs:
        order = names(execution, "disk_pull", "disk_return_stale", "Kill")
        assert sorted(order[:-1]) == [("disk_pull", 1)] * 2 + [("disk_return_stale", 1)] * 2
        assert order[-1][0] == "Kill"
        begun, progress = 0, None
        for what, about, _ in story(execution):
            if what == "rebuild.started":
                begun, progress = begun + 1, 0
                assert about[1] == 1
            elif what == "rebuild.window_done":
                progress = 1_000 * about[0] // about[1]
            elif what == "rebuild.finished":
                progress = None
            elif what == "Kill":
                break
        assert begun == 2
        assert progress is not None
        assert 200 <= progress <= 600


def test_sequence_of_a_seed_is_repeatable():
    first, second = explored(PULLED_TWICE, 5), explored(PULLED_TWICE, 5)
    assert first.fingerprint == second.fingerprint
    assert first.outcome == second.outcome


@pytest.mark.processes
def test_sequence_is_the_same_in_processes():
    driver = LockstepDriver(Processes(Limits(3, 3, 100)))
    try:
        for seed in range(5):
            found = Controller(resolve(PULLED_TWICE, seed), driver, ()).explore(seed)
            assert found.fingerprint == explored(PULLED_TWICE, seed).fingerprint
    finally:
        driver.close()


def test_stage_is_steps_after_the_event():
    kill = Act(kind="target_kill", after="rebuild.started", stage=7)
    runs = through(experiment_of(PULL, kill), seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        started = next(number for what, _, number in story(execution) if what == "rebuild.started")
        killed = next(number for what, _, number in story(execution) if what == "Kill")
        assert killed == started + 8  # seven steps lie between the two


def test_stage_without_an_event_is_steps_after_the_item_before():
    pull = Act(kind="disk_pull", returns="as it was")
    runs = through(experiment_of(pull, Act(kind="target_kill", stage=5)), seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        pulled = next(number for what, _, number in story(execution) if what == "disk_pull")
        killed = next(number for what, _, number in story(execution) if what == "Kill")
        assert killed == pulled + 6


def test_occurrence_is_counted_from_the_item_before():
    wait = Act(kind="wait", after="rebuild.started", stage=0)
    kill = Act(kind="target_kill", after="rebuild.window_done", occurrence=2, stage=0)
    runs = through(experiment_of(PULL, wait, kill, window_blocks=4), seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        before_kill = []
        for what, *_ in story(execution):
            if what == "Kill":
                break
            before_kill.append(what)
        since = before_kill[before_kill.index("rebuild.started") :]
        assert since.count("rebuild.window_done") == 2


def test_item_before_is_an_event_of_the_next_one():
    kill = Act(kind="target_kill", after="disk_pull", stage=0)
    for execution in through(experiment_of(PULL, kill), seeds=10):
        numbers = {what: number for what, _, number in story(execution)}
        assert numbers["Kill"] <= numbers["disk_pull"] + 2


def test_item_without_a_condition_comes_after_its_drawn_time():
    for execution in through(experiment_of(Act(kind="reactor_stall"), hosts=3), seeds=10):
        (act,) = execution.plan.sequence
        begun = next(
            entry.number
            for entry in execution.history
            if isinstance(entry, Invoked) and entry.step == Mark("chaos")
        )
        number = next(number for what, _, number in story(execution) if what == "Stall")
        assert number >= begun + act.wait * execution.plan.steps // 1_000


def test_heal_is_an_event():
    kill = Act(kind="target_kill", after="disk_return", stage=0)
    pull = Act(kind="disk_pull", returns="as it was")
    cut = Act(kind="network_cut", lasting=20)
    after_cut = Act(kind="reactor_stall", after="network_heal", stage=0)
    for acts, heal, end in (
        ((pull, kill), "disk_return", "Kill"),
        ((cut, after_cut), "network_heal", "Stall"),
    ):
        runs = through(experiment_of(*acts), seeds=10)
        assert len(runs) >= 8
        for execution in runs:
            numbers = {what: number for what, _, number in reversed(story(execution))}
            assert numbers[end] == numbers[heal] + 1


def test_share_of_the_run_is_waited_for():
    stall = Act(kind="reactor_stall", between=(700, 800))
    for execution in through(experiment_of(stall), seeds=10):
        number = next(number for what, _, number in story(execution) if what == "Stall")
        assert number >= 0.7 * execution.plan.steps


def test_point_of_a_rebuild_is_not_passed_by():
    """Ask at once when a rebuild begins or has come further: a turn of the outside may come too late."""
    kill = Act(kind="target_kill", rebuild=1, between=(0, 0))
    runs = through(experiment_of(PULL, kill, spares=0), seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        started = next(number for what, _, number in story(execution) if what == "rebuild.started")
        killed = next(number for what, _, number in story(execution) if what == "Kill")
        assert killed == started + 1


def test_item_that_has_missed_its_part_of_a_rebuild_waits_for_the_next_one():
    wait = Act(kind="wait", rebuild=1, between=(700, 1_000))
    kill = Act(kind="target_kill", rebuild=1, between=(0, 100))
    missed = 0
    for seed in range(10):
        execution = explored(experiment_of(PULL, wait, kill, spares=0, window_blocks=4), seed)
        rebuilds = []
        for what, *_ in story(execution):
            if what == "Kill":
                assert len(rebuilds) > 1
                break
            rebuilds += [what] if what == "rebuild.started" else []
        missed += execution.outcome.came == 2
    assert missed


def test_heal_waits_for_its_event():
    hang = Act(kind="disk_hang", disk=0, until="network_cut")
    runs = through(experiment_of(hang, Act(kind="network_cut", between=(300, 400))), seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        order = [what for what, _ in names(execution, "disk_hang", "network_cut", "disk_heal")]
        assert order[:3] == ["disk_hang", "network_cut", "disk_heal"]


def test_other_faults_of_disks_and_of_the_target_wait_until_it_is_through():
    faults = (Fault(kind="target_kill"), Fault(kind="disk_failure"), Fault(kind="host_slow"))
    operations = (Operation(kind="member_removal"),)
    runs = through(experiment_of(PULL, AGAIN, faults=faults, operations=operations))
    assert len(runs) >= 0.8 * SEEDS
    came = set()
    for execution in runs:
        whats = [what for what, _, _ in story(execution)]
        last = whats.index("disk_return_stale", whats.index("disk_return_stale") + 1)
        assert not {"Kill", "disk_failure"} & set(whats[:last])
        came |= set(whats[last:])
    assert {"Kill", "disk_failure"} <= came  # they are put off, not left out


def test_chaos_lasts_until_the_sequence_is_through_and_a_while_longer():
    runs = through(PULLED_TWICE, seeds=10)
    lasted = 0
    for execution in runs:
        killed = next(number for what, _, number in story(execution) if what == "Kill")
        lasted += heal_of(execution) - killed >= AFTERMATH * execution.plan.steps // 1_000
    assert lasted >= len(runs) // 2  # time that nothing happens in passes without steps


def test_sequence_that_is_stuck_is_bounded_and_not_counted():
    """Wait for something that comes, but never so often."""
    grown = Act(kind="disk_grow", after="disk_pull", occurrence=1)
    kill = Act(kind="target_kill", after="raid.grown", occurrence=900)
    execution = explored(experiment_of(PULL, grown, kill, grow_blocks=8, steps=300), 1)
    assert execution.outcome.came == 2
    assert execution.outcome.items == 3
    assert not execution.outcome.is_through
    assert heal_of(execution) <= (CHAOS_PHASES_MAX + 1) * 300
    assert execution.settled


def test_never_came_counts_what_the_chaos_did_not_bring():
    faults = (
        Fault(kind="target_kill", anchor="rebuild"),
        Fault(kind="host_slow", between=(0, 100)),
    )
    execution = explored(Experiment(name="mine", faults=faults), 1)
    assert execution.outcome.planned == {"host_slow": 1, "target_kill": 1}
    assert execution.outcome.never_came == {"target_kill": 1}
    assert execution.outcome.items == 0


def test_killed_target_does_not_end_a_sequence():
    pull = Act(kind="disk_pull", disk=1, returns="as it was")
    again = Act(kind="disk_pull", disk="same", returns="as it was")
    kill = Act(kind="target_kill", stage=0)
    runs = through(experiment_of(pull, kill, Act(kind="power_loss"), again, superblock_share=100))
    assert len(runs) >= 0.6 * SEEDS
    for execution in runs:
        order = [what for what, _ in names(execution, "disk_pull", "Kill", "PowerLoss")]
        assert order == ["disk_pull", "Kill", "PowerLoss", "disk_pull"]


def test_default_experiment_has_no_sequence():
    execution = explored(Experiment(name="plain"), 1)
    assert execution.plan.chaos_permille_max == 1_000
    assert not execution.outcome.is_through
    assert KILL not in execution.plan.sequence
