"""The frequency of a failure: the plan of one run, run again and again, with counts.

Free-running processes differ by themselves. A stepping driver doesn't. There each run gets another seed for the
scheduler, drawn from the run's own. The rest is equal, so the same command gives the same counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from chaos.base.estimates import Share, proportion
from chaos.base.interrupt import InterruptedRunError
from chaos.base.prng import Stream
from chaos.checkers import Check, Finding, Verdict
from chaos.checkers.finding import DETERMINISM, worst
from chaos.drivers.make import Driver, make_driver
from chaos.drivers.realtime import RealtimeDriver
from chaos.judging.judge import judge
from chaos.judging.rejudge import rejudge
from chaos.judging.same_failure import same_failure
from chaos.run.controller import Controller
from chaos.run.driver import DriverError, WorkerLostError
from chaos.run.execution import Execution
from chaos.showing.labels import make_labels
from chaos.store.capsule import Capsule, CapsuleError, DriverName, expected_of
from chaos.store.version import tool_version

INTERRUPTED = 130
SCHEDULING_SEED_MAX = 2**53 - 1


class SeenFailure(msgspec.Struct):
    """A failure with its count; summary and capsule are of the first run that had it."""

    signature: str
    summary: str
    verdict: Verdict
    counts: bool  # it is the sought failure
    capsule: Capsule
    runs: int = 1


class Repetition(msgspec.Struct):
    """The results of all runs."""

    signature: str  # "" if no failure was known before; then each failure counts
    runs: int = 0
    seen: list[SeenFailure] = []
    interrupted: bool = False
    error: str = ""

    @property
    def failed(self) -> int:
        """Return the number of runs that failed in this way."""
        return sum(one.runs for one in self.seen if one.counts)

    @property
    def share(self) -> Share:
        """Return the share of runs that failed in this way, with its interval."""
        return proportion(self.failed, self.runs)

    @property
    def code(self) -> int:
        """Return the exit code of the sought failure if it occurred; else that of the worst other failure."""
        if self.interrupted:
            return INTERRUPTED
        verdicts = [one.verdict for one in self.seen if one.counts or not self.failed]
        return int(worst([*verdicts, Verdict.BROKEN] if self.error else verdicts))


class Run(msgspec.Struct, frozen=True):
    """One run with its findings, and, for a free run, whether it was replayed step by step."""

    execution: Execution
    findings: list[Finding]
    is_rebuilt: bool = False
    judged: list[Finding] = []  # those of the findings that the replay of the steps shows


def goal_of(capsule: Capsule) -> Finding | None:
    """Return the failure that a capsule has recorded, with its signature; raise CapsuleError if one run can't show it."""
    expected = capsule.expected
    if expected is None or not expected.signature:
        return None
    check, _, rest = expected.signature.partition("/")
    kind, _, shape = rest.partition("/")
    if check == DETERMINISM:
        raise CapsuleError(
            "in this failure two runs of one seed differ, and a single run can't show it; "
            "'raidstorm replay' it and compare the fingerprints"
        )
    return Finding(
        check=check,
        kind=kind,
        shape=shape,
        summary="",
        step=0,
        verdict=Verdict(expected.verdict),
    )


def repeat(
    capsule: Capsule,
    driver: DriverName,
    checks: tuple[Check, ...],
    runs: int,
    interrupted: Callable[[], bool],
    on_run: Callable[[Repetition], None],
) -> Repetition:
    """Run the plan this number of times, or until the user wants to stop; count every run that ended."""
    if capsule.script is not None:
        raise CapsuleError(
            "this is a shrunk run: its steps are written down and no longer drawn from a plan, so there is no other "
            "schedule of it; name the run it was shrunk from"
        )
    goal = goal_of(capsule)
    whole = Repetition(goal.signature if goal is not None else "")
    capsule = msgspec.structs.replace(capsule, driver=driver)
    try:
        for run in _runs(capsule, checks, runs, interrupted):
            whole.runs += 1
            if run.findings:
                _count(whole, goal, capsule, run)
            on_run(whole)
    except (InterruptedRunError, KeyboardInterrupt):
        whole.interrupted = True
    except DriverError as error:
        whole.error = str(error)
    whole.interrupted = whole.interrupted or (interrupted() and whole.runs < runs)
    return whole


def _runs(
    capsule: Capsule, checks: tuple[Check, ...], runs: int, interrupted: Callable[[], bool]
) -> Iterator[Run]:
    """Yield the runs one after another."""
    driver = make_driver(capsule.driver, capsule.experiment, interrupted, capsule.plan.target)
    stream = Stream(capsule.seed, "scheduling seeds")
    try:
        for _ in range(runs):
            if interrupted():
                return
            scheduling_seed = stream.between(0, SCHEDULING_SEED_MAX)
            try:
                run = run_once(driver, capsule, checks, scheduling_seed)
            except WorkerLostError:
                # A worker was killed, so the run is repeated with new processes.
                driver.close()
                driver = make_driver(
                    capsule.driver, capsule.experiment, interrupted, capsule.plan.target
                )
                run = run_once(driver, capsule, checks, scheduling_seed)
            yield run
    finally:
        driver.close()


def run_once(
    driver: Driver, capsule: Capsule, checks: tuple[Check, ...], scheduling_seed: int
) -> Run:
    """Run a plan once, free or under the schedule of this seed."""
    defects = capsule.defect_sources()
    if isinstance(driver, RealtimeDriver):
        execution, recording = driver.run(capsule.plan, capsule.seed, defects, None)
        found = rejudge(execution, recording, judge(execution, checks), defects, checks)
        findings = [*found.findings, *found.free_findings]
        return Run(found.execution, findings, found.is_rebuilt, found.findings)
    execution = Controller(capsule.plan, driver, defects).explore(capsule.seed, scheduling_seed)
    return Run(execution, judge(execution, checks))


def _count(whole: Repetition, goal: Finding | None, capsule: Capsule, run: Run) -> None:
    first = next((one for one in run.findings if goal is None or is_goal(goal, one)), None)
    shown = first or run.findings[0]
    for seen in whole.seen:
        if seen.signature == shown.signature:
            seen.runs += 1
            return
    capsule = _capsule(capsule, run)
    whole.seen.append(
        SeenFailure(shown.signature, shown.summary, shown.verdict, first is not None, capsule)
    )


def is_goal(goal: Finding, found: Finding) -> bool:
    """Return whether a finding is the sought failure."""
    return goal.signature == found.signature or same_failure(goal, found)


def _capsule(capsule: Capsule, run: Run) -> Capsule:
    """Return the run as a capsule to replay."""
    execution = run.execution
    return msgspec.structs.replace(
        capsule,
        raidstorm_version=tool_version(),
        labels=capsule.labels or make_labels(capsule.plan, capsule.seed),
        expected=expected_of(execution, run.findings),
        schedule=execution.schedule,
        rebuilt=run.is_rebuilt,
    )
