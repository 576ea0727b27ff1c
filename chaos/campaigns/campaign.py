"""Many seeds of one experiment, in this process or over several, for a number of seeds or for a time."""

from __future__ import annotations

import contextlib
import itertools
import time
from bisect import insort
from collections.abc import Callable, Generator, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import msgspec

from chaos.base.doctor import clean
from chaos.base.interrupt import Interrupt, InterruptedRunError
from chaos.base.process_pool import Ended, LocalPool, Pool, Task, run_all
from chaos.base.resources import Resources, Watch
from chaos.campaigns.fidelity import Fidelity
from chaos.campaigns.jobs import Job, run_job
from chaos.campaigns.reached import (
    NeverCame,
    ReachedIn,
    add_never_came,
    add_run,
    items_of,
    missing_per_run,
    never_came_in,
)
from chaos.campaigns.runner import Runner, RunResult, RunSpec, index_line, unwritten
from chaos.checkers import Verdict
from chaos.checkers.finding import worst
from chaos.judging.reach.count import add_reach
from chaos.judging.reach.visible import gates_for
from chaos.plan.driver_names import DRIVERS
from chaos.plan.reach_vocabulary import REACH_NAMES
from chaos.run.driver import DriverError
from chaos.store.store import Store, StoreError

FINGERPRINTS_SHOWN_MAX = 50
FAILURES_SHOWN_MAX = 100


Results = Callable[["CampaignRequest", "_Stop"], Generator[RunResult, None, None]]


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
    """The results of a campaign; this is what ``--format json`` prints."""

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
    # All runs but those with a known failure count here, since these end too early to show anything else.
    reach: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(REACH_NAMES, 0))
    reached_in: dict[str, ReachedIn] = {}  # for each name that came
    never_came: dict[str, NeverCame] = {}  # for each kind of fault or operation that was planned
    sequence_items: int = 0
    known: dict[
        str, int
    ] = {}  # runs with a known failure, by title; their verdicts count nowhere else
    known_runs: dict[str, str] = {}  # a run directory by the title
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
        if result.known:
            self.known[result.known] = self.known.get(result.known, 0) + 1
        else:
            add_reach(self.reach, result.reach)
            add_run(self.reached_in, result.reach, result.seed)
            add_never_came(self.never_came, never_came_in(result.outcome))
            self.sequence_items = max(self.sequence_items, items_of(result.outcome))
            self._count(result.verdict)
        if self.driver == "realtime":
            self.fidelity = self.fidelity or Fidelity()
            self.fidelity.add(result.seed, result.divergence, result.replay_seconds)
        if len(self.fingerprints) <= FINGERPRINTS_SHOWN_MAX:
            self.fingerprints[str(result.seed)] = result.fingerprint
        if result.is_failure:
            # The failures of the lowest seeds stay, in whichever order job processes return them.
            insort(self.failures, _failure(self, result), key=lambda failure: failure.seed)
            self.failures_left_out += len(self.failures) > FAILURES_SHOWN_MAX
            del self.failures[FAILURES_SHOWN_MAX:]

    def _count(self, verdict: Verdict) -> None:
        match verdict:
            case Verdict.VALID:
                self.valid += 1
            case Verdict.CRASHED:
                self.crashed += 1
            case Verdict.LIVENESS:
                self.hung += 1
            case Verdict.INVALID | Verdict.NONDETERMINISM:
                self.invalid += 1
            case Verdict.UNKNOWN | Verdict.NOT_EXERCISED | Verdict.BROKEN | Verdict.UNWRITTEN:
                self.unknown += 1

    @property
    def known_total(self) -> int:
        """Return how many runs ended with a known failure."""
        return sum(self.known.values())

    @property
    def judged(self) -> int:
        """Return how many runs were not cut short by a known failure."""
        return self.runs - self.known_total


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


class CampaignRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The user's options: ``seeds`` None means until ``seconds`` are over."""

    spec: RunSpec
    first_seed: int
    seeds: int | None
    seconds: float | None
    jobs: int
    stop_on_first: bool


class _Stop:
    """Reasons to begin no more seeds: the user's, the end of the time, or a file that can't be written."""

    def __init__(self, interrupt: Interrupt, seconds: float | None) -> None:
        self.interrupt = interrupt
        self.is_unwritable = False
        self.begun = time.monotonic()
        self._seconds = seconds

    @property
    def is_due(self) -> bool:
        """Return whether no more seeds begin."""
        is_over = self._seconds is not None and time.monotonic() - self.begun >= self._seconds
        return self.interrupt.requested or self.is_unwritable or is_over


