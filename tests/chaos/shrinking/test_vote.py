"""Shrinking by vote: a free run that can't be replayed step by step, and doesn't fail every time."""

import json

import msgspec
import pytest

from chaos.checkers import Finding, Verdict
from chaos.drivers.sim import SimDriver
from chaos.experiment import Act, Experiment, Fault
from chaos.plan.plan import resolve
from chaos.replaying.repro import Run
from chaos.run.controller import Controller
from chaos.shrinking import vote
from chaos.shrinking.shrinker import ShrinkError
from chaos.shrinking.vote import shrink_by_vote, smaller_plans
from chaos.store.capsule import Capsule, Expected, read_capsule, write_capsule
from tests.inside import inside

EXPERIMENT = Experiment(
    name="many",
    hosts=3,
    faults=(Fault(kind="disk_failure", count=2), Fault(kind="disk_slow", count=6)),
)
LOST = Finding(
    check="register", kind="lost", shape="read", summary="lost", step=1, verdict=Verdict.INVALID
)
REFUSES = """
from workers.raid import array
class Refuses(array.RaidChannel):
    def create(self):
        raise AssertionError("no channel today")
"""


def free_capsule() -> Capsule:
    return Capsule(
        raidstorm_version="0",
        python_version="3",
        experiment=EXPERIMENT,
        seed=1,
        driver="realtime",
        plan=resolve(EXPERIMENT, 1),
        expected=Expected(1, LOST.signature, "", 9),
    )


def voters(monkeypatch, fails):
    """Make free runs that fail as ``fails`` says of (plan, how often it was run)."""
    execution = Controller(resolve(EXPERIMENT, 1), SimDriver(), ()).explore(1)
    asked = {}

    def run_once(driver, capsule, checks, scheduling_seed):
        plan = capsule.plan
        asked[plan] = asked.get(plan, 0) + 1
        return Run(execution, [LOST] if fails(plan, asked[plan]) else [])

    monkeypatch.setattr(vote, "run_once", run_once)
    monkeypatch.setattr(vote, "make_driver", lambda *_: SimDriver())
    return asked


def failures_in(plan) -> int:
    return sum(one.kind == "disk_failure" for one in plan.planned)


def test_plan_becomes_as_small_as_two_of_five_runs_allow(monkeypatch):
    # The failure needs a failing disk, and occurs in every second run.
    asked = voters(monkeypatch, lambda plan, time: failures_in(plan) >= 1 and time % 2 == 0)
    voted = shrink_by_vote(free_capsule(), (), lambda: False)
    plan = voted.capsule.plan
    assert [one.kind for one in plan.planned] == ["disk_failure"]
    assert (plan.hosts, plan.ios_per_connection) == (1, (1, 1))
    assert (voted.planned_before, voted.planned) == (8, 1)
    assert voted.capsule.schedule is None
    assert voted.capsule.driver == "realtime"
    assert voted.rebuilt is None
    assert max(asked.values()) <= 5
    assert voted.executions == sum(asked.values())
    # No smaller plan would have been accepted.
    assert not any(failures_in(smaller) >= 1 for smaller in list(smaller_plans(plan))[:1])


def test_sequence_becomes_shorter_from_its_end(monkeypatch):
    acts = (Act(kind="disk_pull"), Act(kind="disk_pull", disk="same"), Act(kind="target_kill"))
    experiment = Experiment(name="many", hosts=1, sequence=acts)
    plan = resolve(experiment, 1)
    shorter = [one.sequence for one in smaller_plans(plan) if one.sequence != plan.sequence]
    assert shorter == [(), plan.sequence[:1], plan.sequence[:2]]
    voters(monkeypatch, lambda plan, _: len(plan.sequence) >= 2)
    capsule = msgspec.structs.replace(free_capsule(), experiment=experiment, plan=plan)
    voted = shrink_by_vote(capsule, (), lambda: False)
    assert voted.capsule.plan.sequence == plan.sequence[:2]
    assert (voted.planned_before, voted.planned) == (3, 2)


def test_one_of_five_is_too_few_to_vote_with(monkeypatch):
    voters(monkeypatch, lambda _, time: time == 1)
    with pytest.raises(ShrinkError, match="1 of 5 free runs"):
        shrink_by_vote(free_capsule(), (), lambda: False)


def test_budget_ends_it_with_what_there_is(monkeypatch):
    asked = voters(monkeypatch, lambda plan, _: failures_in(plan) >= 1)
    voted = shrink_by_vote(free_capsule(), (), lambda: sum(asked.values()) >= 14)
    assert failures_in(voted.capsule.plan) >= 1
    assert 1 < voted.planned < 8
    assert voted.executions <= 16


@pytest.mark.processes
def test_run_that_could_not_be_rebuilt_is_shrunk_by_one_that_can(tmp_path):
    (tmp_path / "refuses.py").write_text(REFUSES)
    options = ("--driver", "realtime", "--seed", "1", "--defect", str(tmp_path / "refuses.py"))
    done = inside("run", "baseline", *options, "--out", str(tmp_path / "runs"))
    assert done.returncode == 5
    (folder,) = (tmp_path / "runs" / "baseline").iterdir()
    capsule = read_capsule(folder / "capsule.json")
    plan_only = msgspec.structs.replace(capsule, rebuilt=False, schedule=None)
    write_capsule(tmp_path / "free.json", plan_only)
    done = inside(
        "shrink", str(tmp_path / "free.json"), "--allow-code", "--format", "json", cwd=tmp_path
    )
    assert done.returncode == 0, done
    summary = json.loads(done.stdout)
    assert summary["outside"] <= 8
    minimal = read_capsule(tmp_path / "minimal.json")
    assert minimal.driver == "sim"
    assert inside("replay", str(tmp_path / "minimal.json"), "--allow-code").returncode == 5
