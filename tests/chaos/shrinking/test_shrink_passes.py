"""The proposals of single passes of the shrinker, and their replays."""

from types import SimpleNamespace

import msgspec
import pytest

from chaos.drivers.free_replay import WatchedDriver
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.experiment import Experiment, validate
from chaos.plan.plan import fits, resolve
from chaos.plan.sequence import Act
from chaos.run.controller import Controller
from chaos.scripts.player import LEFT_OUT, Player
from chaos.shrinking.gap_passes import rest_between
from chaos.shrinking.hang_up import hang_up
from chaos.shrinking.lateness import as_delays
from chaos.shrinking.minimal import minimize, narrowed
from chaos.shrinking.passes import first_case
from chaos.shrinking.shrinker import Attempt, Case, Shrinker
from chaos.shrinking.simplify import simpler_plans, simpler_steps
from chaos.shrinking.simplify_disks import with_fewer_disks, with_nothing_on_disks
from chaos.steps.history import Completed
from chaos.steps.schedule import (
    ENGINE_STEPS,
    Admin,
    Connect,
    Deliver,
    Disconnect,
    FireTimer,
    Flush,
    Inject,
    Kill,
    Late,
    Mark,
    Open,
    Operate,
    Read,
    Rest,
)
from chaos.store.capsule import Capsule, capsule_defect
from chaos.store.version import tool_version
from experiments.catalog import EXPERIMENTS
from tests.chaos.plan.test_sequence import PULLED_TWICE
from workers.bdev.stack import disk_of
from workers.nvmf.status import AdminOpcode
from workers.protocol import FIRST_CONNECTION, DefectSource

SWARM = EXPERIMENTS["swarm"]
SET_UP = (
    Operate(2, "framework_start_init", (0, 1, 2)),
    Rest(),
    Operate(3, "bdev_raid_create", (0, 1, 0, 1)),
    Rest(),
    Operate(4, "nvmf_create_poll_group", (0,)),
    Rest(),
    Open(5, 0, FIRST_CONNECTION),
    Rest(),
    Connect(6, 0, FIRST_CONNECTION, 1, 0, 0, 7285),
)


class Accepting:
    """A shrinker in which every candidate with this property fails."""

    def __init__(self, is_failing):
        self.is_failing = is_failing

    def attempt(self, case, patience=0):
        return SimpleNamespace(case=case) if self.is_failing(case) else None


def always(_case):
    return True


def never(_case):
    return False


def parting_of(item):
    """Return the host that hangs up there."""
    return item.host if isinstance(item, Disconnect) else None


def case_of(*script):
    return Case(resolve(SWARM, 0), script, True)


def first_hang(sources, first):
    """Return the first seed of swarm from this one on that hangs with these defects: seed, plan, execution."""
    for seed in range(first, first + 400):
        plan = resolve(SWARM, seed)
        execution = Controller(plan, SimDriver(), sources).explore(seed)
        if [finding.check for finding in judge(execution)][:1] == ["liveness"]:
            return seed, plan, execution
    raise AssertionError(f"no hang in 400 seeds from {first} on")


def test_hang_of_a_run_too_short_to_finish_is_no_failure_of_the_defect():
    sources = (DefectSource("iteration-vs-exit-or-recreate"),)
    _, plan, execution = first_hang(sources, 1_972)
    shrinker = Shrinker(judge(execution)[0], sources, (), lambda: False)
    first = first_case(shrinker, plan, execution.schedule)
    for settle_steps, is_taken in ((5, False), (40, True)):
        less = msgspec.structs.replace(plan, settle_steps=settle_steps)
        case = msgspec.structs.replace(first.case, plan=less)
        assert shrinker.play(case, sources, 0) is not None
        assert (shrinker.attempt(case, 0) is not None) == is_taken, settle_steps


