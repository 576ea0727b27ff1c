"""The frequency of a failure: what counts, what varies, and the interval."""

import json
import math

import msgspec
import pytest

from chaos.base.estimates import NORMAL_95, Share, proportion
from chaos.cli.repro import percent
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.replaying.repro import Repetition, repeat
from chaos.run.controller import Controller
from chaos.store.capsule import CapsuleError, Expected, read_capsule
from tests.inside import inside
from tests.red_run import run_directory
from tests.support import ROOT, SEED_DEFECT

RUNS = 12
REFUSES = """
from workers.raid import array
class Refuses(array.RaidChannel):
    def create(self):
        raise AssertionError("no channel today")
"""


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    return run_directory(tmp_path_factory.mktemp("runs"))


def never():
    return False


def ignore(_):
    return None


def in_sim(capsule, runs=RUNS, interrupted=never, on_run=ignore):
    return repeat(capsule, "sim", (), runs, interrupted, on_run)


@pytest.mark.parametrize(("hits", "runs"), [(1, 30), (19, 30), (29, 30), (500, 1_000)])
def test_bounds_are_the_shares_that_lie_as_far_from_what_was_seen_as_chance_does(hits, runs):
    share = proportion(hits, runs)
    for bound in (share.low, share.high):
        deviation = math.sqrt(bound * (1 - bound) / runs)
        assert abs(share.value - bound) == pytest.approx(NORMAL_95 * deviation)
    assert share.low < share.value < share.high


def test_interval_says_something_of_none_of_all_and_of_nothing_run():
    assert percent(proportion(19, 30)) == "46–78 %"
    assert percent(proportion(0, 30)) == "0–11 %"
    assert percent(proportion(30, 30)) == "89–100 %"
    assert percent(proportion(0, 1_000)) == "0–0.38 %"
    assert proportion(0, 0) == Share(0.0, 0.0, 1.0)


def test_runs_are_the_same_plan_and_hosts_under_other_schedules(red):
    capsule = read_capsule(red / "capsule.json")
    seeds = []
    explore = Controller.explore

    def watched(self, seed, scheduling_seed=None):
        assert (self.plan, seed) == (capsule.plan, capsule.seed)
        seeds.append(scheduling_seed)
        return explore(self, seed, scheduling_seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Controller, "explore", watched)
        whole = in_sim(capsule)
    assert len(set(seeds)) == RUNS
    failing = 0
    for seed in seeds:
        controller = Controller(capsule.plan, SimDriver(), capsule.defect_sources())
        findings = judge(controller.explore(capsule.seed, seed))
        failing += capsule.expected.signature in [finding.signature for finding in findings]
    assert whole.failed == failing
    assert 0 < failing < RUNS
    assert whole.code == 5


def test_first_failing_run_is_kept_as_a_capsule_that_replays(red):
    (seen,) = in_sim(read_capsule(red / "capsule.json")).seen
    again = seen.capsule
    execution = Controller(again.plan, SimDriver(), again.defect_sources()).replay(again.schedule)
    assert execution.fingerprint == again.expected.fingerprint
    assert judge(execution)[0].signature == seen.signature == again.expected.signature


def test_other_failure_is_counted_apart_and_still_no_pass(red):
    capsule = read_capsule(red / "capsule.json")
    elsewhere = msgspec.structs.replace(
        capsule.expected, signature="crash/AssertionError/elsewhere"
    )
    usual = in_sim(capsule)
    whole = in_sim(msgspec.structs.replace(capsule, expected=elsewhere))
    assert whole.failed == 0
    assert sum(seen.runs for seen in whole.seen) == usual.failed
    assert not any(seen.counts for seen in whole.seen)
    assert whole.code == 5


def test_without_a_recorded_failure_each_failure_counts(red):
    capsule = read_capsule(red / "capsule.json")
    whole = in_sim(msgspec.structs.replace(capsule, expected=None))
    assert whole.failed == in_sim(capsule).failed


def test_lockstep_counts_what_sim_counts(red):
    capsule = read_capsule(red / "capsule.json")
    whole = repeat(capsule, "lockstep", (), 4, never, ignore)
    assert (whole.failed, whole.runs) == (in_sim(capsule, 4).failed, 4)


def test_wish_to_stop_keeps_what_has_run(red):
    capsule = read_capsule(red / "capsule.json")
    counted = []
    whole = in_sim(
        capsule, interrupted=lambda: len(counted) >= 3, on_run=lambda _: counted.append(1)
    )
    assert (whole.runs, whole.interrupted, whole.code) == (3, True, 130)

    def second_time(_: Repetition) -> None:
        raise KeyboardInterrupt

    whole = in_sim(capsule, on_run=second_time)
    assert (whole.runs, whole.interrupted) == (1, True)


def test_what_one_run_cannot_show_is_refused(red):
    capsule = read_capsule(red / "capsule.json")
    with pytest.raises(CapsuleError, match="two runs of one seed"):
        in_sim(
            msgspec.structs.replace(
                capsule, expected=Expected(6, "determinism/difference/x", "", 1)
            )
        )
    done = inside("repro", str(ROOT / "tests/regressions/new_channel_null_module_ctx.json"))
    assert done.returncode == 2
    assert "shrunk run" in done.stderr


def test_command_says_how_often_and_exits_with_the_failure_s_code(red, tmp_path):
    done = inside("repro", str(red), "--runs", "12", "--out", str(tmp_path / "kept"))
    expected = in_sim(read_capsule(red / "capsule.json"))
    assert done.returncode == 5, done.stderr
    assert f"{expected.failed}/12 failed ({percent(expected.share)}): crash/" in (done.stdout)
    assert "under other schedules" in done.stdout
    assert inside("replay", str(tmp_path / "kept" / "failure-1.json")).returncode == 5
    done = inside("repro", str(red), "--runs", "12", "--defect", "none", "--format", "json")
    report = json.loads(done.stdout)
    assert done.returncode == report["exit_code"] == 0
    assert (report["failed"], report["runs"], report["failures"]) == (0, 12, [])


def test_free_runs_are_counted_as_they_come(tmp_path):
    (tmp_path / "refuses.py").write_text(REFUSES)
    options = ("--driver", "realtime", "--runs", "2", "--defect", str(tmp_path / "refuses.py"))
    done = inside("repro", "baseline:1", *options)
    assert done.returncode == 5, done.stderr
    assert "2/2 failed (34–100 %)" in done.stdout
    assert "race" in done.stdout
    assert SEED_DEFECT not in done.stdout
