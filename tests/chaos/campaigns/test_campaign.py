"""Campaigns over a pool: each run is counted and indexed, and the first failure is that of the lowest seed."""

import json
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest

from chaos.base.interrupt import Interrupt
from chaos.base.job_process import JobProcess
from chaos.campaigns.campaign import CampaignRequest, run_campaign
from chaos.campaigns.runner import RunSpec
from chaos.plan.driver_names import DRIVERS
from chaos.store.store import Store, StoreError
from experiments.catalog import EXPERIMENTS
from tests.support import SEED_DEFECT
from workers.defects.loader import read_defect

FIRST_FAILING = 4  # among the seeds from 1 on, with the defect; others fail in later chunks
CHUNK = DRIVERS["sim"].chunk_seeds


class Pool:
    """Runs each task at its submission, in this process."""

    width = 2

    def __init__(self):
        self.process = JobProcess(lambda: self.is_stopped)
        self.is_stopped = False
        self.submitted = []

    def submit(self, function, argument):
        self.submitted.append(argument)
        future = Future()
        self.run(future, function, argument)
        return future

    def run(self, future, function, argument):
        future.set_result(function(self.process, argument))

    def stop(self):
        self.is_stopped = True

    def reopen(self): ...

    def close(self, *, now):
        self.process.close()


class SlowAtFirst(Pool):
    """The first task takes longest."""

    def run(self, future, function, argument):
        if len(self.submitted) == 1:
            self.end_first = lambda: (
                future.done() or super(SlowAtFirst, self).run(future, function, argument)
            )
        else:
            super().run(future, function, argument)


class Forgetful(Pool):
    """The process of the second task is killed when it has run all its seeds."""

    def run(self, future, function, argument):
        result = function(self.process, argument)
        if len(self.submitted) == 2:
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result(result)


def request(out, *, defects=(), seeds=1_000, stop_on_first=False, jobs=1):
    spec = RunSpec(
        EXPERIMENTS["connect-during-rebuild"],
        "sim",
        tuple(map(read_defect, defects)),
        defects,
        "connect-during-rebuild",
        "raidstorm",
        str(out),
    )
    return CampaignRequest(
        spec=spec,
        first_seed=1,
        seeds=seeds,
        seconds=None,
        jobs=jobs,
        stop_on_first=stop_on_first,
    )


def indexed(out):
    return [json.loads(line)["seed"] for line in (out / "index.jsonl").read_text().splitlines()]


def test_first_failure_is_that_of_the_lowest_seed_and_all_that_ran_is_counted(tmp_path):
    pool = SlowAtFirst()
    seen = []

    def on_result(result):
        seen.append(result)
        if result.findings and result.seed > 2 * CHUNK:  # not the first failure that came in
            pool.end_first()

    wanted = request(tmp_path, defects=(SEED_DEFECT,), stop_on_first=True)
    report = run_campaign(wanted, Interrupt(), on_result, pool)
    assert seen[0].seed > CHUNK, "another chunk came first"
    assert report.failures[0].seed == FIRST_FAILING
    assert [failure.seed for failure in report.failures] == sorted(
        result.seed for result in seen if result.findings
    )
    assert report.runs == len(seen) == len(indexed(tmp_path))
    assert sorted(indexed(tmp_path)) == sorted(result.seed for result in seen)
    # Nothing was handed out after the first failure but what each process had at hand, and a chunk ends with one.
    assert len(pool.submitted) == 2 * pool.width
    assert report.runs < 2 * pool.width * CHUNK
    kept = {path.parent.name for path in (tmp_path).glob("*/*/result.json")}
    assert len(kept) == len(report.failures)


@pytest.mark.parametrize("jobs", [1, 2])
def test_number_of_jobs_does_not_change_which_seed_is_named(tmp_path, jobs):
    wanted = request(tmp_path, defects=(SEED_DEFECT,), stop_on_first=True, jobs=jobs)
    report = run_campaign(wanted, Interrupt(), lambda _: None)
    assert report.exit_code == 5
    assert report.failures[0].seed == FIRST_FAILING
    assert report.runs == len(indexed(tmp_path))
    assert set(range(1, FIRST_FAILING + 1)) <= set(indexed(tmp_path))


def test_seeds_of_a_killed_process_are_in_the_index_once(tmp_path):
    pool = Forgetful()
    report = run_campaign(request(tmp_path, seeds=3 * CHUNK), Interrupt(), lambda _: None, pool)
    assert report.runs == report.valid == 3 * CHUNK
    assert len(pool.submitted) == 4
    assert sorted(indexed(tmp_path)) == list(range(1, 3 * CHUNK + 1))


class FullDisk:
    """From this seed on, no run can begin; what has been written stays."""

    def __init__(self, monkeypatch, seed):
        begin = Store.begin

        def refuse(store, capsule):
            if capsule.seed >= seed:
                raise StoreError("runs/x can't be written: No space left on device")
            return begin(store, capsule)

        monkeypatch.setattr(Store, "begin", refuse)


@pytest.mark.parametrize("over", [None, Pool])
def test_full_disk_ends_a_campaign_whose_failures_are_reported(tmp_path, monkeypatch, over):
    FullDisk(monkeypatch, FIRST_FAILING + 2)
    wanted = request(tmp_path, defects=(SEED_DEFECT,))
    pool = over and over()
    report = run_campaign(wanted, Interrupt(), lambda _: None, pool)
    assert report.exit_code == 5
    assert report.error == (
        f"stopped at seed {FIRST_FAILING + 2}: runs/x can't be written: No space left on device"
    )
    assert FIRST_FAILING in [failure.seed for failure in report.failures]
    assert report.runs == FIRST_FAILING + 1 == len(indexed(tmp_path))
    # No task begins any more but those that each process had at hand.
    assert pool is None or len(pool.submitted) <= 2 * pool.width


def test_full_disk_without_a_failure_is_no_pass(tmp_path, monkeypatch):
    FullDisk(monkeypatch, 3)
    report = run_campaign(request(tmp_path), Interrupt(), lambda _: None)
    assert (report.exit_code, report.runs, report.valid) == (2, 2, 2)
    assert report.error.startswith("stopped at seed 3: ")


def test_index_that_cannot_be_written_ends_a_campaign_and_loses_no_run(tmp_path):
    (tmp_path / "index.jsonl").mkdir()
    wanted = request(tmp_path, defects=(SEED_DEFECT,), seeds=100)
    report = run_campaign(wanted, Interrupt(), lambda _: None)
    assert (report.exit_code, report.runs) == (2, 1)
    assert "stopped at seed 1: " in report.error
    assert "index.jsonl can't be written: Is a directory" in report.error
    report = run_campaign(wanted, Interrupt(), lambda _: None, Pool())
    assert FIRST_FAILING in [failure.seed for failure in report.failures]
    assert report.exit_code == 5
