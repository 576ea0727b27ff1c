"""The passes of the shrinker: each proposes smaller cases, and keeps those that still fail.

They are tried in the order of PASSES until none makes progress. A pass never makes a case larger, by fewer outside
steps first, then fewer scheduling choices, then simpler values.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

import msgspec

from chaos.plan.plan import Plan
from chaos.scripts.player import STEPS_MAX
from chaos.shrinking.gap_passes import (
    add_rests,
    default_runs,
    default_times,
    redraw,
    redraw_stretches,
    rest_between,
)
from chaos.shrinking.hang_up import hang_up
from chaos.shrinking.lateness import as_late
from chaos.shrinking.shrinker import Attempt, Case, OutOfBudgetError, Shrinker, is_outside
from chaos.shrinking.simplify import fewer_settle_steps, simpler_plans, simpler_steps
from chaos.steps.schedule import ENGINE_STEPS, RESTED, Connect, Item, Late, Mark, Rest, Step

ROUNDS_MAX = 20
LONG = 40  # outside steps
STRETCHES = 16  # a long recording is cut into at most this number of stretches
Pass = Callable[[Shrinker, Case], Case]


def shrink(shrinker: Shrinker, outcome: Attempt) -> Attempt:
    """Shrink a recording to the smallest case, or to the best one when the budget ends."""
    try:
        case = sooner(shrinker, outcome.case)
        case = without_keep_alives(shrinker, case)
        case = delete_stretches(shrinker, case)
        case = delete_outside(shrinker, case, patience=0)
        case = loosen(shrinker, case)
        case = simplify_plan(shrinker, case)
        case = shorten(shrinker, case)
        for _ in range(ROUNDS_MAX):
            before = case
            for one in PASSES:
                case = one(shrinker, case)
            if _measure(case) >= _measure(before):
                break
        case = _minimal(shrinker, case)
        last = shrinker.play(case, shrinker.defects)
        shrinker.is_finished = True
        if last is not None:
            return last
    except OutOfBudgetError:
        pass
    assert shrinker.best is not None, "the case that was played first is the best so far"
    return shrinker.best


def _measure(case: Case) -> tuple[tuple[int, int, int, int], int]:
    return (case.size, len(case.script))


def _minimal(shrinker: Shrinker, case: Case) -> Case:
    """Repeat the passes until none makes the case smaller, since each can make room for another."""
    before = None
    while case != before:
        before = case
        case = delete_choices(shrinker, delete_outside(shrinker, case))
    return case


def first_case(shrinker: Shrinker, plan: Plan, schedule: list[Step]) -> Attempt | None:
    """Return the recording as a case: up to the failure, or else up to the heal with the usual end of a run."""
    whole = [step for step in schedule if not isinstance(step, Mark)]
    heal = next(
        (
            number
            for number, step in enumerate(schedule)
            if isinstance(step, Mark) and step.phase in ("heal", RESTED)
        ),
        len(schedule),
    )
    chaos = [step for step in schedule[:heal] if not isinstance(step, Mark)]
    for script, to_the_end, exact in (
        (whole, False, True),
        (chaos, True, True),
        (chaos, True, False),
    ):
        case = Case(plan, tuple(script), to_the_end)
        if not exact and not shrinker.take_for_goal(case):
            break
        found = shrinker.attempt(case, patience=0)
        if found is not None:
            return found
    return None


# Deletion.


def delete(
    shrinker: Shrinker,
    case: Case,
    units: Iterable[list[int]],
    patience: int = STEPS_MAX,
    turn: int = 1,
) -> Case:
    """Leave out as many of these groups of items as possible, in runs that grow while it works.

    Groups are tried from the last to the first, since later steps depend on earlier ones. Where each group alone is needed,
    a ``turn`` of them may not be: connections take turns over the poll groups.
    """
    groups = list(units)
    end = len(groups)
    while end > 0:
        size = 1
        done = 0
        while True:
            begin = max(0, end - size)
            outcome = _without(shrinker, case, groups[begin:end], patience)
            if outcome is None and not done and size < min(turn, end):
                size = turn
                continue
            if outcome is None:
                break
            done = end - begin
            if begin == 0:
                break
            size *= 2
        if done:
            kept = set(range(len(case.script))).difference(
                index for group in groups[end - done : end] for index in group
            )
            order = sorted(kept)
            case = msgspec.structs.replace(case, script=tuple(case.script[i] for i in order))
            places = {old: new for new, old in enumerate(order)}
            groups = [[places[i] for i in group] for group in groups[: end - done]]
        end -= done or 1
    return _normal(shrinker, case, patience)


def _without(
    shrinker: Shrinker, case: Case, groups: list[list[int]], patience: int
) -> Attempt | None:
    gone = {index for group in groups for index in group}
    if not gone:
        return None
    script = tuple(item for index, item in enumerate(case.script) if index not in gone)
    return shrinker.improve(case, msgspec.structs.replace(case, script=script), patience)


def _normal(shrinker: Shrinker, case: Case, patience: int) -> Case:
    """Remove the items that the run left out anyway."""
    outcome = shrinker.attempt(case, patience)
    return outcome.case if outcome is not None else case


def sooner(shrinker: Shrinker, case: Case) -> Case:
    """Shorten the wait after which a hang counts."""
    return _simplify(shrinker, case, fewer_settle_steps, patience=0)


def without_keep_alives(shrinker: Shrinker, case: Case) -> Case:
    """Let no controller expire, so that keep-alives are not needed; remove them all at once, or else one after the other."""
    timed = [item.op for item in case.script if isinstance(item, Connect) and item.keep_alive_ms]
    for ops in (timed, *([op] for op in timed)):
        script = tuple(
            msgspec.structs.replace(item, keep_alive_ms=0)
            if isinstance(item, Connect) and item.op in ops
            else item
            for item in case.script
        )
        if script != case.script:
            found = shrinker.attempt(msgspec.structs.replace(case, script=script), patience=0)
            case = found.case if found is not None else case
    return case


def delete_stretches(shrinker: Shrinker, case: Case) -> Case:
    """Remove whole stretches of a long recording, while they are a considerable part of it."""
    whole = len(case.script)
    size = whole // 2
    while case.outside > LONG and size >= whole // STRETCHES:
        end = len(case.script)
        while end > 0:
            begin = max(0, end - size)
            script = (*case.script[:begin], *case.script[end:])
            less = msgspec.structs.replace(case, script=script)
            found = shrinker.improve(case, less, patience=0)
            case = found.case if found is not None else case
            end = begin
        size //= 2
    return case


def shorten(shrinker: Shrinker, case: Case) -> Case:
    """Remove outside steps first while the case is long, since the order of the others matters less afterwards.

    Fewer choices depend on fewer steps, so the passes help each other.
    """
    while case.outside > LONG:
        before = case.outside
        case = delete_choices(shrinker, case, (Late,))
        case = delete_outside(shrinker, rest_between(shrinker, case))
        if case.outside < before:
            continue
        case = delete_outside(shrinker, default_runs(shrinker, case))
        if case.outside == before:
            break
    return case


def delete_outside(shrinker: Shrinker, case: Case, patience: int = STEPS_MAX) -> Case:
    """Remove whole hosts, then all steps of a kind, then whole connections, then single steps."""
    for key in (_host, _kind, _connection):
        turn = case.plan.layout.reactors if key is _connection else 1
        case = delete(shrinker, case, _by(case, key), patience, turn)
    return delete(
        shrinker,
        case,
        [[index] for index, item in enumerate(case.script) if is_outside(item)],
        patience,
    )


def _host(item: Item) -> Hashable:
    return getattr(item, "host", None)


def _connection(item: Item) -> Hashable:
    return getattr(item, "connection", None)


def _kind(item: Item) -> Hashable:
    if not is_outside(item):
        return None
    what = (getattr(item, name, None) for name in ("method", "fault", "opcode"))
    return (item.__class__.__name__, *what)


def _by(case: Case, key: Callable[[Item], Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for index, item in enumerate(case.script):
        value = key(item)
        if value is not None:
            groups.setdefault(value, []).append(index)
    return list(groups.values())


def delete_choices(
    shrinker: Shrinker,
    case: Case,
    kinds: tuple[type | tuple[type, ...], ...] = (ENGINE_STEPS, Late, Rest),
) -> Case:
    """Remove engine steps whose place doesn't matter, and rests without an effect."""
    for kind in kinds:
        found = [[index] for index, item in enumerate(case.script) if isinstance(item, kind)]
        case = delete(shrinker, case, found)
    return case


