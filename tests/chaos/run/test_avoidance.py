"""Avoided triggers: what they trigger gets rare, all else still happens, and every run comes to its end."""

import msgspec
import pytest

from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.judging.reach.count import add_reach, count_reach
from chaos.plan.experiment import Experiment, ExperimentError, validate
from chaos.plan.plan import resolve
from chaos.plan.triggers import CHANNELS_IN_REBUILD
from chaos.run.avoidance import holds_channels
from chaos.run.controller import Controller
from chaos.run.model import Model
from chaos.run.wrong_requests import UNKNOWN_BDEV
from chaos.steps.history import EngineEvent, Invoked
from chaos.steps.schedule import Connect, Kill, Open, Operate, PowerLoss
from experiments.catalog import EXPERIMENTS
from tests.inside import inside
from tests.support import SEED_DEFECT
from workers.protocol import DefectSource

SEEDS = 40
MAKE_CHANNELS = ("nvmf_create_poll_group", "nvmf_subsystem_add_ns")


def avoiding(name):
    return msgspec.structs.replace(EXPERIMENTS[name], avoid=(CHANNELS_IN_REBUILD,))


def explore(experiment, seed, *defects):
    sources = tuple(map(DefectSource, defects))
    return Controller(resolve(experiment, seed), SimDriver(), sources).explore(seed)


def reach_of(experiment):
    """Run seeds, all of which must be valid, and return what they reached together."""
    reach = {}
    for seed in range(SEEDS):
        execution = explore(experiment, seed)
        assert judge(execution) == [], f"seed {seed}"
        add_reach(reach, count_reach(execution.history, execution.plan.layout))
    return reach


def asks_for_a_channel(step):
    if isinstance(step, Operate):
        return step.method in MAKE_CHANNELS and step.args != (UNKNOWN_BDEV,)  # that is refused
    return isinstance(step, (Open, Connect))


def sent_in_rebuild(execution):
    """Return the requests for channels that were sent while a rebuild ran."""
    found, is_running = [], False
    for entry in execution.history:
        match entry:
            case EngineEvent() if entry.event.name in ("rebuild.started", "rebuild.finished"):
                is_running = entry.event.name == "rebuild.started"
            case Invoked() if is_running and asks_for_a_channel(entry.step):
                found.append(entry.step)
            case Invoked() if isinstance(entry.step, (Kill, PowerLoss)):
                is_running = False
            case _:
                pass
    return found


def test_channels_are_not_born_in_a_rebuild():
    name = "connect-during-rebuild"
    usual, avoided = reach_of(EXPERIMENTS[name]), reach_of(avoiding(name))
    assert usual["channels_created_in_rebuild"] > SEEDS
    assert avoided["channels_created_in_rebuild"] == 0
    for what in ("connects", "rebuilds_finished", "namespaces_attached", "poll_groups_created"):
        assert avoided[what] > usual[what] // 2, what


@pytest.mark.parametrize("name", ["restart-from-superblock", "swarm", "namespace-churn"])
def test_nothing_is_asked_for_while_a_rebuild_runs_and_each_run_settles(name):
    """Target kills and power losses among them: the next target is set up when its rebuild has ended."""
    reach = {}
    for seed in range(SEEDS):
        execution = explore(avoiding(name), seed)
        assert judge(execution) == [], f"seed {seed}"
        assert sent_in_rebuild(execution) == [], f"seed {seed}"
        add_reach(reach, count_reach(execution.history, execution.plan.layout))
    assert reach["rebuilds_finished"] > SEEDS // 4
    assert reach["connects"] > SEEDS


@pytest.mark.parametrize("method", ["bdev_raid_add_base_bdev", "bdev_examine_again"])
def test_channels_wait_for_the_answer_to_a_request_that_may_start_a_rebuild(method):
    name = "connect-during-rebuild"
    model, usual = (Model(resolve(one, 1)) for one in (avoiding(name), EXPERIMENTS[name]))
    assert not holds_channels(model)
    for one in (model, usual):
        one.took(Operate(1, method, (1,)))
    assert holds_channels(model)
    assert not holds_channels(usual)
    model.answered(1, 0)
    assert not holds_channels(model)


def test_what_the_trigger_triggers_no_longer_hides_the_rest():
    name = "connect-during-rebuild"
    crashes = {
        avoid: sum(
            explore(experiment, seed, SEED_DEFECT).crash is not None for seed in range(SEEDS)
        )
        for avoid, experiment in ((False, EXPERIMENTS[name]), (True, avoiding(name)))
    }
    assert crashes[False] > SEEDS // 4
    assert crashes[True] == 0


def test_unknown_trigger_is_answered_with_the_one_it_may_mean(tmp_path):
    wrong = Experiment(name="mine", avoid=("channels-in-rebuilds",))
    with pytest.raises(ExperimentError, match="'channels-in-rebuilds' is not a trigger") as error:
        validate(wrong)
    assert str(error.value).endswith("did you mean channels-in-rebuild?")
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n\navoid = ["chanels-in-rebuild"]\n')
    done = inside("run", str(path), "--out", str(tmp_path / "runs"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"{path}:3: avoid: 'chanels-in-rebuild' is not a trigger")
    assert len(done.stderr.splitlines()) == 1


def test_plan_says_what_is_avoided(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\navoid = ["channels-in-rebuild"]\n')
    shown = inside("plan", str(path)).stdout
    assert "\navoided\n  channels-in-rebuild  while a rebuild runs, no poll group" in shown
    assert "avoided" not in inside("plan", "baseline").stdout
