"""The searches of a score: for each defect over disjoint ranges of seeds, and the clean engine on the same seeds.

A search is the unit of work. It runs one seed after the other in ``sim`` until the first find, or until it has used its
schedules or its seconds. ``scorecard.py`` adds the searches up.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures.process import BrokenProcessPool

import msgspec

from chaos.base.interrupt import Interrupt, InterruptedRunError, Patience
from chaos.base.job_process import JobProcess
from chaos.base.process_pool import LocalPool, Task, run_all
from chaos.checkers import Finding, Verdict
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.judging.user_checks import load_check
from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.run.execution import Execution
from workers.errors import ANYTHING_RAISED
from workers.protocol import DefectSource

CLEAN = "clean engine"
RANGE_SEEDS = 10_000_000  # far more than a search can run, so ranges never meet
REDS_KEPT_MAX = 10

# The time of this thread alone excludes other programs of the machine and the progress bar.
cpu_clock = time.thread_time


def named(what: str, strategy: str | None) -> str:
    """Name a defect, with the strategy if there is one."""
    return what if strategy is None else f"{what} ({strategy})"


class Arm(msgspec.Struct, frozen=True):
    """One way of searching: the experiment, and the strategy to which it is narrowed (None: as the experiment draws)."""

    strategy: str | None
    experiment: Experiment


class ScoreRequest(msgspec.Struct, frozen=True):
    """The defects to score, and the bounds for one search; None is no bound."""

    arms: tuple[Arm, ...]
    defects: tuple[DefectSource, ...]
    ranges: int
    seeds: int | None
    seconds: float | None
    clean_seeds: int | None  # per range; None: as many as the longest search of a defect used there
    jobs: int

    def first_seeds(self) -> list[int]:
        """Return the first seed of each range; not 0, as people run those seeds while they write a defect or a strategy."""
        return [RANGE_SEEDS * number for number in range(1, self.ranges + 1)]


class Search(msgspec.Struct, frozen=True):
    """One unit of work. Without a defect it runs the clean engine, and doesn't stop at a red run."""

    arm: Arm
    defect: DefectSource | None
    first_seed: int
    seeds_max: int
    seconds_max: float | None

    @property
    def name(self) -> str:
        """The name of what is searched for."""
        return named(self.defect.id if self.defect is not None else CLEAN, self.arm.strategy)


class Find(msgspec.Struct, frozen=True):
    """A red run, with its first finding."""

    seed: int
    verdict: str
    check: str
    signature: str
    summary: str
    fingerprint: str
    strategies: tuple[str, ...] = ()  # the strategies that this seed drew
    checks: tuple[str, ...] = ()  # all checks with a finding


class Broken(msgspec.Struct, frozen=True):
    """A run in which the tester itself broke: neither find nor pass, and a fault of raidstorm."""

    search: str
    seed: int
    error: str


class Searched(msgspec.Struct, frozen=True):
    """The result of a search, and the work it took."""

    strategy: str | None
    defect: str | None
    first_seed: int
    schedules: int
    steps: int
    seconds: float  # of a processor, not wall-clock time
    red: int
    finds: list[Find]
    undecided: int  # no find and no pass
    broken: list[Broken] = []
    interrupted: bool = False


def run_score(
    request: ScoreRequest, interrupt: Interrupt, on_searched: Callable[[Searched], None]
) -> str:
    """Run all searches; return the error, or an empty text. Searches that were cut short are dropped."""
    agenda = Agenda(request)
    run_all = _in_processes if request.jobs > 1 else _in_this_process
    try:
        with contextlib.closing(run_all(agenda, interrupt)) as running:
            for searched in running:
                if not searched.interrupted:
                    on_searched(searched)
    except KeyboardInterrupt:
        # The second Ctrl-C; the searches so far are reported.
        interrupt.requested = True
    except BrokenProcessPool as error:
        return str(error)
    return ""