def loosen(shrinker: Shrinker, case: Case) -> Case:
    """Turn a recording of every step into a script, which leaves to the default order as much as possible."""
    plain = as_late(shrinker, case, timers_early=(True,))
    if plain != case:
        return plain
    outcome = shrinker.attempt(case)
    return outcome.case if outcome is not None else case


# Values.


def simplify_plan(shrinker: Shrinker, case: Case) -> Case:
    """Try smaller arrays, fewer reactors, hosts and disks."""
    return _simplify(shrinker, case, simpler_plans)


def simplify_steps(shrinker: Shrinker, case: Case) -> Case:
    """Try simpler steps."""
    return _simplify(shrinker, case, simpler_steps)


def _simplify(
    shrinker: Shrinker,
    case: Case,
    propose: Callable[[Case], Iterable[Case]],
    patience: int = STEPS_MAX,
) -> Case:
    progress = True
    while progress:
        progress = False
        for candidate in propose(case):
            found = shrinker.attempt(candidate, patience)
            if found is not None:
                case = found.case
                progress = True
                break
    return case


PASSES: tuple[Pass, ...] = (
    simplify_plan,
    hang_up,
    delete_outside,
    rest_between,
    delete_choices,
    add_rests,
    default_runs,
    default_times,
    as_late,
    redraw,
    redraw_stretches,
    simplify_steps,
)
