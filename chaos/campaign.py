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
from multiprocessing.util import Finalize
from pathlib import Path

import msgspec

from chaos.checkers import Verdict
from chaos.checkers.finding import worst
from chaos.drivers.base import DriverError
from chaos.drivers.processes import InterruptedRunError
from chaos.experiment import Experiment
from chaos.interrupt import Interrupt
from chaos.reach import NAMES, add_reach
from chaos.run import Runner, RunResult, RunSpec
from chaos.store import Store
from workers.main import die_with_parent

FINGERPRINTS_SHOWN_MAX = 50
FAILURES_SHOWN_MAX = 100
# Below so many runs, what an experiment should have reached may not have come up yet.
GATE_RUNS_MIN = {"sim": 20, "lockstep": 20, "realtime": 5}
CHUNK_SEEDS = {"sim": 16, "lockstep": 1, "realtime": 1}
WAIT_SECONDS = 0.2


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a suite."""

    experiment: str
    driver: str
    seeds: int | None = None
    seconds: float | None = None
    defects: tuple[str, ...] = ()
    stop_on_first: bool = False
    expect_code: int = 0


class Failure(msgspec.Struct, frozen=True):
    """One failing run in a report."""

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
    seeds: str
    runs: int = 0
    valid: int = 0
    invalid: int = 0
    unknown: int = 0
    crashed: int = 0
    hung: int = 0
    steps: int = 0
    seconds: float = 0.0
    exit_code: int = 0
    reach: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    missing: list[str] = []
    failures: list[Failure] = []
    failures_left_out: int = 0
    fingerprints: dict[str, str] = {}
    interrupted: bool = False
    error: str = ""

    def add(self, result: RunResult) -> None:
        """Count one run."""
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
        if len(self.fingerprints) <= FINGERPRINTS_SHOWN_MAX:
            self.fingerprints[str(result.seed)] = result.fingerprint
        if result.findings and len(self.failures) < FAILURES_SHOWN_MAX:
            self.failures.append(_failure(result))
        elif result.findings:
            self.failures_left_out += 1


def _failure(result: RunResult) -> Failure:
    first = result.findings[0]
    return Failure(
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
    last = "" if request.seeds is None else str(request.first_seed + request.seeds - 1)
    report = Report(spec.experiment.name, spec.driver, f"{request.first_seed}..{last}")
    begun = time.monotonic()
    verdicts: list[Verdict] = []
    results = _in_processes if request.jobs > 1 else _in_this_process
    try:
        with contextlib.closing(results(request, interrupt, begun)) as running:
            for result in running:
                report.add(result)
                verdicts.append(result.verdict)
                on_result(result)
                if result.findings and request.stop_on_first:
                    break
    except (DriverError, BrokenProcessPool) as error:
        report.error = str(error)
        verdicts.append(Verdict.BROKEN)
    report.interrupted = interrupt.requested
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
    if report.runs >= GATE_RUNS_MIN[report.driver] and set(verdicts) == {Verdict.VALID}:
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


def _start_job(spec: RunSpec, parent_pid: int) -> None:
    global _runner  # a pool process has no other place to keep things between tasks
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    runner = Runner(spec, Store(Path(spec.out)))
    _runner = runner
    # Before the process waits for its own children, end them.
    Finalize(runner, runner.close, exitpriority=100)


def _run_seeds(seeds: list[int]) -> list[RunResult]:
    assert _runner is not None, "a pool process is started with its runner"
    return [_runner.run_seed(seed) for seed in seeds]


def _in_processes(
    request: Request, interrupt: Interrupt, begun: float
) -> Generator[RunResult, None, None]:
    seeds = _seeds(request, interrupt, begun)
    lost: list[list[int]] = []
    for attempt in (1, 2):
        running: dict[Future[list[RunResult]], list[int]] = {}
        try:
            yield from _over_pool(request, seeds, lost, running)
        except BrokenProcessPool:
            # A process was killed from outside: run again, once, what was under way.
            lost = sorted(running.values())
            if attempt == 2:
                raise BrokenProcessPool("a job process was killed from outside, twice") from None
        else:
            return


def _over_pool(
    request: Request,
    seeds: Iterator[int],
    again: list[list[int]],
    running: dict[Future[list[RunResult]], list[int]],
) -> Iterator[RunResult]:
    size = CHUNK_SEEDS[request.spec.driver]
    chunks = itertools.chain(again, iter(lambda: list(itertools.islice(seeds, size)), []))
    pool = ProcessPoolExecutor(
        request.jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_job,
        initargs=(request.spec, os.getpid()),
    )
    try:
        for chunk in itertools.islice(chunks, 2 * request.jobs):
            running[pool.submit(_run_seeds, chunk)] = chunk
        while running:
            done, _ = wait(running, WAIT_SECONDS, FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: running[future][0]):
                yield from future.result()
                del running[future]
                chunk = next(chunks, [])
                if chunk:
                    running[pool.submit(_run_seeds, chunk)] = chunk
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
