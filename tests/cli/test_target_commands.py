"""A target in C goes through every command: from the failing run to the exported test, and from the plan to the soak."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from chaos.cli.parameters import USAGE
from chaos.drivers.native.build import NATIVE
from tests.chaos.drivers.native.targets import needs_compiler
from tests.inside import inside
from tests.support import SEED_DEFECT, raidstorm

pytestmark = needs_compiler
CRASHING = NATIVE / "example" / "mistake_crash.c"
SIGNATURE = "crash/assertion/disk.c:disk_submit"
CRASHED = 5
SUITE = """name = "mine"
[[facets]]
experiment = "baseline"
seeds = 3
[[facets]]
experiment = "connect-during-rebuild"
seeds = 10
expect_code = {code}
"""


def on(target: str | Path) -> tuple[str, str]:
    return "--target", str(target)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Make a directory with the first failing run of the mistake that crashes, shrunk."""
    folder = tmp_path_factory.mktemp("commands")
    run = ("run", "connect-during-rebuild", *on(CRASHING), "--seeds", "20", "-x")
    assert inside(*run, cwd=folder).returncode == CRASHED
    (red,) = folder.glob("runs/connect-during-rebuild/*")
    shrunk = inside("shrink", str(red), *on(CRASHING), cwd=folder)
    assert shrunk.returncode == 0, shrunk.stderr
    assert SIGNATURE in shrunk.stdout
    return folder


@pytest.fixture(scope="module")
def red(folder):
    (red,) = folder.glob("runs/connect-during-rebuild/*")
    return str(red)


def test_a_replay_takes_the_recorded_steps(red):
    for name in ("capsule.json", "minimal.json"):
        done = inside("replay", f"{red}/{name}", *on(CRASHING))
        assert done.returncode == CRASHED, done.stderr
        assert "the fingerprint is the recorded one" in done.stdout
    other = inside("replay", f"{red}/minimal.json", *on("example"))
    assert "recorded on" in other.stdout
    assert other.returncode in (0, 7)
    # In a process of its own, since this one has opened the target.
    alone = raidstorm("replay", f"{red}/minimal.json")
    assert f"this run was recorded on example 1, debug; give --target {CRASHING}" in alone.stderr


def test_explain_names_the_step_after_which_the_crash_was_likely(red):
    done = inside("explain", red, *on(CRASHING))
    assert done.returncode == 0, done.stderr
    # With few continuations it may not be distinguished from chance.
    assert re.search(
        r"The failure became likely at step \d|it passes a half at step \d", done.stdout
    )


def test_check_judges_again_and_says_how_to_replay(red):
    done = inside("check", red)
    assert done.returncode == CRASHED, done.stderr
    assert "as stored" in done.stdout
    line = done.stdout.rpartition("replay: ")[2]
    assert shlex.split(line)[-2:] == ["--target", str(CRASHING)]


def test_state_shows_the_newest_replies(red):
    done = inside("state", red, *on(CRASHING))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bdev_raid_get_bdevs"][0]["name"] == "raid0"


def test_repro_runs_the_plan_under_other_schedules(red):
    done = inside("repro", red, *on(CRASHING), "--runs", "4")
    assert done.returncode == CRASHED, done.stderr
    assert "/4 failed" in done.stdout


def test_crash_points_start_the_target_again_at_each_step():
    done = inside("crash-points", "restart-from-superblock:0", *on("example"))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "crash points" in done.stdout


def test_a_regression_holds_where_the_target_passes(folder, red):
    done = inside("adopt", red, "no_channel", *on(CRASHING), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "the target fails: " + SIGNATURE in done.stdout
    story = (folder / "regressions" / "no_channel.txt").read_text()
    assert f"on example 1, debug: {SIGNATURE}" in story
    line = done.stdout.rpartition("check: ")[2]
    words = shlex.split(line.replace(" regress ", " \0 "))
    assert inside("regress", *words[words.index("\0") + 1 :], cwd=folder).returncode == CRASHED
    assert inside("regress", *on("example"), cwd=folder).returncode in (0, 7)


def test_a_run_is_exported_in_each_form(folder, red):
    for form in ("perfetto", "capsule"):
        assert inside("export", red, "--to", form, cwd=folder).returncode == 0
    done = inside("export", red, "--to", "pytest", "--out", "test_it.py", *on(CRASHING), cwd=folder)
    assert done.returncode == 0, done.stderr
    text = (folder / "test_it.py").read_text()
    assert f'TARGET = {{"target": "{CRASHING}"}}' in text
    assert f"replay capsule.json --target {CRASHING}" in text
    names: dict = {}
    exec(compile(text, "test_it.py", "exec"), names)  # what was just written
    with pytest.raises(AssertionError, match="the recorded failure occurs"):
        names["test_failure_does_not_occur"]()


def test_a_suite_and_a_plan(folder):
    (folder / "mine.toml").write_text(SUITE.format(code=CRASHED))
    assert inside("suite", "mine.toml", *on(CRASHING), cwd=folder).returncode == 0
    done = inside("suite", "mine.toml", *on("example"), cwd=folder)
    assert done.returncode == 7
    planned = inside("plan", "swarm", *on("example"))
    assert planned.returncode == 0, planned.stderr
    assert "left out" in planned.stdout


@pytest.mark.slow
def test_a_soak_keeps_each_signature_once_and_a_known_one_apart(folder, red):
    (folder / "soak.toml").write_text(
        'name = "soaking"\n[[facets]]\nexperiment = "connect-during-rebuild"\nseeds = 20\n'
    )
    soak = ("soak", "soak.toml", "--runs", "40", *on(CRASHING))
    done = raidstorm(*soak, "--out", str(folder / "soaks"), cwd=folder)
    assert done.returncode == CRASHED, done.stdout + done.stderr
    kept = [path for path in folder.glob("soaks/*/**/capsule.json") if "latest" not in str(path)]
    assert kept
    added = inside("known", "add", red, "--title", "no channel", cwd=folder)
    assert added.returncode == 0, added.stderr
    (known,) = folder.glob("known*.toml")
    done = raidstorm(*soak, "--known", str(known), "--out", str(folder / "known-soaks"), cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no channel" in done.stdout


def test_what_is_for_the_built_in_engine_is_refused(red):
    for words, sentence in (
        (("replay", red, *on(CRASHING), "--driver", "sim"), "which the driver sim can't replay"),
        (("replay", red, *on(CRASHING), "--defect", SEED_DEFECT), "leave --defect out"),
        (
            ("run", "baseline", *on("example"), "--driver", "sim"),
            "run on the driver native, not on sim",
        ),
        (
            ("run", "baseline", *on("example"), "--defect", SEED_DEFECT),
            "variants of the built-in engine",
        ),
    ):
        done = inside(*words)
        assert done.returncode == USAGE, words
        assert sentence in done.stderr, words


def test_an_exported_test_names_the_target_that_its_user_has_named(folder, red, tmp_path):
    """Load no file that a capsule from elsewhere names."""
    capsule = json.loads(Path(red, "minimal.json").read_text())
    capsule["plan"]["target"]["path"] = "/somewhere/else.c"
    (tmp_path / "capsule.json").write_text(json.dumps(capsule))
    options = ("--to", "pytest", "--out", "test_foreign.py", *on(CRASHING))
    assert inside("export", str(tmp_path), *options, cwd=folder).returncode == 0
    text = (folder / "test_foreign.py").read_text()
    assert "else.c" not in text
    assert str(CRASHING) in text
