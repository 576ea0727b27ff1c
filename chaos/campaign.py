"""Many seeds of one experiment: in this process or over several, for a number of seeds or a time."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from multiprocessing.util import Finalize
from pathlib import Path

import msgspec

from chaos.checkers import Verdict
from chaos.checkers.finding import worst
from chaos.doctor import clean
from chaos.drivers.base import DriverError
from chaos.drivers.processes import InterruptedRunError
from chaos.experiment import Experiment
from chaos.fidelity import Fidelity
from chaos.interrupt import Interrupt, shielded
from chaos.reach import add_reach
from chaos.reach_names import REACH_NAMES
from chaos.resources import Resources, Watch
from chaos.run import Runner, RunResult, RunSpec
from chaos.store import Store
from workers.main import die_with_parent

FINGERPRINTS_SHOWN_MAX = 50
FAILURES_SHOWN_MAX = 100
# Below so many runs, what an experiment should have reached may not have come up yet.
GATE_RUNS_MIN = {"sim": 20, "lockstep": 20, "realtime": 5}
CHUNK_SEEDS = {"sim": 16, "lockstep": 1, "realtime": 1}
WAIT_SECONDS = 0.2
INTERRUPT_SECONDS_MAX = 3.0


class Failure(msgspec.Struct, frozen=True):
    """One failing run in a report."""

    experiment: str
    driver: str
    seed: int
    code: int
    check: str
    summary: str
    signature: str
    fingerprint: str
    run_dir: str
    replay: str
    story: list[str]


class Report(msgspec.Struct):
    """What came of a campaign; this is what ``--format json`` prints."""

    experiment: str
    driver: str
    first_seed: int
    seeds: int = 0
    runs: int = 0
    valid: int = 0
    invalid: int = 0
    unknown: int = 0
    crashed: int = 0
    hung: int = 0
    steps: int = 0
    seconds: float = 0.0
    exit_code: int = 0
    reach: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(REACH_NAMES, 0))
    missing: list[str] = []
    gate_not_judged: bool = False
    failures: list[Failure] = []
    failures_left_out: int = 0
    fingerprints: dict[str, str] = {}
    fidelity: Fidelity | None = None  # of free runs
    resources: Resources | None = None  # of this process and those below it; not in ``sim``
    interrupted: bool = False
    error: str = ""

    def add(self, result: RunResult) -> None:
        """Count one run."""
        self.seeds += 1
        self.runs += 1
        self.steps += result.steps
        add_reach(self.reach, result.reach)
        match result.verdict:
            case Verdict.VALID:
                self.valid += 1
            case Verdict.CRASHED:
                self.crashed += 1
            case Verdict.LIVENESS:
                self.hung += 1
            case Verdict.INVALID | Verdict.NONDETERMINISM:
                self.invalid += 1
            case Verdict.UNKNOWN | Verdict.NOT_EXERCISED | Verdict.BROKEN:
                self.unknown += 1
        if self.driver == "realtime":
            self.fidelity = self.fidelity or Fidelity()
            self.fidelity.add(result.seed, result.parted, result.replay_seconds)
        if len(self.fingerprints) <= FINGERPRINTS_SHOWN_MAX:
            self.fingerprints[str(result.seed)] = result.fingerprint
        if result.findings and len(self.failures) < FAILURES_SHOWN_MAX:
            self.failures.append(_failure(self, result))
        elif result.findings:
            self.failures_left_out += 1


def _failure(report: Report, result: RunResult) -> Failure:
    first = result.findings[0]
    return Failure(
        experiment=report.experiment,
        driver=report.driver,
        seed=result.seed,
        code=int(result.verdict),
        check=first.check,
        summary=first.summary,
        signature=first.signature,
        fingerprint=result.fingerprint,
        run_dir=result.run_dir,
        replay=result.replay,
        story=result.story,
    )


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked for: ``seeds`` None means until ``seconds`` are over."""

    spec: RunSpec
    first_seed: int
    seeds: int | None
    seconds: float | None
    jobs: int
    stop_on_first: bool


def run_campaign(
    request: Request, interrupt: Interrupt, on_result: Callable[[RunResult], None]
) -> Report:
    """Run seeds until their number or the time is over; reports also when interrupted."""
    spec = request.spec
    report = Report(spec.experiment.name, spec.driver, request.first_seed)
    begun = time.monotonic()
    verdicts: list[Verdict] = []
    watch = Watch()
    results = _in_processes if request.jobs > 1 else _in_this_process
    try:
        with contextlib.closing(results(request, interrupt, begun)) as running:
            for result in running:
                report.add(result)
                if request.spec.driver != "sim":
                    watch.look()
                verdicts.append(result.verdict)
                on_result(result)
                if result.findings and request.stop_on_first:
                    break
    except KeyboardInterrupt:
        # The second wish to stop; what has run is reported all the same.
        interrupt.requested = True
    except (DriverError, BrokenProcessPool) as error:
        report.error = str(error)
        verdicts.append(Verdict.BROKEN)
    finally:
        # Of job processes that were killed; the living ones tidy up themselves.
        clean(owners=_job_pids)
        Store(Path(spec.out)).drop_if_empty(spec.experiment.name)
    report.interrupted = interrupt.requested
    report.resources = watch.report()
    report.seconds = round(time.monotonic() - begun, 3)
    report.failures.sort(key=lambda failure: failure.seed)
    if report.runs > FINGERPRINTS_SHOWN_MAX:
        report.fingerprints = {}
    else:
        report.fingerprints = dict(
            sorted(report.fingerprints.items(), key=lambda item: int(item[0]))
        )
    report.exit_code = _exit_code(report, spec.experiment, verdicts)
    return report


