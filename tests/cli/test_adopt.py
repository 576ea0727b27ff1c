"""From a failing run to a regression, and the checks of a regression."""

import json
import shlex
import shutil
from pathlib import Path

import click
import msgspec
import pytest

from chaos.checkers import Finding, Verdict
from chaos.cli.adopt import name_checked
from chaos.replaying.regression import capsules_in, check_capsule, check_file
from chaos.steps.schedule import Deliver, Read
from chaos.store.capsule import CapsuleError, read_capsule, write_capsule
from tests.inside import inside
from tests.red_run import run_directory
from tests.support import ROOT, SEED_DEFECT

ADOPTED = ROOT / "tests" / "regressions"
OWN_DEFECT = """
from workers.raid import array
class Refuses(array.RaidChannel):
    def create(self):
        raise AssertionError("no channel today")
"""
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    return run_directory(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def adopted(red, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adopting")
    done = inside("adopt", str(red), "born_too_late", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "regressions"


def copy_of(folder: Path, name: str, into: Path) -> Path:
    for suffix in (".json", ".txt"):
        shutil.copy(folder / (name + suffix), into)
    return into / (name + ".json")


def test_adopted_failure_is_small_told_and_passes_the_test_of_regressions(red, adopted):
    assert [path.name for path in capsules_in(adopted)] == ["born_too_late.json"]
    path = adopted / "born_too_late.json"
    assert check_file(path).problem == ""
    assert len(read_capsule(path).schedule) < len(read_capsule(red / "capsule.json").schedule)
    story = path.with_suffix(".txt").read_text()
    for words in ("seed 4", SEED_DEFECT, "module_channel != NULL", "rebuild of slot 0"):
        assert words in story
    line = story.splitlines()[-1].removeprefix("replay: raidstorm ")
    assert inside(*shlex.split(line), cwd=adopted.parent).returncode == 5
    # The shrunk files stay in the run directory too.
    for name in ("minimal.json", "minimal.log", "minimal.html"):
        assert (red / name).exists()
    done = inside("regress", "-v", cwd=adopted.parent)
    assert done.returncode == 0, done.stderr
    assert "born_too_late.json" in done.stdout


def test_directory_of_regressions_that_is_there_is_taken(red, adopted, tmp_path):
    (tmp_path / "tests" / "regressions").mkdir(parents=True)
    done = inside("adopt", str(red), "again", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "tests" / "regressions").iterdir()}
    assert names == {"again.json", "again.txt"}
    assert not (tmp_path / "regressions").exists()


def test_what_is_there_is_overwritten_only_on_demand(adopted, tmp_path):
    path = copy_of(adopted, "born_too_late", tmp_path)
    mine = path.with_suffix(".txt")
    mine.write_text("what I found out\n")
    path.unlink()
    command = ("adopt", str(adopted / "born_too_late.json"), "born_too_late", "--to", str(tmp_path))
    done = inside(*command)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert (mine.read_text(), path.exists()) == ("what I found out\n", False)
    assert inside(*command, "--force").returncode == 0
    assert check_file(path).problem == ""


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "", "with space", ".hidden", "x.json", "x" * 81, "x\n"]
)
def test_name_that_is_no_file_name_is_refused(name):
    with pytest.raises(click.UsageError, match="can't be the name of a regression"):
        name_checked(name)
    assert name_checked("Slot-0_gone") == "Slot-0_gone"