def run_campaign(
    request: CampaignRequest,
    interrupt: Interrupt,
    on_result: Callable[[RunResult], None],
    pool: Pool | None = None,
) -> Report:
    """Run seeds until their number or the time is over; report also when interrupted.

    It runs over ``pool``, which it closes; else over the number of processes that the request says.
    """
    spec = request.spec
    report = Report(spec.experiment.name, spec.driver, request.first_seed)
    stop = _Stop(interrupt, request.seconds)
    verdicts: list[Verdict] = []
    watch = Watch()
    store = Store(Path(spec.out))
    local = LocalPool(request.jobs) if pool is None and request.jobs > 1 else None
    over = pool or local
    results = _in_this_process if over is None else _over(over)
    try:
        with contextlib.closing(results(request, stop)) as running:
            for result in running:
                if not result.known:
                    verdicts.append(result.verdict)
                error = result.unwritten
                if not error:
                    result = _with_one_known_run(report, store, result)
                    report.add(result)
                    error = _index_error(store, spec, result)
                    if spec.driver != "sim":
                        watch.look()
                    on_result(result)
                if error and not stop.is_unwritable:
                    # Runs that are under way are still reported.
                    stop.is_unwritable = True
                    verdicts.append(Verdict.UNWRITTEN)
                    report.error = f"stopped at seed {result.seed}: {error}"
    except KeyboardInterrupt:
        # This is the second request to stop; the runs so far are reported all the same.
        interrupt.requested = True
    except StoreError as error:
        report.error = f"stopped: {error}"
        verdicts.append(Verdict.UNWRITTEN)
    except (DriverError, BrokenProcessPool) as error:
        report.error = str(error)
        verdicts.append(Verdict.BROKEN)
    finally:
        # These are the segments of job processes that were killed; living ones remove their own.
        if local is not None:
            clean(owners=local.pids)
        store.drop_if_empty(spec.experiment.name)
    report.interrupted = interrupt.requested
    report.resources = watch.report()
    report.seconds = round(time.monotonic() - stop.begun, 3)
    report.known = dict(sorted(report.known.items(), key=lambda item: (-item[1], item[0])))
    if report.runs > FINGERPRINTS_SHOWN_MAX:
        report.fingerprints = {}
    else:
        report.fingerprints = dict(
            sorted(report.fingerprints.items(), key=lambda item: int(item[0]))
        )
    report.exit_code = _exit_code(report, spec, verdicts)
    return report


def _with_one_known_run(report: Report, store: Store, result: RunResult) -> RunResult:
    """Remove the directory of a known failure where there is one with its title: each job process keeps its first."""
    if not (result.known and result.run_dir):
        return result
    if report.known_runs.setdefault(result.known, result.run_dir) == result.run_dir:
        return result
    store.discard(Path(result.run_dir))
    return msgspec.structs.replace(result, run_dir="")


def _index_error(store: Store, spec: RunSpec, result: RunResult) -> str:
    """Write a run's line of the index; return the reason why it can't be written, or ""."""
    try:
        store.index(index_line(spec, result))
    except StoreError as error:
        return str(error)
    return ""


def _exit_code(report: Report, spec: RunSpec, verdicts: list[Verdict]) -> int:
    if report.interrupted:
        return 130
    experiment = spec.experiment
    gates = gates_for(experiment.reach, spec.target, experiment.sequence)
    per_run = gates_for(experiment.reach_per_run, spec.target, experiment.sequence)
    has_gates = bool(gates or per_run)
    report.gate_not_judged = has_gates and report.judged < DRIVERS[report.driver].gate_runs_min
    if not report.gate_not_judged and set(verdicts) == {Verdict.VALID}:
        report.missing = [
            f"{name}: {report.reach.get(name, 0)} of {wanted}"
            for name, wanted in gates.items()
            if report.reach.get(name, 0) < wanted
        ]
        report.missing += missing_per_run(per_run, report.reached_in, report.judged)
        if report.missing:
            verdicts = [*verdicts, Verdict.NOT_EXERCISED]
    return int(worst(verdicts))


def _seeds(request: CampaignRequest, stop: _Stop) -> Iterator[int]:
    """Yield seeds, until their number is over or there is a reason to stop."""
    counted = (
        itertools.count(request.first_seed)
        if request.seeds is None
        else range(request.first_seed, request.first_seed + request.seeds)
    )
    for seed in counted:
        if stop.is_due:
            return
        yield seed


def _in_this_process(request: CampaignRequest, stop: _Stop) -> Generator[RunResult, None, None]:
    runner = Runner(request.spec, Store(Path(request.spec.out)), stop.interrupt)
    try:
        for seed in _seeds(request, stop):
            try:
                result = runner.run_seed(seed)
            except InterruptedRunError:
                return
            except StoreError as error:
                result = unwritten(seed, error)
            yield result
            if result.is_failure and request.stop_on_first:
                return
    finally:
        runner.close()


def _over(pool: Pool) -> Results:
    def results(request: CampaignRequest, stop: _Stop) -> Generator[RunResult, None, None]:
        chunks = _Chunks(request, _seeds(request, stop))
        with contextlib.closing(run_all(pool, chunks.take, stop.interrupt)) as running:
            for ended in running:
                chunks.count(ended)
                yield from ended.result
                if chunks.is_decided or stop.is_unwritable:
                    pool.stop()

    return results


class _Chunks:
    """Seeds in chunks for tasks, up to the first failure where the user wants that.

    The first failure is that of the lowest seed. Chunks with lower seeds than one that failed run to their end, so that
    several processes name the same seed as one; those with higher seeds end early.
    """

    def __init__(self, request: CampaignRequest, seeds: Iterator[int]) -> None:
        self._request = request
        self._seeds = seeds
        self._running: list[
            int
        ] = []  # the first seed of each chunk that was submitted and has not ended
        self._failed: int | None = (
            None  # the lowest seed that has failed, if the first failure ends the campaign
        )

    def take(self) -> Task | None:
        """Make the next task, or return None: there is no other."""
        spec = self._request.spec
        size = DRIVERS[spec.driver].chunk_seeds
        chunk = tuple(itertools.islice(self._seeds, size)) if self._failed is None else ()
        if not chunk:
            return None
        self._running.append(chunk[0])
        return Task(run_job, Job(spec, chunk, self._request.stop_on_first))

    def count(self, ended: Ended) -> None:
        """Count a chunk that has ended."""
        self._running.remove(ended.task.argument.seeds[0])
        failed = [result.seed for result in ended.result if result.is_failure]
        if failed and self._request.stop_on_first:
            self._failed = min(failed if self._failed is None else [self._failed, *failed])

    @property
    def is_decided(self) -> bool:
        """Return whether no lower seed can fail any more than one that has failed."""
        failed = self._failed
        return failed is not None and all(first > failed for first in self._running)
