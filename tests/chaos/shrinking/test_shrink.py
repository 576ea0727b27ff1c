"""Shrinking: the same failure in fewer steps, minimal, and fair to the reference engine."""

import json
from functools import cache

import msgspec
import pytest

from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.scripts.player import LEFT_OUT, Player
from chaos.shrinking.lateness import as_delays
from chaos.shrinking.passes import first_case, shrink
from chaos.shrinking.shrinker import Case, Shrinker
from chaos.steps.schedule import (
    ENGINE_STEPS,
    FireTimer,
    Mark,
    Operate,
    Rest,
)
from chaos.store.capsule import Capsule, read_capsule, write_capsule
from experiments.catalog import EXPERIMENTS
from tests.inside import inside
from tests.support import SEED_DEFECT
from workers.protocol import DefectSource

# The failing seed, and the bounds on the outside steps and choices that are left.
FAILURES = {
    SEED_DEFECT: ("connect-during-rebuild", 12, 8),
    "write-failure-keeps-stale-member": ("disk-failure", 25, 8),
    "io-queue-connect-races": ("disk-failure", 10, 3),
    "unmap-during-rebuild-mishandled": ("disk-failure", 15, 6),
}
SEEDS_MAX = 120


@cache
def failing_run(defect, name):
    """Return the first run of the experiment that fails with the defect."""
    for seed in range(SEEDS_MAX):
        plan = resolve(EXPERIMENTS[name], seed)
        execution = Controller(plan, SimDriver(), (DefectSource(defect),)).explore(seed)
        findings = judge(execution)
        if findings:
            return plan, execution, findings[0]
    raise AssertionError(f"no run of {name} fails with {defect}")


def shrink_failure(defect):
    plan, execution, goal = failing_run(defect, FAILURES[defect][0])
    shrinker = Shrinker(goal, (DefectSource(defect),), (), lambda: False)
    first = first_case(shrinker, plan, execution.schedule)
    assert first is not None
    return shrink(shrinker, first)


shrunk = cache(shrink_failure)  # it takes seconds, and several tests look at it


@pytest.mark.parametrize("defect", list(FAILURES))
def test_shrunk_failure_is_the_same_small_and_minimal(defect):
    name, outside_max, choices_max = FAILURES[defect]
    _, _, goal = failing_run(defect, name)
    outcome = shrunk(defect)
    case = outcome.case
    assert outcome.finding.signature == goal.signature
    assert case.outside <= outside_max
    assert case.choices <= choices_max
    again = Shrinker(goal, (DefectSource(defect),), (), lambda: False)
    for index, item in enumerate(case.script):
        if item != Rest():
            script = case.script[:index] + case.script[index + 1 :]
            less = again.attempt(msgspec.structs.replace(case, script=script))
            assert less is None, f"{item} is not needed"
    # The reference engine passes what fails with the defect.
    assert again.play(case, ()) is None


def test_steps_that_only_set_the_target_up_are_counted_up_to_the_first_that_does_more():
    plan, execution, _ = failing_run(SEED_DEFECT, "connect-during-rebuild")
    outside = [step for step in execution.schedule if not isinstance(step, (Mark, *ENGINE_STEPS))]
    first = next(n for n, step in enumerate(outside) if not isinstance(step, Operate))
    script = (*outside[:first], Rest(), *outside[first:], outside[0])
    assert 0 < first < len(outside)
    assert Case(plan, script, False).set_up == first
    removal = Operate(1, "bdev_raid_remove_base_bdev", (0,))
    assert Case(plan, (removal, *script), False).set_up == 0


def test_same_failure_shrinks_to_the_same_script():
    assert shrink_failure(SEED_DEFECT).case == shrunk(SEED_DEFECT).case


def test_what_a_run_did_is_allowed_by_the_rules_and_played_alike():
    """Play a run's own steps: the rules allow all of the generator's choices, and a script of every step is the run itself."""
    driver, steps = SimDriver(), 0
    for seed in range(40):
        plan = resolve(EXPERIMENTS["swarm"], seed)
        execution = Controller(plan, driver, ()).explore(seed)
        player = Player(plan, driver, ())
        played = player.play(list(execution.schedule), to_the_end=False, patience=0)
        assert played.numbers.count(LEFT_OUT) == 0, seed
        assert played.execution.fingerprint == execution.fingerprint, seed
        steps += len(execution.schedule)
    assert steps > 40_000


