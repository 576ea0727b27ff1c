"""``raidstorm crash-points``: recorded runs, seeds, other engines, and the line that shows a finding again."""

import json
import shlex

import pytest

from chaos.base.interrupt import Interrupt
from chaos.cli.crash_point_results import Judged
from chaos.cli.crash_points import CrashPointArguments, execute
from chaos.cli.parameters import INTERRUPTED, USAGE
from chaos.cli.screen import Screen
from chaos.cli.targets import explored, runnable
from chaos.store.capsule import write_capsule
from tests.chaos.judging.crash_runs import ACKNOWLEDGES_FUA_FIRST, REMOVE
from tests.inside import CATALOG, inside

NOT_EXERCISED = 7
CRASHED = 5
LIVENESS = 4
REMOVAL = "rebuild-under-load:4"
ASSEMBLES_OTHERWISE = """
from workers.raid.examine import Examine

class Defective(Examine):
    def _assemble(self, thread, found):
        {instead}
"""
KINDS = ("write", "answer", "both", "crash", "asked")


@pytest.fixture
def hasty(tmp_path):
    """Write a defect that answers a removal as it begins."""
    path = tmp_path / "hasty.py"
    path.write_text(REMOVE)
    return str(path)


@pytest.fixture
def recorded(tmp_path):
    """Record a run of the reference engine that passes."""
    path = tmp_path / "capsule.json"
    write_capsule(path, explored(runnable(CATALOG, REMOVAL, allow_code=False)))
    return str(path)


def report_of(*arguments):
    done = inside("crash-points", *arguments, "--format", "json")
    report = json.loads(done.stdout)
    assert report["exit_code"] == done.returncode
    assert tuple(report["points"]) == KINDS
    return report


def test_points_of_each_kind_are_counted():
    done = inside("crash-points", "restart-from-superblock:5")
    assert done.returncode == 0, done.stdout
    report = report_of("restart-from-superblock:5")
    points = report["points"]
    for kind, words in (("write", "a write"), ("answer", "an answer"), ("both", "a write and an")):
        assert points[kind]
        assert f"{points[kind]} after {words}" in done.stdout
    assert f"{sum(points.values())} crash points (" in done.stdout
    assert "0 findings" in done.stdout


def test_a_finding_names_point_and_promise_and_is_shown_again_by_its_line(hasty):
    done = inside("crash-points", REMOVAL, "--defect", hasty)
    assert done.returncode == 1
    verdict, text, killed, promised, *_ = done.stdout.splitlines()
    assert verdict.startswith("FAIL  rebuild-under-load  seed 4")
    assert verdict.endswith(", with hasty")
    assert text.startswith("  step ")
    assert text.endswith(": disk0 is taken as a member, though it was removed")
    request = "the operator removes disk0 from the array (op 11)"
    assert killed == f"    killed right after the answer to: {request}"
    assert (
        promised == f"    promised: {request}, answered with success in step {text.split()[1][:-1]}"
    )
    _, line = done.stdout.split("again: ", 1)
    words = shlex.split(line.splitlines()[0])
    again = inside(*words[words.index("crash-points") :])
    assert again.returncode == 1
    assert "1 crash point (1 after an answer), 1 finding" in again.stdout
    assert text in again.stdout


def test_a_recorded_run_has_the_points_of_its_seed(recorded):
    assert report_of(recorded) == report_of(REMOVAL)


def test_a_recorded_run_can_be_tried_on_another_engine(recorded, hasty):
    report = report_of(recorded, "--defect", hasty)
    assert (report["defects"], report["divergence"], report["exit_code"]) == (["hasty"], "", 1)
    assert report["findings"][0]["again"].endswith(f"{recorded} --defect {hasty} --at 59")


def test_run_whose_points_can_not_be_judged_says_so():
    done = inside("crash-points", "restart-from-superblock:5", "--at", "1")
    assert done.returncode == NOT_EXERCISED
    assert done.stdout.startswith("SKIP  restart-from-superblock  seed 5   0 crash points")
    assert "name a later step" in done.stdout


