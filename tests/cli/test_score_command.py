"""``raidstorm score`` as a user types it: exit codes, replay lines, comparison, strategies, Ctrl-C."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from chaos.plan.strategies import STRATEGY_NAMES
from tests.chaos.scoring.test_score import CRASHES_AT_ONCE, HARMLESS, defect_file
from tests.inside import inside
from tests.support import (
    PROGRAM,
    ROOT,
    SEED_DEFECT,
    popen,
    processes,
    raidstorm,
    run_refused,
    wait_for,
)
from workers.defects.loader import known_defects

pytestmark = pytest.mark.slow

QUICK = ("--experiment", "connect-during-rebuild", "--ranges", "2", "--seeds", "30")


def score_json(*args: str, run=inside) -> dict:
    done = run("score", *args, "--format", "json")
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    score = json.loads(done.stdout)
    assert score["exit_code"] == done.returncode
    return score


def test_two_jobs_score_as_one(tmp_path):
    harmless = defect_file(tmp_path, "harmless", HARMLESS)
    scores = []
    for jobs in ("1", "2"):
        score = score_json(
            *QUICK, "--defects", f"{SEED_DEFECT},{harmless}", "--jobs", jobs, run=raidstorm
        )
        for entry in [*score["defects"], *score["clean"]]:
            del entry["seconds"]
            entry.pop("seconds_run", None)
            for search in entry.pop("searches", []):
                del search["seconds"]
                entry.setdefault("lines", []).append(search)
        del score["wall_seconds"], score["jobs"]
        scores.append(score)
    assert scores[0] == scores[1]
    ids = {entry["id"]: entry for entry in scores[0]["defects"]}
    assert ids[SEED_DEFECT]["found"]
    assert ids[SEED_DEFECT]["check"] == "crash"
    assert ids["harmless"]["schedules"]["p50"] == {"value": None, "above": 30, "censored": True}
    assert scores[0]["clean"][0]["schedules"] == 60


def test_find_can_be_replayed_by_its_line_and_kept(tmp_path):
    runs = tmp_path / "runs"
    options = (*QUICK, "--defects", SEED_DEFECT, "--clean-seeds", "0", "--out", str(runs))
    (defect,) = score_json(*options)["defects"]
    assert not runs.exists()
    assert inside(*defect["replay"].split()[-4:]).returncode == 5
    (defect,) = score_json(*options, "--keep")["defects"]
    assert inside("replay", defect["replay"].split()[-1]).returncode == 5
    assert [path.name for path in runs.iterdir() if path.is_dir() and not path.is_symlink()] == [
        "connect-during-rebuild"
    ]


def test_strategies_are_scored_side_by_side(tmp_path):
    runs, out = tmp_path / "runs", tmp_path / "score.json"
    names = ("random", "hold+frontier")
    done = inside(
        *(
            "score",
            *QUICK,
            "--defects",
            SEED_DEFECT,
            "--strategy",
            names[0],
            "--strategy",
            names[1],
        ),
        *("--keep", "--out", str(runs), "--save", str(out)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (head,) = (line for line in done.stdout.splitlines() if line.startswith("defect "))
    assert head.split() == ["defect", "random", "s", "p50", "hold+frontier", "s", "p50"]
    score = json.loads(out.read_text())
    assert [clean["strategy"] for clean in score["clean"]] == score["strategies"] == list(names)
    for name, defect in zip(names, score["defects"], strict=True):
        drawn = [search["strategies"] for search in defect["searches"] if search["check"]]
        assert drawn
        assert all(strategies[0] == name.partition("+")[0] for strategies in drawn)
        # Its seed alone would not bring it back: the experiment draws otherwise.
        path = Path(defect["replay"].split()[-1])
        kept = json.loads((path / "capsule.json").read_text())["experiment"]["strategies"]
        assert kept == name.split("+")
        assert inside("replay", str(path)).returncode == 5


def test_what_each_strategy_adds_is_scored_without_it_and_printed_as_markdown(tmp_path):
    out = tmp_path / "score.json"
    done = inside(
        *("score", *QUICK, "--defects", SEED_DEFECT, "--strategy", "without", "--clean-seeds", "0"),
        *("--format", "markdown", "--save", str(out)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    head = done.stdout.splitlines()[0]
    names = ["all", *(f"all-{name}" for name in STRATEGY_NAMES)]
    assert head == "| " + " | ".join(["defect", *names]) + " |"
    for defect in json.loads(out.read_text())["defects"]:
        drawn = [one for search in defect["searches"] for one in search["strategies"]]
        assert defect["strategy"].partition("-")[2] not in drawn


def test_red_run_of_the_clean_engine_is_shown_and_fails_the_score(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('name = "mine"\nchecks = ["tests.chaos.scoring.test_score:complain"]\n')
    runs = tmp_path / "runs"
    done = inside(
        *("score", "--experiment", str(mine), "--defects", SEED_DEFECT, "--out", str(runs)),
        *("--ranges", "2", "--seeds", "2"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "clean engine, same seeds: 2 red in 2 schedules" in done.stdout
    line = next(line for line in done.stdout.splitlines() if line.strip().startswith("replay:"))
    assert inside(*line.split()[-3:]).returncode == 1


def test_defect_that_is_lost_exits_with_7(tmp_path):
    one = defect_file(tmp_path, "one", CRASHES_AT_ONCE)
    out = tmp_path / "score.json"
    options = ("--defects", one, "--experiment", "baseline", "--ranges", "2", "--seeds", "2")
    assert inside("score", *options, "--save", str(out)).returncode == 0
    again = inside("score", *options, "--compare", str(out))
    assert again.returncode == 0
    assert "no defect that was found before is missed now" in again.stdout
    defect_file(tmp_path, "one", HARMLESS)
    lost = inside("score", *options, "--compare", str(out), "--save", str(out))
    assert lost.returncode == 7, lost.stdout
    assert "found before, missed now: one" in lost.stdout
    assert "the text of defect one has changed" in lost.stdout
    assert json.loads(out.read_text())["comparison"]["changes"][0]["is_found"] is False


def test_all_defects_are_scored_when_none_is_named():
    ids = [defect["id"] for defect in score_json("--seeds", "1", "--ranges", "1")["defects"]]
    assert ids == known_defects()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--defects", "nothing"], ["there is no defect 'nothing'"]),
        (["--defects", "absent.py"], ["absent.py can't be read"]),
        (["--defects", f"{SEED_DEFECT},{SEED_DEFECT}"], ["two defects are named", SEED_DEFECT]),
        (["--defects", ","], ["--defects has an empty name"]),
        (["--defects", f"all,{SEED_DEFECT}"], ["--defects all has every built-in one"]),
        (["--experiment", "nothing"], ["there is no experiment or suite 'nothing'"]),
        (["--experiment", "smoke"], ["smoke is a suite"]),
        (["--strategy", "dreaming"], ["dreaming", "a search strategy"]),
        (["--strategy", "all-dreaming"], ["all-dreaming", "a search strategy"]),
        (["--strategy", "pct+"], ["a search strategy"]),
        (["--ranges", "0"], ["--ranges", "0"]),
        (["--seeds", "0"], ["--seeds", "0"]),
        (["--budget", "soon"], ["'soon' is not a duration"]),
        (["--compare", "absent.json"], ["absent.json can't be read"]),
        (["--compare", "README.md"], ["README.md is not a raidstorm score"]),
        (["--save", "."], [". is a directory; --save names a file"]),
        (["--out", "score.json"], ["--out names a directory", "--save score.json writes"]),
        (["--save", "absent/score.json"], ["absent/score.json can't be written"]),
        (["swarm"], ["unexpected extra argument"]),
    ],
)
def test_bad_arguments_of_score(arguments, words):
    done = run_refused("score", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_interrupted_score_has_its_partial_table(tmp_path, jobs):
    harmless = defect_file(tmp_path, "harmless", HARMLESS)
    out = tmp_path / "score.json"
    running = popen(
        [
            *(*PROGRAM, "score", "--experiment", "baseline", "--defects", harmless),
            *("--ranges", "200", "--seeds", "2", "--jobs", jobs, "--save", str(out)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    # The heading comes when signals are taken already.
    wait_for(lambda: "score of" in running.stdout.readline(), "the heading")
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == 130, stderr
    assert "interrupted; the table has the searches that had ended" in stdout
    score = json.loads(out.read_text())
    assert score["interrupted"] is True
    assert all(defect["ranges"] < 200 for defect in score["defects"])


def test_killed_job_process_loses_no_search(tmp_path):
    harmless = defect_file(tmp_path, "harmless", HARMLESS)
    running = popen(
        [
            *(*PROGRAM, "score", "--experiment", "baseline", "--defects", harmless),
            *("--ranges", "8", "--seeds", "4", "--jobs", "2", "--format", "json"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )

    def jobs() -> list[int]:
        mine = processes(running.pid).items()
        return [pid for pid, command in mine if "spawn_main" in command]

    wait_for(lambda: len(jobs()) == 2, "both jobs")
    os.kill(jobs()[0], signal.SIGKILL)
    stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == 0, stderr
    score = json.loads(stdout)
    (defect,) = score["defects"]
    assert [search["schedules"] for search in defect["searches"]] == [4] * 8
    assert score["clean"][0]["schedules"] == 32
