"""Shrink a failure that doesn't occur every time, by vote: a free run whose steps could not be replayed in ``sim``.

No steps can be left out, so the plan is made smaller: fewer planned things, fewer hosts, less I/O, less time. A
smaller plan is accepted if NEEDED of at most RUNS_MAX free runs of it fail in the same way. The plans and their order are
fixed; the results depend on how the processes race.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from chaos.base.interrupt import InterruptedRunError, never
from chaos.checkers import Check
from chaos.drivers.make import Driver, make_driver
from chaos.plan.plan import Plan
from chaos.replaying.repro import Run, goal_of, is_goal, run_once
from chaos.run.driver import WorkerLostError
from chaos.shrinking.shrinker import ShrinkError
from chaos.store.capsule import Capsule, Expected

RUNS_MAX = 5
NEEDED = 2
MILLISECONDS_MIN = 100
replace = msgspec.structs.replace


class Voted(msgspec.Struct, frozen=True):
    """The smallest accepted plan, as a capsule; or, in ``rebuilt``, a run that can be replayed step by step."""

    capsule: Capsule
    rebuilt: Capsule | None
    planned_before: int
    planned: int
    failed: int  # of the runs of the last plan
    runs: int
    executions: int


class Ballot(msgspec.Struct):
    """The results of one plan's free runs."""

    failed: int = 0
    runs: int = 0
    first: Run | None = None  # the first run that failed in the same way

    @property
    def is_taken(self) -> bool:
        """Return whether enough of them failed in the same way."""
        return self.failed >= NEEDED


def is_for_vote(capsule: Capsule) -> bool:
    """Return whether this is a free run whose steps could not be rebuilt."""
    return capsule.driver == "realtime" and not capsule.rebuilt


def shrink_by_vote(
    capsule: Capsule,
    checks: tuple[Check, ...],
    is_over: Callable[[], bool],
    on_progress: Callable[[str], None] = lambda _: None,
    interrupted: Callable[[], bool] = never,
) -> Voted:
    """Return the smallest plan found within the budget; raise ShrinkError if the failure is too rare."""
    booth = _Booth(capsule, checks, is_over, on_progress, interrupted)
    try:
        return booth.shrink()
    finally:
        booth.close()


class _Booth:
    """Runs plans free and counts the failures."""

    def __init__(
        self,
        capsule: Capsule,
        checks: tuple[Check, ...],
        is_over: Callable[[], bool],
        on_progress: Callable[[str], None],
        interrupted: Callable[[], bool],
    ) -> None:
        goal = goal_of(capsule)
        if goal is None:
            raise ShrinkError("no failure is recorded with this run, so there is nothing to shrink")
        self.capsule, self.checks, self.goal = capsule, checks, goal
        self.is_over, self.on_progress = is_over, on_progress
        self.interrupted = interrupted
        self.executions = 0
        self.driver: Driver | None = None

    def close(self) -> None:
        if self.driver is not None:
            self.driver.close()
            self.driver = None

    def shrink(self) -> Voted:
        best = self.capsule.plan
        ballot = self.ask(best)
        if not ballot.is_taken and (ballot.first is None or not ballot.first.is_rebuilt):
            raise ShrinkError(
                f"the failure occurred in {ballot.failed} of {ballot.runs} free runs, and {NEEDED} are needed to shrink by "
                "vote; 'raidstorm repro' shows how often it occurs"
            )
        improved = True
        refused: set[Plan] = set()  # a plan that is refused is not tried again
        while improved and not self._rebuilt(ballot):
            improved = False
            for plan in smaller_plans(best):
                if self.is_over():
                    break
                if plan in refused:
                    continue
                try:
                    asked = self.ask(plan)
                except InterruptedRunError:
                    break  # this run is lost; the votes before it count
                if asked.is_taken:
                    best, ballot, improved = plan, asked, True
                    break
                refused.add(plan)
        return Voted(
            capsule=self._as_capsule(best, ballot),
            rebuilt=self._rebuilt(ballot),
            planned_before=_size(self.capsule.plan),
            planned=_size(best),
            failed=ballot.failed,
            runs=ballot.runs,
            executions=self.executions,
        )

    def ask(self, plan: Plan) -> Ballot:
        """Run a plan free until the result of the vote is certain."""
        ballot = Ballot()
        while (
            not ballot.is_taken
            and ballot.failed + RUNS_MAX - ballot.runs >= NEEDED
            and not (ballot.runs and self.is_over())
        ):
            run = self._run(plan)
            ballot.runs += 1
            if any(is_goal(self.goal, finding) for finding in run.findings):
                ballot.failed += 1
                if ballot.first is None or (run.is_rebuilt and not ballot.first.is_rebuilt):
                    ballot.first = run
            what = "1 planned thing" if _size(plan) == 1 else f"{_size(plan)} planned things"
            self.on_progress(f"{what}, {plan.hosts} hosts: {ballot.failed} of {ballot.runs} fail")
        return ballot

    def _run(self, plan: Plan) -> Run:
        capsule = replace(self.capsule, plan=plan)
        self.executions += 1
        for attempt in (1, 2):
            self.driver = self.driver or make_driver(
                "realtime", capsule.experiment, self.interrupted
            )
            try:
                return run_once(self.driver, capsule, self.checks, capsule.seed)
            except WorkerLostError:
                self.close()
                if attempt == 2:
                    raise
        raise AssertionError("the second attempt returns or raises")

    def _rebuilt(self, ballot: Ballot) -> Capsule | None:
        """Return one of the runs as a schedule, if it can be replayed: the usual shrinking does better with that."""
        run = ballot.first
        if run is None or not run.is_rebuilt:
            return None
        if not any(is_goal(self.goal, finding) for finding in run.judged):
            return None
        return replace(
            self.capsule, plan=run.execution.plan, schedule=run.execution.schedule, rebuilt=True
        )

    def _as_capsule(self, plan: Plan, ballot: Ballot) -> Capsule:
        run = ballot.first
        assert run is not None, "an accepted plan has failed"
        expected = Expected(
            int(self.goal.verdict),
            self.goal.signature,
            run.execution.fingerprint,
            run.execution.steps,
        )
        return replace(self.capsule, plan=plan, schedule=None, script=None, expected=expected)


def _size(plan: Plan) -> int:
    return len(plan.planned) + len(plan.sequence)


def smaller_plans(plan: Plan) -> Iterator[Plan]:
    """Yield smaller plans, the much smaller ones first."""
    planned = plan.planned
    size = len(planned)
    while size:
        for first in range(0, len(planned), size):
            yield replace(plan, planned=(*planned[:first], *planned[first + size :]))
        size //= 2
    for items in range(len(plan.sequence)):  # an item may mean the disk of an earlier one
        yield replace(plan, sequence=plan.sequence[:items])
    if plan.hosts > 1:
        yield replace(plan, hosts=plan.hosts - 1)
    few, many = plan.ios_per_connection
    if many > 1:
        yield replace(plan, ios_per_connection=(max(1, few // 2), max(1, many // 2)))
    if plan.milliseconds > MILLISECONDS_MIN:
        yield replace(plan, milliseconds=max(MILLISECONDS_MIN, plan.milliseconds // 2))