@pytest.mark.slow
def test_hang_among_keep_alives_shrinks_to_few_steps_without_any():
    sources = (DefectSource("aer-accounting-blocks-pause"),)
    seed, plan, execution = first_hang(sources, 299)
    capsule = Capsule(
        raidstorm_version=tool_version(),
        experiment=SWARM,
        seed=seed,
        driver="sim",
        plan=plan,
        schedule=execution.schedule,
        defects=[capsule_defect(source) for source in sources],
    )
    assert len(execution.schedule) > 1000
    small = minimize(capsule, (), lambda: False)
    assert small.finding.signature.startswith("liveness/stuck/nvmf_subsystem_")
    assert (small.outside, small.choices) <= (10, 6)
    script = small.capsule.script
    assert not any(
        isinstance(one, Admin) and one.opcode == AdminOpcode.KEEP_ALIVE for one in script
    )
    played = Player(small.capsule.plan, SimDriver(), ()).play(list(script), to_the_end=True)
    assert judge(played.execution) == []


def test_host_hangs_up_instead_of_a_timeout_where_that_saves_choices():
    other = Open(7, 1, FIRST_CONNECTION + 1)
    closed = Disconnect(8, 1, FIRST_CONNECTION + 1, 1)
    timers = [FireTimer(0, 1_000_000 * number, 1, number) for number in range(3)]
    case = case_of(*SET_UP, other, Rest(), closed, Rest(4), *timers, Rest())
    found = hang_up(Accepting(always), case)
    assert found.outside == case.outside + 1
    assert found.outside + found.choices < case.outside + case.choices
    partings = [item for item in found.script if isinstance(item, Disconnect)]
    assert [(one.host, one.connection) for one in partings] == [
        (1, FIRST_CONNECTION + 1),
        (0, FIRST_CONNECTION),
    ]
    assert not any(isinstance(item, FireTimer) for item in found.script)
    # A host that has left can't hang up again, and a further step has to save more than one choice.
    ends_twice = Accepting(lambda one: [parting_of(item) for item in one.script].count(1) > 1)
    assert hang_up(ends_twice, case) == case
    case = case_of(*SET_UP, Rest(4))
    assert hang_up(Accepting(always), case) == case
    assert hang_up(Accepting(never), found) == found


def test_what_stands_after_the_last_step_becomes_a_rest():
    case = case_of(*SET_UP, Late(FireTimer(0, 1, 1, 1), 0, 4), Rest(235))
    ends_so = Accepting(lambda one: one.script[-1] == Rest())
    assert rest_between(ends_so, case).script == (*SET_UP, Rest())
    ends_at_once = Accepting(lambda one: one.script[-1] == SET_UP[-1])
    assert rest_between(ends_at_once, case).script == SET_UP
    assert rest_between(Accepting(never), case) == case


def test_so_many_steps_and_then_so_many_are_one_item():
    case = case_of(Rest(2), Rest(3), Rest(), Rest(1), SET_UP[0], Rest(4), SET_UP[2], Rest(5))
    numbers = [1, 2, 3, 4, 5, 6, LEFT_OUT, 7]
    outcome = Attempt(case, None, None, [], numbers)
    bare = outcome.bare(with_holds=False)
    assert bare.script == (Rest(5), Rest(), Rest(1), SET_UP[0], Rest(9))


def test_time_passes_while_a_step_is_late():
    plan = resolve(EXPERIMENTS["swarm"], 0)
    command = Deliver(0, FIRST_CONNECTION, 1)
    script = [
        *SET_UP,
        Rest(),
        Late(command, 0, 3),
        Admin(7, 0, FIRST_CONNECTION, 1, AdminOpcode.IDENTIFY, 0, 0),
        Rest(5),
    ]
    played = Player(plan, SimDriver(), ()).play(script, to_the_end=False)
    steps = played.execution.schedule
    sent = next(number for number, step in enumerate(steps) if isinstance(step, Admin))
    came = steps.index(command, sent)
    assert [type(step) for step in steps[sent + 1 : came]] == [FireTimer] * 3
    # Nor does the script of a recording name any of them.
    script = as_delays(Controller(plan, SimDriver(), ()), steps, to_the_end=False)
    assert not any(isinstance(item, FireTimer) for item in script)


