"""Lines to paste: 'check' prints one for the directory it is typed in, and 'replay' says what to do without a directory."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from chaos.cli.parameters import Target
from chaos.store.store import Store, run_name
from tests.chaos.store.test_store import head
from tests.inside import inside
from tests.support import SEED_DEFECT, raidstorm, run


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """Return a place with a failing run, and the run's directory as it is named there."""
    place = tmp_path_factory.mktemp("place")
    done = raidstorm(
        *("run", "connect-during-rebuild", "--seed", "4", "--defect", SEED_DEFECT),
        *("--format", "json"),
        cwd=place,
    )
    (failure,) = json.loads(done.stdout)["failures"]
    return place, failure["run_dir"]


def pasted(line, cwd):
    return run(shlex.split(line), cwd=cwd, capture_output=True, text=True)


def test_replay_line_of_check_can_be_pasted_where_check_was_typed(failed, tmp_path):
    place, run_dir = failed
    checked = raidstorm("check", str(place / run_dir), "--format", "json", cwd=tmp_path)
    assert checked.returncode == 5, checked.stderr
    line = json.loads(checked.stdout)["runs"][0]["replay"]
    again = pasted(line, tmp_path)
    assert again.returncode == 5, again.stderr
    assert "the fingerprint is the recorded one" in again.stdout


@pytest.mark.parametrize("file", ["", "/minimal.json"])
def test_replay_of_a_directory_that_is_gone_names_the_line_that_needs_none(failed, tmp_path, file):
    _, run_dir = failed
    gone = raidstorm("replay", run_dir + file, cwd=tmp_path)
    assert gone.returncode == 2
    assert f"{run_dir}{file} does not exist" in gone.stderr
    line = gone.stderr.strip().rpartition(": ")[2]
    assert line.endswith("replay connect-during-rebuild:4")
    again = pasted(f"{line} --defect {SEED_DEFECT}", tmp_path)
    assert again.returncode == 5, again.stderr


def test_experiment_of_a_file_has_to_be_named_by_it(tmp_path):
    gone = raidstorm("replay", "runs/mine/20260102-030405-realtime-7.2", cwd=tmp_path)
    assert gone.returncode == 2
    assert gone.stderr.strip().endswith(
        "replay FILE:7 --driver realtime; FILE: where the experiment mine is written"
    )


def test_name_of_a_run_directory_says_what_the_store_called_it(tmp_path):
    store = Store(tmp_path / "runs")
    first, second = store.begin(head(3)), store.begin(head(3))
    shutil.rmtree(tmp_path / "runs")
    for path in (first, second, second / "minimal.json"):
        assert run_name(path) == (head(3).experiment.name, "sim", 3)
    for name in ("runs", "runs/baseline", "runs/latest", "20260102-030405-sim-7", "x/2026-sim-7"):
        assert run_name(Path(name)) is None


@pytest.mark.parametrize("command", ["check", "shrink", "explain"])
def test_lines_name_the_run_itself_and_not_the_link_to_the_latest(failed, command):
    place, run_dir = failed
    options = ("--continuations", "1") if command == "explain" else ()
    done = inside(command, "runs/latest-failure", *options, cwd=place)
    assert done.returncode == (5 if command == "check" else 0), done.stderr
    folder = place / run_dir
    written = [folder / name for name in ("minimal.html", "explain.txt")]
    texts = [done.stdout, *(path.read_text() for path in written if path.exists())]
    assert not [text for text in texts if "latest-failure" in text]
    assert f"replay {run_dir}" in texts[-1]


def test_target_keeps_the_form_in_which_it_was_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "latest").symlink_to("a")
    for typed, taken in (
        ("runs/latest", "runs/a"),
        ("./runs/latest/minimal.json", "runs/a/minimal.json"),
        (str(tmp_path / "runs" / "latest"), str(tmp_path / "runs" / "a")),
        ("./runs/a/", "./runs/a/"),
        ("swarm:17", "swarm:17"),
        ("x" * 5_000, "x" * 5_000),
    ):
        assert Target().convert(typed, None, None) == taken
