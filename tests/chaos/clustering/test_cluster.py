"""A real Dask scheduler with two real workers on this machine: seeds over them, and their failures."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import msgspec
import pytest

from chaos.base import process_pool
from chaos.base.interrupt import Interrupt
from chaos.base.process_pool import ExecutorPool
from chaos.campaigns.campaign import CampaignRequest, run_campaign
from chaos.campaigns.jobs import Job
from chaos.campaigns.runner import RunSpec
from chaos.clustering import dask_cluster
from chaos.clustering.remote_job import (
    ClusterBrokenError,
    CodeVersion,
    RemoteJob,
    code_version,
    run_remote_job,
    stop_of,
)
from chaos.store.store import KEPT_PER_SIGNATURE_MAX
from experiments.catalog import EXPERIMENTS
from tests.support import (
    SEED_DEFECT,
    leftovers,
    popen,
    raidstorm,
    run_json,
    run_refused,
    start,
    wait_for,
)

pytestmark = pytest.mark.processes

NAME = "connect-during-rebuild"
WORKER = ("--no-nanny", "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1")


class Dask:
    """A scheduler, and its workers."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes = []
        self.scheduler = self._start(
            *("scheduler", "--host", "127.0.0.1", "--port", "0"),
            *("--dashboard-address", "127.0.0.1:0"),
        )
        wait_for(self.file.exists, "the scheduler")
        self.workers = []

    def _start(self, what, *options):
        process = popen(
            [
                *(sys.executable, "-m", f"distributed.cli.dask_{what}"),
                *("--scheduler-file", str(self.file), *options),
            ],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def add_worker(self, *options):
        self.workers.append(
            self._start("worker", *WORKER, "--local-directory", str(self.folder), *options)
        )
        return self.workers[-1]

    @property
    def address(self):
        return json.loads(self.file.read_text())["address"]

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    dask = Dask(tmp_path_factory.mktemp("dask"))
    for _ in range(2):
        dask.add_worker()
    yield dask
    dask.end()


def index(out):
    lines = [json.loads(line) for line in (out / "index.jsonl").read_text().splitlines()]
    return sorted(lines, key=lambda line: line["seed"])


def fingerprints(out):
    return [(line["seed"], line["fingerprint"], line["code"], line["steps"]) for line in index(out)]


def test_seeds_have_the_same_fingerprints_as_on_this_machine(dask, tmp_path):
    home, away = tmp_path / "home", tmp_path / "away"
    run_json(NAME, "--seeds", "60", out=home)
    report = run_json(NAME, "--seeds", "60", "--cluster", dask.address, out=away)
    assert report["runs"] == report["valid"] == 60
    assert [line["seed"] for line in index(away)] == list(range(60))
    assert fingerprints(away) == fingerprints(home)
    assert sorted(path.name for path in away.iterdir()) == ["index.jsonl"]


def test_failing_runs_come_home_and_replay_there(dask, tmp_path):
    out = tmp_path / "it's here"
    report = run_json(
        *(NAME, "--seeds", "60", "--defect", SEED_DEFECT, "--cluster", dask.address), out=out
    )
    assert report["exit_code"] == 5
    assert report["crashed"] > KEPT_PER_SIGNATURE_MAX  # so that there is something to leave out
    kept = [line["run_dir"] for line in index(out) if line["run_dir"]]
    assert len(kept) == KEPT_PER_SIGNATURE_MAX
    assert sorted(kept) == sorted(str(path) for path in (out / NAME).iterdir())
    assert str((out / "latest-failure").resolve()) in kept
    for failure in report["failures"]:
        if failure["run_dir"]:
            assert failure["run_dir"] in kept
            assert failure["run_dir"].rpartition("/")[2] in failure["replay"]
        else:
            assert f"{NAME}:{failure['seed']} --defect {SEED_DEFECT}" in failure["replay"]
    failure = next(failure for failure in report["failures"] if failure["run_dir"])
    stored = json.loads((out / "latest-failure" / "result.json").read_text())
    assert "here" in stored["replay"]
    done = subprocess.run(
        failure["replay"], shell=True, capture_output=True, text=True, cwd=os.getcwd(), timeout=60
    )
    assert done.returncode == 5, done.stdout + done.stderr
    assert raidstorm("check", kept[0]).returncode == 5
    assert all(leftovers(worker.pid) == [] for worker in dask.workers)


def test_interrupted_campaign_leaves_the_workers_usable(dask, tmp_path):
    out = tmp_path / "runs"
    process = start(
        NAME, "--seeds", "100000", "--cluster", dask.address, "--format", "json", out=out
    )
    wait_for((out / "index.jsonl").exists, "the first seeds")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert json.loads(output)["runs"] == len(index(out))
    assert "Traceback" not in errors
    report = run_json("baseline", "--seeds", "5", "--cluster", dask.address, out=out)
    assert report["valid"] == 5


def test_worker_with_two_threads_is_refused(dask, tmp_path):
    worker = dask.add_worker("--nthreads", "2")
    try:

        def is_refused():
            done = raidstorm(
                *("run", "baseline", "--seeds", "1", "--cluster", dask.address),
                *("--out", str(tmp_path)),
            )
            return done.returncode == 2 and "has 2 threads" in done.stderr

        wait_for(is_refused, "the worker to be there")
    finally:
        dask.workers.remove(worker)
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)


