"""Likely mistakes at the command line and in files: the sentence says what is meant, or what to do."""

import pytest

from tests.cli.test_cli import assert_refused
from tests.inside import inside


@pytest.mark.parametrize(
    ("gate", "hint"),
    [
        (
            "rebuild.running x member_removal",
            "member_removal is an operation; a pair is a state x a fault",
        ),
        ("disk_failure x rebuild.running", "did you mean rebuild.running x disk_failure?"),
        ("rebuild.runing x disk_failure", "did you mean rebuild.running x disk_failure?"),
        ("rebuilds_finishd", "did you mean rebuilds_finished?"),
        ("zzz", "'raidstorm list reach' and 'raidstorm list states' have"),
    ],
)
def test_hint_for_a_gate_that_is_not_counted(tmp_path, gate, hint):
    (tmp_path / "mine.toml").write_text(f'name = "x"\n[reach]\n"{gate}" = 1\n')
    done = inside("run", "mine.toml", cwd=tmp_path)
    assert_refused(done, f"mine.toml:3: reach {gate} = 1 is not counted; {hint}")


def test_check_without_a_function_may_be_a_built_in_one(tmp_path):
    for name, hint in (("registre", "; did you mean register? Built-in checks always"), ("zz", "")):
        (tmp_path / "mine.toml").write_text(f'name = "x"\nchecks = ["{name}"]\n')
        done = inside("run", "mine.toml", cwd=tmp_path)
        assert_refused(done, f"check {name} must be named module:function{hint}")
        assert ("did you mean" in done.stderr) == bool(hint)


@pytest.mark.parametrize(
    "command", [("export", "runs", "--to", "capsule"), ("check", "runs")], ids=lambda one: one[0]
)
def test_only_a_directory_is_said_to_hold_runs(tmp_path, command):
    (tmp_path / "runs").mkdir()
    example = "(such as runs/latest-failure)"
    assert_refused(inside(*command, cwd=tmp_path), "runs has no capsule.json, so it is", example)
    (tmp_path / "runs").rmdir()
    done = inside(*command, cwd=tmp_path)
    assert_refused(done, "runs")
    assert "such as" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [("replay",), ("check",), ("export", "--to", "capsule")],
    ids=lambda one: one[0],
)
def test_link_to_a_run_that_leads_nowhere(tmp_path, command):
    (tmp_path / "runs").mkdir()
    words = (*command, "runs/latest-failure")
    assert_refused(
        inside(*words, cwd=tmp_path), "there is no runs/latest-failure: no run has failed here"
    )
    (tmp_path / "runs" / "latest-failure").symlink_to("baseline/1-sim-0")
    assert_refused(
        inside(*words, cwd=tmp_path),
        "runs/latest-failure points to baseline/1-sim-0, which is gone",
    )


def test_regress_without_a_directory_of_its_own(tmp_path):
    done = inside("regress", cwd=tmp_path)
    assert_refused(
        done,
        "there is neither tests/regressions nor ./regressions here; 'raidstorm adopt' makes one",
    )
