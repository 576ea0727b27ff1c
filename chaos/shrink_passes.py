"""The passes of the shrinker: each proposes smaller cases, and keeps what still fails.

They are tried in the order of PASSES until none gets further. A pass never makes a case worse: fewer steps from
outside first, then fewer scheduling choices, then simpler values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from chaos.plan import Plan
from chaos.schedule import ENGINE_STEPS, Item, Mark, Rest, Step
from chaos.script import STEPS_MAX
from chaos.shrink import Case, Outcome, OutOfBudgetError, Shrinker
from chaos.simplify import simpler_plans, simpler_steps

ROUNDS_MAX = 20
Pass = Callable[[Shrinker, Case], Case]


def shrink(shrinker: Shrinker, outcome: Outcome) -> Outcome:
    """From a recording that was played to the smallest case; what there is when the budget ends."""
    try:
        case = delete_outside(shrinker, outcome.case, patience=0)
        case = loosen(shrinker, case)
        for _ in range(ROUNDS_MAX):
            before = case
            for one in PASSES:
                case = one(shrinker, case)
            if case == before:
                break
        last = shrinker.play(case, shrinker.defects)
        if last is not None:
            return shrinker.settle(last)
    except OutOfBudgetError:
        pass
    assert shrinker.best is not None, "what was played first is the best so far"
    return shrinker.settle(shrinker.best)


def first_case(shrinker: Shrinker, plan: Plan, schedule: list[Step]) -> Outcome | None:
    """The recording as it is: up to the failure, or else up to the heal and then as every run ends."""
    whole = [step for step in schedule if not isinstance(step, Mark)]
    heal = next(
        (
            number
            for number, step in enumerate(schedule)
            if isinstance(step, Mark) and step.phase == "heal"
        ),
        len(schedule),
    )
    chaos = [step for step in schedule[:heal] if not isinstance(step, Mark)]
    for script, to_the_end in ((whole, False), (chaos, True)):
        found = shrinker.attempt(Case(plan, tuple(script), to_the_end), patience=0)
        if found is not None:
            return found
    return None


# Deletion.


def delete(
    shrinker: Shrinker, case: Case, units: Iterable[list[int]], patience: int = STEPS_MAX
) -> Case:
    """Leave out as many of these groups of items as possible, in runs that grow while it works.

    Groups are tried from the last to the first: what comes late depends on what came early.
    """
    groups = list(units)
    end = len(groups)
    while end > 0:
        size = 1
        done = 0
        while True:
            begin = max(0, end - size)
            outcome = _without(shrinker, case, groups[begin:end], patience)
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
) -> Outcome | None:
    gone = {index for group in groups for index in group}
    if not gone:
        return None
    script = tuple(item for index, item in enumerate(case.script) if index not in gone)
    return shrinker.attempt(msgspec.structs.replace(case, script=script), patience)


def _normal(shrinker: Shrinker, case: Case, patience: int) -> Case:
    """Without what is left out anyway."""
    outcome = shrinker.attempt(case, patience)
    return outcome.case if outcome is not None else case


def is_outside(item: Item) -> bool:
    """A step of hosts, operator or nemesis."""
    return not isinstance(item, (Rest, *ENGINE_STEPS))


def delete_outside(shrinker: Shrinker, case: Case, patience: int = STEPS_MAX) -> Case:
    """Hosts whole, then connections whole, then step by step."""
    for key in ("host", "connection"):
        case = delete(shrinker, case, _by(case, key), patience)
    return delete(
        shrinker,
        case,
        [[index] for index, item in enumerate(case.script) if is_outside(item)],
        patience,
    )


def _by(case: Case, key: str) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for index, item in enumerate(case.script):
        value = getattr(item, key, None)
        if value is not None:
            groups.setdefault(value, []).append(index)
    return list(groups.values())


def delete_choices(shrinker: Shrinker, case: Case) -> Case:
    """Engine steps whose place doesn't matter, and rests that do nothing."""
    choices = [[index] for index, item in enumerate(case.script) if isinstance(item, ENGINE_STEPS)]
    case = delete(shrinker, case, choices)
    return delete(
        shrinker,
        case,
        [[index] for index, item in enumerate(case.script) if isinstance(item, Rest)],
    )


def loosen(shrinker: Shrinker, case: Case) -> Case:
    """From a recording of every step to a script: the default order takes over where it can."""
    outcome = shrinker.attempt(case)
    if outcome is not None:
        case = outcome.case
    return delete_choices(shrinker, case)