def test_minimal_run_of_another_run_is_not_adopted(red, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(red, folder)
    shutil.copy(ADOPTED / "pulled_as_its_rebuild_ended.json", folder / "minimal.json")
    done = inside("adopt", str(folder), "x", "--to", str(tmp_path))
    assert done.returncode == 2
    assert "belongs to another run" in done.stderr


def test_defect_from_a_file_is_adopted_with_leave_only(tmp_path):
    (tmp_path / "refuses.py").write_text(OWN_DEFECT)
    options = ("--seed", "1", "--defect", "refuses.py")
    assert inside("run", "baseline", *options, cwd=tmp_path).returncode == 5
    command = ("adopt", "runs/latest-failure", "refused")
    done = inside(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert "--allow-code" in done.stderr
    assert inside(*command, "--allow-code", cwd=tmp_path).returncode == 0
    assert inside("regress", cwd=tmp_path).returncode == 2
    assert inside("regress", "--allow-code", cwd=tmp_path).returncode == 0


def without_a_message(capsule):
    """Make a capsule whose steps are no longer all possible."""
    number = next(index for index, step in enumerate(capsule.schedule) if isinstance(step, Deliver))
    schedule = [*capsule.schedule[:number], *capsule.schedule[number + 1 :]]
    expected = replace(capsule.expected, steps=len(schedule))
    return replace(capsule, schedule=schedule, expected=expected)


def test_steps_that_no_longer_apply_are_no_pass(adopted):
    held = check_capsule(without_a_message(read_capsule(adopted / "born_too_late.json")))
    assert held.code is Verdict.NOT_EXERCISED
    assert not held.applies
    assert "no longer apply" in held.problem


def test_defect_that_is_not_caught_any_more_is_no_pass(adopted):
    capsule = read_capsule(adopted / "born_too_late.json")
    expected = replace(capsule.expected, signature="crash/AssertionError/elsewhere")
    held = check_capsule(replace(capsule, expected=expected))
    assert held.code is Verdict.NOT_EXERCISED
    assert "must fail with crash/AssertionError/elsewhere" in held.problem


def test_reference_engine_that_fails_is_no_pass():
    capsule = read_capsule(ADOPTED / "pulled_as_its_rebuild_ended.json")
    wrong = Finding(
        check="own", kind="k", shape="s", summary="sum", step=1, verdict=Verdict.INVALID
    )
    held = check_capsule(capsule, (lambda _: [wrong],))
    assert held.code is Verdict.INVALID
    assert held.problem == "the reference engine fails: own/k/s: sum"


def test_mended_engine_that_takes_other_steps_is_asked_by_the_script_and_must_take_all_of_it(
    adopted,
):
    # As if the reference engine had crashed at the recording, and were repaired now.
    capsule = replace(read_capsule(adopted / "born_too_late.json"), defects=[])
    capsule = without_a_message(capsule)
    assert check_capsule(capsule).problem == ""
    assert "no longer apply" in check_capsule(replace(capsule, script=None)).problem
    too_early = Read(9_999, 0, 1, 0, 0, 1)  # no host is connected yet
    held = check_capsule(replace(capsule, script=[too_early, *capsule.script]))
    assert "is not possible" in held.problem
    assert not held.applies


def test_capsule_without_a_recorded_failure_is_no_regression():
    capsule = read_capsule(ADOPTED / "pulled_as_its_rebuild_ended.json")
    for nothing in (replace(capsule, schedule=None), replace(capsule, expected=None)):
        assert "no recorded failure" in check_capsule(nothing).problem


def test_regress_exits_with_the_worst_and_passes_no_empty_directory(adopted, tmp_path):
    with pytest.raises(CapsuleError, match="no regressions"):
        capsules_in(tmp_path)
    assert inside("regress", str(tmp_path)).returncode == 2
    path = copy_of(adopted, "born_too_late", tmp_path)
    path.with_suffix(".txt").unlink()
    assert "has no born_too_late.txt" in check_file(path).problem
    stale = tmp_path / "stale.json"
    write_capsule(stale, without_a_message(read_capsule(path)))
    done = inside("regress", str(tmp_path), str(ADOPTED), "--format", "json")
    report = json.loads(done.stdout)
    assert done.returncode == report["exit_code"] == 7
    kept = [0] * len(capsules_in(ADOPTED))
    assert kept
    assert [one["code"] for one in report["regressions"]] == [7, 7, *kept]
