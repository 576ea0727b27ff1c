"""From a failing capsule to its minimal one: the same failure, with as few steps as possible."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from chaos.base.interrupt import InterruptedRunError, Patience, never
from chaos.checkers import Check, Finding
from chaos.drivers.make import stepped_driver
from chaos.judging.judge import judge
from chaos.judging.same_failure import wanted_first
from chaos.plan.experiment import Experiment
from chaos.plan.plan import Plan
from chaos.plan.reach_vocabulary import SEQUENCE_COMPLETED, item_counted
from chaos.run.controller import Controller, DivergenceError
from chaos.run.execution import Execution
from chaos.showing.labels import make_labels
from chaos.shrinking.passes import first_case, shrink
from chaos.shrinking.shrinker import (
    EXECUTIONS_MAX,
    Attempt,
    Case,
    OutOfBudgetError,
    Shrinker,
    ShrinkError,
)
from chaos.steps.schedule import Mark, Step
from chaos.store.capsule import Capsule, expected_of

replace = msgspec.structs.replace


class Minimal(msgspec.Struct, frozen=True):
    """A shrunk capsule, and the work it took."""

    capsule: Capsule
    finding: Finding
    outside_before: int
    outside: int  # steps of hosts, operator and nemesis, without the end that every run has
    set_up: int  # the first of these, which only set the target up
    choices: int  # choices off the default order
    executions: int


def minimize(
    capsule: Capsule,
    checks: tuple[Check, ...],
    is_over: Callable[[], bool],
    on_progress: Callable[[Case, int], None] | None = None,
    interrupted: Callable[[], bool] = never,
    budget: str = "",
) -> Minimal:
    """Return the smallest capsule found within the budget; raise ShrinkError if there is nothing to shrink.

    ``budget`` is the one that ``is_over`` checks, in words, for a capsule whose shrinking it has ended.

    A few seconds after the user has asked to stop, the candidate in progress is dropped. Raise InterruptedRunError if the
    failure had not been seen once by then.
    """
    gives_up = Patience(interrupted)
    defects = capsule.defect_sources()
    schedule, goal = _failure(capsule, checks, gives_up)
    shrinker = Shrinker(goal, defects, checks, is_over, on_progress, gives_up)
    try:
        # The steps say all that the sequence has brought.
        first = first_case(shrinker, replace(capsule.plan, sequence=()), schedule)
    except OutOfBudgetError:
        if interrupted():
            raise InterruptedRunError from None
        raise ShrinkError(
            "the budget ended before the failure was seen once; give it more with --budget"
        ) from None
    if first is None:
        raise ShrinkError(
            "the failure doesn't show when its steps are replayed within the rules of hosts and faults, so shrinking "
            "has no start; replay the whole run"
        )
    outcome = shrink(shrinker, first)
    case = outcome.case
    small = replace(
        capsule,
        experiment=narrowed(capsule.experiment, case.plan),
        plan=case.plan,
        labels=make_labels(case.plan, capsule.seed),
        schedule=outcome.schedule,
        script=list(case.script),
        cut=not case.to_the_end,
        driver=capsule.stepping_driver,
        rebuilt=False,
        unfinished=UNSET if shrinker.is_finished else _reason(shrinker, budget, interrupted),
    )
    small, again, findings = _up_to_the_finding(small, outcome, shrinker)
    return Minimal(
        replace(small, expected=expected_of(again, findings)),
        findings[0],
        sum(1 for step in schedule if hasattr(step, "op")),
        case.outside,
        case.set_up,
        case.choices,
        shrinker.executions,
    )


def _reason(shrinker: Shrinker, budget: str, interrupted: Callable[[], bool]) -> str:
    """Say why shrinking stopped early."""
    if interrupted():
        return "interrupted"
    if shrinker.executions >= EXECUTIONS_MAX:
        budget = f"{EXECUTIONS_MAX} executions"
    return f"the budget of {budget} is used up" if budget else "its budget is used up"


def _up_to_the_finding(
    small: Capsule, outcome: Attempt, shrinker: Shrinker
) -> tuple[Capsule, Execution, list[Finding]]:
    """Extend the schedule until the failure is found again, since some checks judge a step by later ones."""
    steps = outcome.execution.schedule
    first = len(outcome.schedule)
    more = [0, *(2**power for power in range(16) if first + 2**power < len(steps)), len(steps)]
    for count in more:
        schedule = steps[: first + count]
        again = Controller(small.plan, stepped_driver(small.plan.target), shrinker.defects).replay(
            schedule, cut=small.cut
        )
        findings = judge(again, shrinker.checks)
        if small.cut:
            findings = wanted_first(findings, outcome.finding.signature)
        if findings and findings[0].signature == outcome.finding.signature:
            return replace(small, schedule=schedule), again, findings
    raise AssertionError("a shrunk run fails when it is replayed")


def _failure(
    capsule: Capsule, checks: tuple[Check, ...], gives_up: Callable[[], bool]
) -> tuple[list[Step], Finding]:
    """Return the steps of the failing run, and its first finding."""
    if capsule.driver == "realtime" and not capsule.rebuilt:
        raise ShrinkError(
            "this was a free run, and its steps could not be rebuilt in sim, so none can be left out; "
            "'raidstorm shrink' makes its plan smaller, by vote"
        )
    controller = Controller(
        capsule.plan, stepped_driver(capsule.plan.target, gives_up), capsule.defect_sources()
    )
    try:
        if capsule.schedule is None:
            execution = controller.explore(capsule.seed)
        else:
            execution = controller.replay(capsule.schedule, cut=capsule.cut)
    except DivergenceError as error:
        raise ShrinkError(f"the schedule no longer applies: {error}") from None
    findings = judge(execution, checks)
    if not findings:
        raise ShrinkError("this run doesn't fail, so there is nothing to shrink")
    return [step for step in execution.schedule if not _is_end(step)], findings[0]


def _is_end(step: Step) -> bool:
    return isinstance(step, Mark) and step.phase == "stuck"


def narrowed(experiment: Experiment, plan: Plan) -> Experiment:
    """Return the experiment with just this plan's sizes, and without its sequence, whose items may need others."""
    layout = plan.layout
    return replace(
        experiment,
        sequence=(),
        reach=_without_sequence(experiment.reach),
        reach_per_run=_without_sequence(experiment.reach_per_run),
        reactors=layout.reactors,
        members=plan.members,
        spares=layout.disks - plan.members,
        blocks=plan.blocks,
        window_blocks=layout.window_blocks,
        hosts=plan.hosts,
        io_queues=plan.io_queues,
        namespaces=layout.namespaces,
        blocks_per_io=plan.blocks_per_io_max,
        grow_blocks=max(0, layout.capacity - layout.disk_blocks),
    )


def _without_sequence(gates: dict[str, int]) -> dict[str, int]:
    return {
        name: wanted
        for name, wanted in gates.items()
        if name != SEQUENCE_COMPLETED and not item_counted(name)
    }
