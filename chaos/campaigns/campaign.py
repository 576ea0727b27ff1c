"""Many seeds of one experiment: in this process or over several, for a number of seeds or a time."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import msgspec

from chaos.base.doctor import clean
from chaos.base.interrupt import Interrupt, InterruptedRunError
from chaos.base.process_pool import LocalPool, Pool, Task, run_all
from chaos.base.resources import Resources, Watch
from chaos.campaigns.fidelity import Fidelity
from chaos.campaigns.jobs import Job, run_job
from chaos.campaigns.runner import Runner, RunResult, RunSpec
from chaos.checkers import Verdict
from chaos.checkers.finding import worst
from chaos.judging.reach.count import add_reach
from chaos.plan.experiment import Experiment
from chaos.plan.reach_vocabulary import REACH_NAMES
from chaos.run.driver import DriverError
from chaos.store.store import Store

FINGERPRINTS_SHOWN_MAX = 50
FAILURES_SHOWN_MAX = 100
# Below so many runs, what an experiment should have reached may not have come up yet.
GATE_RUNS_MIN = {"sim": 20, "lockstep": 20, "realtime": 5}
CHUNK_SEEDS = {"sim": 16, "lockstep": 1, "realtime": 1}


Results = Callable[["CampaignRequest", Interrupt, float], Generator[RunResult, None, None]]


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
            self.fidelity.add(result.seed, result.divergence, result.replay_seconds)
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


class CampaignRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked for: ``seeds`` None means until ``seconds`` are over."""

    spec: RunSpec
    first_seed: int
    seeds: int | None
    seconds: float | None
    jobs: int
    stop_on_first: bool


def run_campaign(
    request: CampaignRequest,
    interrupt: Interrupt,
    on_result: Callable[[RunResult], None],
    pool: Pool | None = None,
) -> Report:
    """Run seeds until their number or the time is over; reports also when interrupted.

    Over ``pool``, which it closes; else over so many processes of this machine as the request says.
    """
    spec = request.spec
    report = Report(spec.experiment.name, spec.driver, request.first_seed)
    begun = time.monotonic()
    verdicts: list[Verdict] = []
    watch = Watch()
    local = LocalPool(request.jobs) if pool is None and request.jobs > 1 else None
    over = pool or local
    results = _in_this_process if over is None else _over(over)
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
        if local is not None:
            clean(owners=local.pids)
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


def _seeds(request: CampaignRequest, interrupt: Interrupt, begun: float) -> Iterator[int]:
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
    request: CampaignRequest, interrupt: Interrupt, begun: float
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


def _over(pool: Pool) -> Results:
    def results(
        request: CampaignRequest, interrupt: Interrupt, begun: float
    ) -> Generator[RunResult, None, None]:
        seeds = _seeds(request, interrupt, begun)
        size = CHUNK_SEEDS[request.spec.driver]

        def take() -> Task | None:
            chunk = tuple(itertools.islice(seeds, size))
            return Task(run_job, Job(request.spec, chunk)) if chunk else None

        with contextlib.closing(run_all(pool, take, interrupt)) as running:
            for ended in running:
                yield from ended.result

    return results