def test_timer_of_a_recording_takes_no_more_time_than_had_passed():
    def played(deadline_us):
        player = Player(resolve(SWARM, 0), SimDriver(), ())
        return player.play([*steps, FireTimer(0, deadline_us, 1, 99)], to_the_end=False, patience=0)

    player = Player(resolve(SWARM, 0), SimDriver(), ())
    run = player.play([*SET_UP, Rest(), Rest(1)], to_the_end=False).execution.schedule
    steps, timer = run[:-1], run[-1]
    assert isinstance(timer, FireTimer)
    assert played(timer.deadline_us).numbers[-1] == len(run)
    assert played(timer.deadline_us - 1).numbers[-1] == LEFT_OUT


def test_timers_of_a_free_run_may_fire_in_another_order_than_their_deadlines():
    plan = resolve(SWARM, 0)
    other = FIRST_CONNECTION + 1
    script = [
        *SET_UP,
        Rest(),
        Open(7, 1, other),
        Rest(),
        Connect(8, 1, other, 1, 0, 0, 3000),
        Rest(),
    ]
    steps = Player(plan, SimDriver(), ()).play(script, to_the_end=False).execution.schedule
    driver = WatchedDriver()
    controller = Controller(plan, driver, ())
    armed = []
    for step in steps:
        controller.take(step)
        armed += driver.outcome.armed if isinstance(step, ENGINE_STEPS) else []
    first, last = sorted(armed, key=lambda timer: timer.deadline_us)[0], armed[0]
    assert first != last
    for timer in (last, first):
        controller.take(timer)
    recorded = controller.execution_so_far().schedule
    played = Player(plan, SimDriver(), ()).play(list(recorded), to_the_end=False, patience=0)
    assert played.execution.schedule == recorded
    again = as_delays(Controller(plan, SimDriver(), ()), recorded, to_the_end=True)
    assert last in again
    played = Player(plan, SimDriver(), ()).play(list(again), to_the_end=False)
    assert played.execution.schedule[: len(recorded)] == recorded


def test_disks_that_come_late_are_there_at_the_start():
    start, again = Operate(2, "framework_start_init", (2,)), Operate(9, "framework_start_init", ())
    late = [Inject(number, "disk_arrive", disk, ()) for number, disk in ((3, 0), (10, 1), (11, 0))]
    case = case_of(start, late[0], Kill(8, ()), again, late[1], Rest(), late[2])
    scripts = [candidate.script for candidate in simpler_steps(case)]
    both = msgspec.structs.replace(again, args=(0, 1))
    first = msgspec.structs.replace(start, args=(0, 2))
    assert scripts[0] == (first, Kill(8, ()), both, Rest())
    assert scripts[1] == (first, *case.script[2:])
    assert scripts[2][3:] == (msgspec.structs.replace(again, args=(1,)), Rest(), late[2])


def test_what_is_done_to_several_blocks_is_done_to_one_and_in_front():
    def proposed(*script):
        plan = msgspec.structs.replace(resolve(SWARM, 0), superblock=False)
        return [one.script for one in simpler_steps(Case(plan, script, True))]

    bad = Inject(1, "bad_blocks", 0, (77, 80))
    slow = Inject(2, "disk_slow", 0, (9000,))
    read, flush = Read(3, 0, FIRST_CONNECTION, 1, 75, 5), Flush(4, 0, FIRST_CONNECTION, 1)
    other = Read(5, 0, FIRST_CONNECTION, 1, 70, 1)
    last = Read(6, 0, FIRST_CONNECTION, 1, 74, 2)
    scripts = proposed(bad, slow, read, flush, other, last)

    def moved(item, slba):
        return msgspec.structs.replace(item, slba=slba, blocks=1)

    on_75 = msgspec.structs.replace(bad, args=(75, 76))
    assert scripts[1] == (on_75, slow, moved(read, 75), flush, other, moved(last, 75))
    in_front = [getattr(item, "slba", None) for item in scripts[2]]
    assert in_front == [None, None, 5, None, 0, 4]
    assert scripts[2][0].args == (7, 10)
    # A case that is moved already is not proposed again, and a case without I/O has no blocks.
    assert moved(last, 0) in proposed(moved(last, 3))[0]
    assert proposed(bad) == []
    assert proposed(moved(last, 0)) == []