def test_killed_worker_costs_no_seed_and_counts_none_twice(dask, tmp_path):
    out = tmp_path / "runs"
    process = start(NAME, "--seeds", "150", "--cluster", dask.address, "--format", "json", out=out)
    wait_for((out / "index.jsonl").exists, "the first seeds")
    dask.workers.pop().kill()
    output, errors = process.communicate(timeout=90)
    report = json.loads(output)
    assert report["exit_code"] == 0, errors
    assert report["runs"] == 150
    assert [line["seed"] for line in index(out)] == list(range(150))


def test_scheduler_that_goes_away_ends_the_run_with_seventy(dask, tmp_path):
    """End with code 70 when the scheduler goes away; this is the last test with this scheduler."""
    out = tmp_path / "runs"
    process = start(
        NAME, "--seeds", "100000", "--cluster", dask.address, "--format", "json", out=out
    )
    wait_for((out / "index.jsonl").exists, "the first seeds")
    dask.scheduler.kill()
    output, errors = process.communicate(timeout=60)
    report = json.loads(output)
    assert process.returncode == report["exit_code"] == 70, errors
    assert "is gone" in report["error"]
    assert report["runs"] == len(index(out)) > 0
    assert "Traceback" not in errors


def test_scheduler_that_is_not_there_is_a_sentence(monkeypatch, tmp_path):
    assert dask_cluster.CONNECT_SECONDS_MAX == 10
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS_MAX", 1)
    done = run_refused("run", "baseline", "--cluster", "tcp://127.0.0.1:1", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "there is no Dask scheduler at tcp://127.0.0.1:1" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--driver", "lockstep", "--cluster", "tcp://127.0.0.1:1"),
            "--cluster is for the driver sim",
        ),
        (("--jobs", "2", "--cluster", "tcp://127.0.0.1:1"), "--jobs is for this machine"),
        (("--cluster", "nowhere"), "'nowhere' is not a scheduler's address"),
        (("--cluster", "tcp://[::1"), "is not a scheduler's address"),
    ],
)
def test_what_makes_no_sense_is_refused(options, sentence, tmp_path):
    done = run_refused("run", "baseline", *options, "--out", str(tmp_path))
    assert done.returncode == 2
    assert sentence in done.stderr


def test_without_dask_the_option_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "chaos.clustering.dask_cluster", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = run_refused("run", "baseline", "--cluster", "tcp://127.0.0.1:1", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "pip install 'raidstorm[cluster]'" in done.stderr


def spec_of(out):
    return RunSpec(EXPERIMENTS["baseline"], "sim", (), (), "baseline", "raidstorm", str(out))


@pytest.mark.parametrize("field", ["raidstorm", "python", "digest"])
def test_other_code_is_refused(field, tmp_path):
    other: CodeVersion = msgspec.structs.replace(code_version(), **{field: "other"})
    remote_job = RemoteJob(Job(spec_of(tmp_path), (0,)), "campaign", other, ())
    with pytest.raises(ClusterBrokenError, match=r"the worker w has raidstorm .* install the same"):
        run_remote_job(remote_job, "the worker w")


def test_any_executor_is_a_pool(tmp_path):
    request = CampaignRequest(
        spec=spec_of(tmp_path), first_seed=3, seeds=20, seconds=None, jobs=1, stop_on_first=False
    )
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        report = run_campaign(request, Interrupt(), lambda _: None, ExecutorPool(executor, 2))
        assert executor.submit(abs, -1).result() == 1  # the owner's executor is still open
    assert report.runs == report.valid == 20
    assert [line["seed"] for line in index(tmp_path)] == list(range(3, 23))


def test_campaign_that_was_stopped_runs_no_more_seeds_on_a_worker(tmp_path):
    remote_jobs = [
        RemoteJob(Job(spec_of(tmp_path), (0, 1)), campaign, code_version(), ())
        for campaign in ("stopped", "another")
    ]
    stop_of("stopped").set()
    assert [len(run_remote_job(remote_job, "here").results) for remote_job in remote_jobs] == [0, 2]


class Forgetful:
    """A pool that loses a number of tasks, as Dask does when workers have died."""

    def __init__(self, losses):
        self.width, self.losses, self.asked = 1, losses, []

    def submit(self, function, argument):
        self.asked.append(argument)
        future = Future()
        if argument == 1 and self.losses:
            self.losses -= 1
            future.set_exception(process_pool.TaskLostError("its workers have died"))
        else:
            future.set_result(function(argument))
        return future

    def stop(self): ...

    def close(self, *, now): ...


def outcomes(pool):
    tasks = iter([process_pool.Task(abs, number) for number in range(4)])
    done = process_pool.run_all(pool, lambda: next(tasks, None), Interrupt())
    return sorted(ended.result for ended in done)


def test_task_that_is_given_up_is_done_again_once_and_the_others_are_not():
    pool = Forgetful(losses=1)
    assert outcomes(pool) == [0, 1, 2, 3]
    assert sorted(pool.asked) == [0, 1, 1, 2, 3]
    with pytest.raises(BrokenProcessPool, match="twice"):
        outcomes(Forgetful(losses=2))