class Agenda:
    """The searches to come, range by range, so that a score cut short has treated all defects alike."""

    def __init__(self, request: ScoreRequest) -> None:
        self.request = request
        self.todo = deque(
            self._search(arm, defect, first_seed, request.seeds or RANGE_SEEDS)
            for first_seed in request.first_seeds()
            for arm in request.arms
            for defect in request.defects
        )
        self._done: dict[tuple[str | None, int], list[int]] = {}

    def finished(self, search: Search, searched: Searched) -> None:
        """Add the clean engine's search on the same seeds after the last defect of a range."""
        if search.defect is None:
            return
        used = self._done.setdefault((searched.strategy, search.first_seed), [])
        used.append(searched.schedules)
        if len(used) < len(self.request.defects):
            return
        wanted = self.request.clean_seeds
        seeds = max(used) if wanted is None else wanted
        if seeds:
            self.todo.appendleft(self._search(search.arm, None, search.first_seed, seeds))

    def _search(self, arm: Arm, defect: DefectSource | None, first_seed: int, seeds: int) -> Search:
        return Search(arm, defect, first_seed, seeds, self.request.seconds)


def run_search(
    search: Search, interrupted: Callable[[], bool], clock: Callable[[], float] = cpu_clock
) -> Searched:
    """Run seed after seed, until the first find or a bound."""
    experiment = search.arm.experiment
    checks = tuple(load_check(path) for path in experiment.checks)
    defects = (search.defect,) if search.defect is not None else ()
    driver = SimDriver(Patience(interrupted))
    schedules = steps = red = undecided = 0
    finds: list[Find] = []
    broken: list[Broken] = []
    cut_short = False
    begun = clock()
    seconds = 0.0
    while schedules < search.seeds_max and not (red and search.defect is not None):
        if search.seconds_max is not None and seconds >= search.seconds_max:
            break
        cut_short = interrupted()
        if cut_short:
            break
        seed = search.first_seed + schedules
        schedules += 1
        try:
            execution = Controller(resolve(experiment, seed), driver, defects).explore(seed)
        except InterruptedRunError:
            cut_short = True
            break
        except ANYTHING_RAISED as error:  # one broken run must not lose all other searches
            sentence = str(error).partition("\n")[0]
            broken.append(Broken(search.name, seed, f"{type(error).__name__}: {sentence}"))
            driver = SimDriver(Patience(interrupted))
            seconds = clock() - begun
            continue
        findings = judge(execution, checks)
        steps += execution.steps
        seconds = clock() - begun
        if not findings:
            continue
        if not is_find(findings[0].verdict):
            undecided += 1
            continue
        red += 1
        if len(finds) < REDS_KEPT_MAX:
            finds.append(_find(seed, findings, execution))
    return Searched(
        strategy=search.arm.strategy,
        defect=search.defect.id if search.defect is not None else None,
        first_seed=search.first_seed,
        schedules=schedules,
        steps=steps,
        seconds=seconds,
        red=red,
        finds=finds,
        undecided=undecided,
        broken=broken,
        interrupted=cut_short,
    )


def is_find(verdict: Verdict) -> bool:
    """Return whether this verdict is a find; an undecided run is none."""
    match verdict:
        case Verdict.INVALID | Verdict.LIVENESS | Verdict.CRASHED:
            return True
        case (
            Verdict.VALID
            | Verdict.UNKNOWN
            | Verdict.NONDETERMINISM
            | Verdict.NOT_EXERCISED
            | Verdict.BROKEN
            | Verdict.UNWRITTEN
        ):
            return False


def _find(seed: int, findings: list[Finding], execution: Execution) -> Find:
    finding = findings[0]
    return Find(
        seed=seed,
        verdict=finding.verdict.name.lower(),
        check=finding.check,
        signature=finding.signature,
        summary=finding.summary,
        fingerprint=execution.fingerprint,
        strategies=execution.plan.strategies,
        checks=tuple(dict.fromkeys(finding.check for finding in findings)),
    )


def _in_this_process(agenda: Agenda, interrupt: Interrupt) -> Generator[Searched, None, None]:
    while agenda.todo and not interrupt.requested:
        search = agenda.todo.popleft()
        searched = run_search(search, interrupt)
        agenda.finished(search, searched)
        yield searched


def _search_in_job(process: JobProcess, search: Search) -> Searched:
    return run_search(search, process.is_stopped)


def _in_processes(agenda: Agenda, interrupt: Interrupt) -> Generator[Searched, None, None]:
    """Run the searches in several processes; their seconds are those of their own process."""

    def take() -> Task | None:
        return Task(_search_in_job, agenda.todo.popleft()) if agenda.todo else None

    with contextlib.closing(run_all(LocalPool(agenda.request.jobs), take, interrupt)) as running:
        for ended in running:
            agenda.finished(ended.task.argument, ended.result)
            yield ended.result
