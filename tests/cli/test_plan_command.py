"""``raidstorm plan``: a run of that seed follows the plan, and the command runs nothing."""

import json

import msgspec
import pytest

from chaos.plan.experiment import RUN_PERMILLE
from chaos.plan.planned import Planned
from chaos.showing.plan_text import in_order, kind_in_words
from tests.inside import inside
from tests.red_run import run_directory


def plan_of(*arguments: str) -> dict:
    done = inside("plan", *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_plan_is_that_of_the_run(tmp_path):
    folder = run_directory(tmp_path / "runs", seed=4)
    capsule = json.loads((folder / "capsule.json").read_text())
    for arguments in (
        ("connect-during-rebuild", "--seed", "4"),
        ("connect-during-rebuild:4",),
        (str(folder),),
        (str(folder / "capsule.json"),),
    ):
        shown = plan_of(*arguments)
        assert shown["plan"] == capsule["plan"]
        assert shown["labels"] == capsule["labels"]
        assert (shown["seed"], shown["experiment"]) == (4, capsule["experiment"])
    assert plan_of("connect-during-rebuild", "--seed", "5")["plan"] != capsule["plan"]


def test_text_has_sizes_hosts_strategies_and_all_that_is_planned(tmp_path):
    shown = plan_of("swarm", "--seed", "4")
    done = inside("plan", "swarm", "--seed", "4", cwd=tmp_path)
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []  # nothing was run
    plan, text = shown["plan"], done.stdout
    assert text.startswith("swarm, seed 4: ")
    assert f"{plan['members']} members, {plan['blocks']} blocks" in text
    for host in shown["labels"]["hosts"]:
        assert host["hostname"] in text
    for strategy in plan["strategies"]:
        assert f"\n  {strategy} " in text
    assert f"planned ({len(plan['planned'])})\n" in text
    planned = text.partition("planned (")[2].splitlines()[1:]
    assert len(planned) == len(plan["planned"])
    whole = tuple(msgspec.convert(one, Planned) for one in plan["planned"])
    for line, one in zip(planned, in_order(whole), strict=True):
        assert line.endswith(kind_in_words(one))
        assert f" {one.kind}: " in line
        if one.anchor == "event":
            assert one.event in line
        else:
            assert f"at {one.moment * 100 / RUN_PERMILLE:.1f} % of the " in line
            assert (" rebuild, or a later one's " in line) == (one.anchor == "rebuild")


@pytest.mark.parametrize("seed", range(8))
def test_every_kind_of_planned_thing_has_words(seed):
    done = inside("plan", f"swarm:{seed}")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "there is no experiment or suite 'nothing'"),
        (["absent.toml"], "absent.toml can't be read"),
        (["absent.json"], "absent.json can't be read"),
        (["baseline:3", "--seed", "4"], "has a seed of its own"),
        (["baseline", "--seed", "x"], "'x' is not a seed"),
        (["smoke"], "there is no experiment or suite 'smoke'"),
    ],
)
def test_bad_arguments(arguments, words):
    done = inside("plan", *arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_own_experiment_is_planned(tmp_path):
    (tmp_path / "mine.toml").write_text('name = "mine"\nhosts = 2\nmembers = 3\nfaults = []\n')
    done = inside("plan", "mine.toml", cwd=tmp_path)
    assert done.stdout.startswith("mine, seed 0\n")
    assert "3 members" in done.stdout
    assert done.stdout.endswith("planned (0)\n  nothing\n")
