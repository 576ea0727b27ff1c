"""In how many runs a thing came, gates in percent of the runs, and what was planned and never came."""

import json

import msgspec
import pytest

from chaos.base.interrupt import Interrupt
from chaos.campaigns.campaign import CampaignRequest, Report, run_campaign
from chaos.campaigns.reached import (
    NeverCame,
    ReachedIn,
    add_reached,
    in_runs,
    missing_per_run,
    never_words,
    sequence_words,
)
from chaos.campaigns.runner import RunSpec
from chaos.campaigns.suite_run import joined
from chaos.cli.result_details import detail_lines
from chaos.experiment import Act, Experiment, Fault
from tests.inside import inside, run_inside

SEEDS = 24
TOML = """name = "killed"
steps = 300
sequence = [
    {kind = "disk_pull", returns = "as it was"},
    {kind = "target_kill", after = "rebuild.started"},
]
reach_per_run = {sequence_completed = 60}
"""
PULL = Act(kind="disk_pull", returns="as it was")
LATE = Fault(kind="target_kill", anchor="rebuild", between=(500, 1_000))


def report_of(experiment, out, seeds=SEEDS):
    spec = RunSpec(experiment, "sim", (), (), experiment.name, "raidstorm", str(out))
    request = CampaignRequest(
        spec=spec, first_seed=3, seeds=seeds, seconds=None, jobs=1, stop_on_first=False
    )
    return run_campaign(request, Interrupt(), lambda _: None)


def test_gate_per_run_is_reached_or_not(tmp_path):
    kill = Act(kind="target_kill", after="rebuild.started")
    gates = {"sequence_completed": 60, "connects": 100}
    killed = Experiment(name="killed", steps=300, sequence=(PULL, kill), reach_per_run=gates)
    report = report_of(killed, tmp_path)
    assert report.exit_code == 0
    assert report.missing == []
    assert report.sequence_items == 2
    through = report.reached_in["sequence_completed"]
    assert 0.6 * SEEDS <= through.runs <= SEEDS
    assert report.reached_in["connects"] == ReachedIn(SEEDS, 3)
    assert report.reach["sequence_completed"] == through.runs
    assert report.reached_in["sequence_item_1"].runs >= report.reached_in["sequence_item_2"].runs
    # The third kill of three never comes so often.
    often = msgspec.structs.replace(kill, after="rebuild.started", occurrence=50)
    stuck = msgspec.structs.replace(killed, sequence=(PULL, often))
    report = report_of(stuck, tmp_path)
    assert report.exit_code == 7
    assert report.missing == [f"sequence_completed: in 0 of {SEEDS} runs, 60 % wanted"]
    assert "sequence_item_2" not in report.reached_in


def test_gate_per_run_is_not_judged_by_a_few_runs(tmp_path):
    gates = {"sequence_completed": 100}
    stuck = Experiment(
        name="stuck",
        steps=300,
        sequence=(PULL, Act(kind="wait", after="rebuild.started", occurrence=50)),
        reach_per_run=gates,
    )
    report = report_of(stuck, tmp_path, seeds=3)
    assert report.exit_code == 0
    assert report.gate_not_judged


def test_what_never_came_is_counted_by_kind(tmp_path):
    faults = (LATE, Fault(kind="host_slow", between=(0, 100), count=2))
    report = report_of(Experiment(name="late", steps=300, faults=faults), tmp_path, seeds=5)
    # Nothing makes a rebuild necessary, so that no kill can come in one.
    assert report.never_came == {"host_slow": NeverCame(0, 10), "target_kill": NeverCame(5, 5)}


def test_a_share_is_of_all_runs():
    reached = {"kills": ReachedIn(59, 7)}
    assert missing_per_run({"kills": 60}, reached, 100) == [
        "kills: in 59 of 100 runs, first in seed 7, 60 % wanted"
    ]
    assert missing_per_run({"kills": 59}, reached, 100) == []
    assert missing_per_run({"none": 1}, reached, 100) == ["none: in 0 of 100 runs, 1 % wanted"]


def test_words():
    assert in_runs(ReachedIn(64, 7), 300) == "in 64 of 300 runs, first in seed 7"
    assert in_runs(None, 1) == "in 0 of 1 run"
    assert never_words(
        {"a": NeverCame(0, 4), "b": NeverCame(1, 9), "target_kill": NeverCame(33, 100)}
    ) == [
        "33 of 100 target_kill",
        "1 of 9 b",
    ]
    assert sequence_words(0, {}, 9) == ""
    assert sequence_words(2, {}, 9) == "sequence completed in 0 of 9 runs"


def test_reports_are_joined_with_the_lowest_seed():
    total = {"kills": ReachedIn(2, 9)}
    add_reached(total, {"kills": ReachedIn(3, 4), "pulls": ReachedIn(1, 1)})
    assert total == {"kills": ReachedIn(5, 4), "pulls": ReachedIn(1, 1)}
    one, other = Report("a", "sim", 0), Report("b", "sim", 0)
    one.never_came, other.never_came = {"x": NeverCame(1, 2)}, {"x": NeverCame(2, 2)}
    other.sequence_items = 3
    both = joined([one, other], "a,b")
    assert both.never_came == {"x": NeverCame(3, 4)}
    assert both.sequence_items == 3


def test_details_name_gates_items_and_what_never_came(tmp_path):
    kill = Act(kind="target_kill", after="rebuild.started", occurrence=50)
    experiment = Experiment(
        name="stuck", steps=300, sequence=(PULL, kill), faults=(LATE,), reach={"disks_pulled": 1}
    )
    report = report_of(experiment, tmp_path, seeds=4)
    lines = [line.strip() for line in detail_lines(report, experiment)]
    assert "reached   disks_pulled in 4 of 4 runs, first in seed 3" in lines
    assert "sequence_item_1, disk_pull, in 4 of 4 runs, first in seed 3" in lines
    assert "sequence_item_2, target_kill, in 0 of 4 runs" in lines
    assert "planned   4 of 4 target_kill never came" in lines


def test_line_json_and_suite_have_them(tmp_path):
    (tmp_path / "killed.toml").write_text(TOML)
    done = inside("run", "killed.toml", "--seeds", "20", "--out", "runs", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("\n") == 1
    assert "; sequence completed in " in done.stdout
    report = run_inside(str(tmp_path / "killed.toml"), "--seeds", "20", out=tmp_path / "runs")
    completed = report["reached_in"]["sequence_completed"]
    shown = f"in {completed['runs']} of 20 runs, first in seed {completed['first_seed']}"
    assert shown in done.stdout
    assert report["sequence_items"] == 2
    suite = 'name = "ours"\n[[facets]]\nexperiment = "killed.toml"\nseeds = 20\n'
    (tmp_path / "ours.toml").write_text(suite)
    options = ("--out", "out", "--junit", "junit.xml")
    done = inside("suite", "ours.toml", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (facet,) = json.loads((tmp_path / "out" / "summary.json").read_text())["facets"]
    assert facet["reached_in"]["sequence_completed"] == completed
    assert f"sequence completed {shown}" in (tmp_path / "junit.xml").read_text()


@pytest.mark.processes
@pytest.mark.parametrize("driver", ["lockstep", "realtime"])
def test_sequence_comes_in_processes(tmp_path, driver):
    (tmp_path / "killed.toml").write_text(TOML)
    arguments = (str(tmp_path / "killed.toml"), "--driver", driver, "--seeds", "5")
    report = run_inside(*arguments, out=tmp_path / "runs")
    assert report["valid"] == 5, report["failures"]
    assert report["reached_in"]["sequence_completed"]["runs"] >= 3