def outside_of(schedule):
    """Return the outside steps until all is healed, each with the target at rest."""
    heal = schedule.index(Mark("heal"))
    steps = [step for step in schedule[:heal] if not isinstance(step, (Mark, *ENGINE_STEPS))]
    return tuple(item for step in steps for item in (step, Rest()))


@pytest.mark.slow
@pytest.mark.parametrize("propose", [with_fewer_disks, with_nothing_on_disks])
def test_run_with_fewer_disks_or_bare_ones_is_a_fair_one(propose):
    """Play the smaller case on the reference engine, which passes it with its array online."""
    tried = 0
    for seed in range(40):
        plan = resolve(SWARM, seed)
        schedule = Controller(plan, SimDriver(), ()).explore(seed).schedule
        case = Case(plan, outside_of(schedule), False)
        creations = [
            step.op for step in case.script[:8] if getattr(step, "method", "") == "bdev_raid_create"
        ]
        for candidate in propose(case):
            player = Player(candidate.plan, SimDriver(), ())
            played = player.play(list(candidate.script), to_the_end=False)
            assert judge(played.execution) == [], seed
            answers = [
                one.status
                for one in played.execution.history
                if isinstance(one, Completed) and one.op in creations
            ]
            assert answers == [0] * len(creations), seed
            assert candidate.plan.members >= 2
            tried += 1
    assert tried > 10


def test_bdevs_of_kept_disks_are_named_anew():
    plan = next(
        plan
        for plan in (resolve(SWARM, seed) for seed in range(200))
        if plan.layout.stacks and plan.layout.disks > 3 and plan.members > 2
    )
    disks = plan.layout.disks
    every = tuple(
        Operate(op, "bdev_raid_remove_base_bdev", (op,)) for op in range(disks + 1, 1 + 4 * disks)
    )
    gone, *_ = with_fewer_disks(Case(plan, every, True))
    assert (gone.plan.layout.disks, gone.plan.members) == (disks - 1, plan.members - 1)
    assert gone.plan.layout.stacks == plan.layout.stacks[1:]
    named = [(item.op, item.args[0]) for item in gone.script]
    assert [op for op, _ in named] == [
        op for op in range(disks + 1, 1 + 4 * disks) if disk_of(plan.layout, op)
    ]
    for old, new in named:
        assert disk_of(gone.plan.layout, new) == disk_of(plan.layout, old) - 1
        assert (new - 1) // (disks - 1) == (old - 1) // disks


def test_steps_of_a_sequence_are_recorded_so_the_plan_needs_it_no_longer():
    first, *_ = simpler_plans(Case(resolve(PULLED_TWICE, 1), (), True))
    assert first.plan.sequence == ()


def test_experiment_of_a_shrunk_sequence_can_be_read():
    """Leave the sequence out with its gates: its items may need more disks or reactors than the seed drew."""
    experiment = Experiment(
        name="directed",
        spares=(0, 1),
        reactors=(1, 3),
        sequence=(
            Act(kind="disk_pull", disk="spare"),
            Act(kind="reactor_stall"),
        ),
        reach={"sequence_completed": 1, "reads": 1},
        reach_per_run={"sequence_item_2": 10},
    )
    validate(experiment)
    smaller = narrowed(experiment, resolve(experiment, 0))
    assert validate(smaller).reach == {"reads": 1}
    assert (smaller.sequence, smaller.reach_per_run) == ((), {})


def test_smaller_plans_are_of_experiments_that_can_be_read():
    """Read what shrinking writes: capsules of runs with two namespaces were refused, for an I/O could be larger than one."""
    seen = dict.fromkeys((1, 2), 0)
    for seed in range(40):
        plan = resolve(SWARM, seed)
        begin = Case(plan, (Operate(2, "framework_start_init", (0,)),), True)
        for case in (begin, *simpler_plans(begin)):
            for smaller in (case, *simpler_plans(case)):
                validate(narrowed(SWARM, smaller.plan))
                assert fits(narrowed(SWARM, smaller.plan), smaller.plan)
                seen[smaller.plan.layout.namespaces] += 1
    assert all(seen.values())