def test_a_recorded_run_that_diverges_on_another_engine_is_not_exercised(recorded):
    done = inside("crash-points", recorded, "--defect", "io-resumed-before-superblock")
    assert done.returncode == NOT_EXERCISED
    _, sentence = done.stdout.splitlines()
    assert sentence.startswith("  the recorded steps no longer apply: at step 64: FinishIo(")
    assert sentence.endswith("is not possible")


def test_what_was_found_before_a_divergence_counts(tmp_path, recorded):
    path = tmp_path / "fua.py"
    path.write_text(ACKNOWLEDGES_FUA_FIRST)
    report = report_of(recorded, "--defect", str(path))
    assert report["divergence"]
    assert report["findings"]
    assert report["exit_code"] == 1


def test_several_seeds_are_run_and_those_without_superblock_counted(hasty):
    report = report_of("rebuild-under-load", "--seeds", "6", "--defect", hasty)
    assert (report["seed"], report["seeds"]) == (0, 6)
    assert (report["runs"], report["without_superblock"]) == (2, 4)
    assert [finding["seed"] for finding in report["findings"]] == [4, 5]
    later = report_of("rebuild-under-load:5", "--seeds", "1", "--defect", hasty)
    assert later["findings"] == report["findings"][1:]


def test_a_point_at_which_no_array_exists_is_no_success():
    done = inside("crash-points", "baseline:4", "--at", "3")
    assert done.returncode == NOT_EXERCISED
    assert "0 crash points, 0 findings; 1 left out (no array should exist there)" in done.stdout


@pytest.mark.parametrize(
    ("instead", "code", "text"),
    [
        ('assert False, "no second start"', CRASHED, "crashes as it starts: no second start"),
        ("pass", 1, "the array is not assembled"),
        (
            "thread.send(thread.id, 'examine.array_is_online')",
            LIVENESS,
            "the target starts, and does not come to rest",
        ),
    ],
)
def test_the_exit_code_is_that_of_the_worst_finding(tmp_path, instead, code, text):
    path = tmp_path / "fragile.py"
    path.write_text(ASSEMBLES_OTHERWISE.format(instead=instead))
    done = inside("crash-points", "baseline:4", "--defect", str(path))
    assert done.returncode == code, done.stdout
    assert text in done.stdout


def test_an_interruption_keeps_what_was_found(monkeypatch, hasty):
    interrupt = Interrupt()
    take = Judged.take

    def stop_at_thirty(self, run, point):
        take(self, run, point)
        interrupt.requested = self.judged == 30

    monkeypatch.setattr(Judged, "take", stop_at_thirty)
    arguments = CrashPointArguments(target=REMOVAL, seeds=9, defects=(hasty,))
    capsule = runnable(CATALOG, REMOVAL, allow_code=False, defects=arguments.defects)
    judged = execute(capsule, arguments, Screen(output="json"), interrupt)
    assert judged.interrupted
    assert judged.code == INTERRUPTED
    assert (judged.runs, judged.judged) == (1, 30)
    assert [found.finding.text for found in judged.found.values()] == [
        "disk 0 is taken as a member, though it was removed"
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("baseline:4", "--seeds", "2", "--at", "9"), "leave --seeds out"),
        (("baseline:4", "--at", "99999"), "is beyond its end"),
        (("capsule.json", "--seeds", "2"), "is a recorded run; leave --seeds out"),
        (("baseline:4", "--defect", "none", "--defect", "none"), "--defect none stands alone"),
        (("baseline:9007199254740991", "--seeds", "9"), "the last seed would be beyond"),
        (("baseline",), "neither a run directory, nor a capsule, nor NAME:SEED"),
    ],
)
def test_mistakes_get_a_sentence(arguments, sentence):
    done = inside("crash-points", *arguments)
    assert done.returncode == USAGE
    assert sentence in done.stderr
