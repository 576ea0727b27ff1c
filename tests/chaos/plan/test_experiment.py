"""Experiments: bounds, TOML, resolution."""

import sys

import msgspec
import pytest

from chaos.campaigns.catalog import find_experiment
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.judging.user_checks import load_check
from chaos.plan.experiment import (
    SUPERBLOCK_SLOTS_MAX,
    Experiment,
    ExperimentError,
    Fault,
    validate,
)
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS
from workers.shared import REACTORS_MAX, SLOTS_MAX

TOML = """
name = "mine"
reactors = [2, 4]
blocks = 64

[[faults]]
kind = "disk_failure"
count = [1, 2]
anchor = "rebuild"
"""


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_experiment_round_trips_to_json(name):
    experiment = EXPERIMENTS[name]
    assert msgspec.json.decode(msgspec.json.encode(experiment), type=Experiment) == experiment
    assert validate(experiment) is experiment


def test_toml_has_the_same_fields(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    experiment = find_experiment(str(path), {})
    assert experiment == Experiment(
        name="mine",
        reactors=(2, 4),
        blocks=64,
        faults=(Fault(kind="disk_failure", count=(1, 2), anchor="rebuild"),),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (TOML + "colour = 1", "unknown field 'colour'"),
        (TOML.replace("disk_failure", "flood"), "faults\\[0\\].kind = 'flood' is unknown"),
        (TOML.replace("[2, 4]", "[4, 2]"), "reactors"),
        (TOML.replace("64", "-3"), "blocks"),
        ("name = ", "is not TOML"),
    ],
)
def test_what_is_wrong_with_a_toml_file_is_said(tmp_path, text, sentence):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ExperimentError, match=sentence):
        find_experiment(str(path), {})


def test_python_file_and_module_are_found(tmp_path, monkeypatch):
    path = tmp_path / "my_own.py"
    path.write_text(
        "from chaos.experiment import Experiment\n"
        "ONE = Experiment(name='one')\nTWO = Experiment(name='two')\n"
    )
    assert find_experiment(f"{path}:TWO", {}).name == "two"
    with pytest.raises(ExperimentError, match="has 2 experiments"):
        find_experiment(str(path), {})
    monkeypatch.syspath_prepend(tmp_path)
    assert find_experiment("my_own:ONE", {}).name == "one"
    with pytest.raises(ExperimentError, match="no experiment named THREE"):
        find_experiment("my_own:THREE", {})


def test_near_miss_is_suggested():
    with pytest.raises(ExperimentError, match="did you mean connect-during-rebuild"):
        find_experiment("connect-during-rebuilt", EXPERIMENTS)


def test_resolution_draws_within_the_bounds_and_only_from_the_seed():
    experiment = EXPERIMENTS["disk-failure"]
    plans = [resolve(experiment, seed) for seed in range(50)]
    assert plans == [resolve(experiment, seed) for seed in range(50)]
    assert {plan.layout.reactors for plan in plans} == {2, 3}
    assert {plan.members for plan in plans} == {2, 3}
    assert all(600 <= plan.steps <= 1_200 for plan in plans)
    assert all(0 <= planned.moment <= 1_000 for plan in plans for planned in plan.planned)


@pytest.mark.parametrize("superblock_share", [0, 100])
def test_largest_experiment_that_may_be_asked_for_fits_the_engine_s_tables(superblock_share):
    """Resolve the largest experiment: eight disks with every bdev and a passthru once ended in an IndexError, exit 70."""
    members = SUPERBLOCK_SLOTS_MAX if superblock_share else SLOTS_MAX
    largest = validate(
        Experiment(
            name="largest",
            reactors=REACTORS_MAX,
            members=members,
            spares=SLOTS_MAX - members,
            superblock_share=superblock_share,
            hosts=64,
            io_queues=16,
            queue_depth=128,
            stack_share=100,
            passthru_share=100,
            grow_blocks=64,
            steps=400,
            faults=(Fault(kind="disk_pull", count=2), Fault(kind="disk_grow")),
        )
    )
    execution = Controller(resolve(largest, 1), SimDriver(), ()).explore(1)
    assert execution.crash is None
    assert execution.settled
    assert judge(execution) == []


def test_file_brings_its_own_checks(tmp_path, monkeypatch):
    """Load a file's own checks from any directory: capsules carry checks by module and function."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "brings_checks.py"
    path.write_text(
        "from chaos.experiment import Experiment\n"
        "def quiet(execution):\n    return []\n"
        'MINE = Experiment(name="mine", checks=("brings_checks:quiet",))\n'
    )
    (check,) = find_experiment(str(path), {}).checks
    assert load_check(check)(None) == []