def _exit_code(report: Report, experiment: Experiment, verdicts: list[Verdict]) -> int:
    if report.interrupted:
        return 130
    report.gate_not_judged = bool(experiment.reach) and report.runs < GATE_RUNS_MIN[report.driver]
    if not report.gate_not_judged and set(verdicts) == {Verdict.VALID}:
        report.missing = [
            f"{name}: {report.reach.get(name, 0)} of {wanted}"
            for name, wanted in experiment.reach.items()
            if report.reach.get(name, 0) < wanted
        ]
        if report.missing:
            verdicts = [*verdicts, Verdict.NOT_EXERCISED]
    return int(worst(verdicts))


def _seeds(request: Request, interrupt: Interrupt, begun: float) -> Iterator[int]:
    """Seed after seed, until their number or the time is over, or the user wants to stop."""
    counted = (
        itertools.count(request.first_seed)
        if request.seeds is None
        else range(request.first_seed, request.first_seed + request.seeds)
    )
    for seed in counted:
        if interrupt.requested:
            return
        if request.seconds is not None and time.monotonic() - begun >= request.seconds:
            return
        yield seed


def _in_this_process(
    request: Request, interrupt: Interrupt, begun: float
) -> Generator[RunResult, None, None]:
    runner = Runner(request.spec, Store(Path(request.spec.out)), interrupt)
    try:
        for seed in _seeds(request, interrupt, begun):
            try:
                yield runner.run_seed(seed)
            except InterruptedRunError:
                return
    finally:
        runner.close()


# Over several processes: each keeps one runner, and so one driver, from seed to seed.

_runner: Runner | None = None
_job_pids: set[int] = set()


def _start_job(spec: RunSpec, parent_pid: int, stop: Event) -> None:
    global _runner  # a pool process has no other place to keep things between tasks
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    runner = Runner(spec, Store(Path(spec.out)), stop.is_set)
    _runner = runner
    # Before the process waits for its own children, end them.
    Finalize(runner, runner.close, exitpriority=100)


def _run_seeds(seeds: list[int]) -> list[RunResult]:
    assert _runner is not None, "a pool process is started with its runner"
    results: list[RunResult] = []
    for seed in seeds:
        if _runner.interrupted():
            break
        try:
            results.append(_runner.run_seed(seed))
        except InterruptedRunError:
            break
    return results


def _in_processes(
    request: Request, interrupt: Interrupt, begun: float
) -> Generator[RunResult, None, None]:
    seeds = _seeds(request, interrupt, begun)
    lost: list[list[int]] = []
    for attempt in (1, 2):
        running: dict[Future[list[RunResult]], list[int]] = {}
        try:
            yield from _over_pool(request, interrupt, seeds, lost, running)
        except BrokenProcessPool:
            # A process was killed from outside: run again, once, what was under way.
            lost = sorted(running.values())
            if attempt == 2:
                raise BrokenProcessPool("a job process was killed from outside, twice") from None
        else:
            return


def _over_pool(
    request: Request,
    interrupt: Interrupt,
    seeds: Iterator[int],
    again: list[list[int]],
    running: dict[Future[list[RunResult]], list[int]],
) -> Iterator[RunResult]:
    size = CHUNK_SEEDS[request.spec.driver]
    chunks = itertools.chain(again, iter(lambda: list(itertools.islice(seeds, size)), []))
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(
        request.jobs,
        mp_context=context,
        initializer=_start_job,
        initargs=(request.spec, os.getpid(), stop),
    )

    def submit(chunk: list[int]) -> None:
        with shielded():
            future: Future[list[RunResult]] = Future()
            running[future] = chunk  # not lost, should the pool be broken already
            running[pool.submit(_run_seeds, chunk)] = chunk
            del running[future]
        _job_pids.update(child.pid or 0 for child in multiprocessing.active_children())

    try:
        for chunk in itertools.islice(chunks, 2 * request.jobs):
            submit(chunk)
        asked_at: float | None = None
        while running:
            done, _ = wait(running, WAIT_SECONDS, FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: running[future][0]):
                yield from future.result()
                del running[future]
                chunk = next(chunks, [])
                if chunk:
                    submit(chunk)
            if interrupt.requested:
                stop.set()
                asked_at = asked_at or time.monotonic()
                if time.monotonic() - asked_at > INTERRUPT_SECONDS_MAX:
                    break
    finally:
        stop.set()
        if running:
            # Stuck, or not waited for: with a job process its workers end.
            for child in multiprocessing.active_children():
                child.kill()
        pool.shutdown(wait=True, cancel_futures=True)