def rest_between(shrinker: Shrinker, case: Case) -> Case:
    """Instead of what is between two steps from outside: a rest, or nothing, or so many steps in default order."""
    at = 0
    while at < len(gaps_of(case)):
        size = 0
        while at + size < len(gaps_of(case)):
            more = min(max(1, size), len(gaps_of(case)) - at - size)
            found = _with_gaps(shrinker, case, range(at, at + size + more), [Rest()])
            if found is None:
                break
            case, size = found, size + more
        if size:
            at += size
            continue
        gap = gaps_of(case)[at]
        if gap:
            found = _with_gaps(shrinker, case, range(at, at + 1), [])
            if found is None and len(gap) > 1:
                steps = _steps_in(shrinker, case, at)
                found = _with_gaps(shrinker, case, range(at, at + 1), [Rest(steps)])
            case = found or case
        at += 1
    return case


def gaps_of(case: Case) -> list[list[Item]]:
    """What stands before each step from outside."""
    gaps: list[list[Item]] = [[]]
    for item in case.script:
        if is_outside(item):
            gaps.append([])
        else:
            gaps[-1].append(item)
    return gaps[:-1]


def _with_gaps(shrinker: Shrinker, case: Case, which: range, instead: list[Item]) -> Case | None:
    """With these gaps filled otherwise; None where the failure goes, or a step from outside with it."""
    gaps = gaps_of(case)
    outside = [index for index, item in enumerate(case.script) if is_outside(item)]
    script: list[Item] = []
    for number, (gap, index) in enumerate(zip(gaps, outside, strict=True)):
        script += instead if number in which else gap
        script.append(case.script[index])
    script += case.script[outside[-1] + 1 :]
    wanted = msgspec.structs.replace(case, script=tuple(script))
    if wanted.script == case.script:
        return case
    found = shrinker.attempt(wanted)
    return found.case if found is not None and len(gaps_of(found.case)) == len(gaps) else None


def _steps_in(shrinker: Shrinker, case: Case, gap: int) -> int:
    """How many steps the engine takes there now."""
    best = shrinker.best
    if best is None or best.case != case:
        best = shrinker.play(case, shrinker.defects)
    assert best is not None, "the case fails"
    numbers = [
        number
        for item, number in zip(best.case.script, best.numbers, strict=True)
        if is_outside(item)
    ]
    return max(1, numbers[gap] - (numbers[gap - 1] if gap else 0) - 1)


def add_rests(shrinker: Shrinker, case: Case) -> Case:
    """Let the target come to rest before each step from outside, where that is not in the way."""
    everywhere: list[Item] = []
    for item in case.script:
        if is_outside(item) and not (
            everywhere and isinstance(everywhere[-1], (Rest, *ENGINE_STEPS))
        ):
            everywhere.append(Rest())
        everywhere.append(item)
    found = shrinker.attempt(msgspec.structs.replace(case, script=tuple(everywhere)))
    if found is not None:
        return found.case
    for index in range(len(case.script) - 1, -1, -1):
        before = case.script[index - 1] if index else Rest()
        if is_outside(case.script[index]) and not isinstance(before, (Rest, *ENGINE_STEPS)):
            script = (*case.script[:index], Rest(), *case.script[index:])
            found = shrinker.attempt(msgspec.structs.replace(case, script=script))
            if found is not None and len(found.case.script) == len(script):
                case = found.case
    return case


# Values.


def simplify_plan(shrinker: Shrinker, case: Case) -> Case:
    """Smaller arrays, fewer reactors, hosts and disks."""
    return _simplify(shrinker, case, simpler_plans)


def simplify_steps(shrinker: Shrinker, case: Case) -> Case:
    """Plainer steps."""
    return _simplify(shrinker, case, simpler_steps)


def _simplify(shrinker: Shrinker, case: Case, propose: Callable[[Case], Iterable[Case]]) -> Case:
    progress = True
    while progress:
        progress = False
        for candidate in propose(case):
            found = shrinker.attempt(candidate)
            if found is not None:
                case = found.case
                progress = True
                break
    return case


PASSES: tuple[Pass, ...] = (
    simplify_plan,
    delete_outside,
    delete_choices,
    rest_between,
    add_rests,
    simplify_steps,
)