@pytest.mark.parametrize("timers_early", [False, True])
def test_run_written_as_what_comes_late_is_that_run_when_it_is_played(timers_early):
    driver, timers, named = SimDriver(), 0, 0
    for seed in range(20):
        plan = resolve(EXPERIMENTS["swarm"], seed)
        schedule = Controller(plan, driver, ()).explore(seed).schedule
        heal = schedule.index(Mark("heal"))
        steps = [step for step in schedule[:heal] if not isinstance(step, Mark)]
        controller = Controller(plan, driver, ())
        script = as_delays(controller, steps, to_the_end=True, timers_early=timers_early)
        played = Player(plan, driver, ()).play(list(script), to_the_end=False)
        assert played.execution.schedule[: len(steps)] == steps, seed
        timers += sum(isinstance(step, FireTimer) for step in steps)
        named += sum(isinstance(item, FireTimer) for item in script)
    assert timers > 0
    assert timers_early == (named > 0)


def test_rules_forbid_what_would_make_a_failure_that_is_not_the_target_s():
    """Forbid unfair steps: without the step that added a member, pulling the other one is pulling the last good disk."""
    forbidden = 0
    for seed in range(30):
        plan = resolve(EXPERIMENTS["failure-during-rebuild"], seed)
        schedule = Controller(plan, SimDriver(), ()).explore(seed).schedule
        added = [
            step for step in schedule if getattr(step, "method", "") == "bdev_raid_add_base_bdev"
        ]
        script = [
            step
            for step in schedule
            if step not in added and not isinstance(step, (Mark, *ENGINE_STEPS))
        ]
        played = Player(plan, SimDriver(), ()).play(script, to_the_end=False)
        assert judge(played.execution) == [], seed
        forbidden += played.numbers.count(LEFT_OUT)
    assert forbidden > 0


def test_budget_that_is_over_keeps_what_there_is():
    plan, execution, goal = failing_run(SEED_DEFECT, "connect-during-rebuild")
    shrinker = Shrinker(goal, (DefectSource(SEED_DEFECT),), (), lambda: shrinker.executions > 10)
    first = first_case(shrinker, plan, execution.schedule)
    outcome = shrink(shrinker, first)
    assert outcome.finding.signature == goal.signature
    assert shrinker.executions < 20


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    options = ("--seeds", "20", "-x", "--defect", SEED_DEFECT, "--out", str(out))
    assert inside("run", "connect-during-rebuild", *options).returncode == 5
    return (out / "latest-failure").resolve()  # as lines and files name it


def test_command_writes_a_capsule_that_replays_in_both_stepping_drivers(red):
    done = inside("shrink", str(red), "--format", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert report["exit_code"] == 5
    assert report["outside"] < report["outside_before"]
    minimal = str(red / "minimal.json")
    capsule = read_capsule(red / "minimal.json")
    assert capsule.cut
    assert len(capsule.schedule) == report["steps"]
    for driver in ("sim", "lockstep"):
        replayed = inside("replay", minimal, "--driver", driver)
        assert replayed.returncode == 5
        assert "the fingerprint is the recorded one" in replayed.stdout
    assert inside("replay", minimal, "--defect", "none").returncode == 0
    assert "module_channel != NULL" in (red / "minimal.log").read_text()
    timeline = (red / "minimal.html").read_text()
    assert "connect-during-rebuild, shrunk" in timeline
    assert f"replay {minimal}" in timeline


def test_smaller_result_that_is_there_stays(red, tmp_path):
    assert inside("shrink", str(red), "--out", str(tmp_path)).returncode == 0
    before = (tmp_path / "minimal.json").read_bytes()
    # Its budget ends this one after the first few candidates.
    done = inside("shrink", str(red), "--out", str(tmp_path), "--budget", "0.05s")
    assert "so it stays" in done.stdout
    assert done.returncode == 0
    assert (tmp_path / "minimal.json").read_bytes() == before
    # A larger one is replaced.
    larger = msgspec.json.decode(before, type=Capsule)
    script = [Rest(), Rest(1), *larger.script, *larger.script]
    write_capsule(tmp_path / "minimal.json", msgspec.structs.replace(larger, script=script))
    again = inside("shrink", str(red), "--out", str(tmp_path))
    assert "so it stays" not in again.stdout
    assert (tmp_path / "minimal.json").read_bytes() == before
    # One that no longer applies is replaced, too.
    old = msgspec.json.decode(before, type=Capsule)
    stale = msgspec.structs.replace(old, script=old.script[:-1], schedule=old.schedule[1:])
    write_capsule(tmp_path / "minimal.json", stale)
    again = inside("shrink", str(red), "--out", str(tmp_path))
    assert again.returncode == 0, again.stderr
    assert "so it stays" not in again.stdout
    assert (tmp_path / "minimal.json").read_bytes() == before


def test_budget_too_small_for_anything_is_told(red):
    done = inside("shrink", str(red), "--budget", "0.000001s")
    assert done.returncode == 2
    assert "--budget" in done.stderr


def test_run_that_passes_and_a_capsule_that_is_none_are_refused_with_a_sentence(tmp_path):
    done = inside("shrink", "baseline:1", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "doesn't fail" in done.stderr
    done = inside("shrink", str(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
