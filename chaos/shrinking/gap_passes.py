"""Passes over the gaps between outside steps: they leave as much of the order as possible to the default."""

from __future__ import annotations

import msgspec

from chaos.base.prng import Stream
from chaos.scripts.player import LEFT_OUT, STEPS_MAX
from chaos.shrinking.shrinker import Case, Shrinker, is_outside
from chaos.steps.schedule import Item, Late, Rest

DRAWS = 200
DRAWN_STEPS = 24
DRAWN_LATE = 40  # steps
BUSY_PERCENT = (0, 15, 30, 60)  # of the gaps that are redrawn
MANY = 4  # choices
STRETCH_MAX = 6  # outside steps
STRETCH_DRAWS = 300  # draws without a smaller result
ENOUGH = 2  # choices
TIMES_MAX = 40  # counts of default steps that are tried in a gap


def rest_between(shrinker: Shrinker, case: Case, patience: int = STEPS_MAX) -> Case:
    """Replace the items between two outside steps by a rest, in runs of gaps that grow while it works, or remove them."""
    at = 0
    while at < len(gaps_of(case)):
        size = 0
        while at + size < len(gaps_of(case)):
            more = min(max(1, size), len(gaps_of(case)) - at - size)
            found = _with_gaps(shrinker, case, range(at, at + size + more), [Rest()], patience)
            if found is None:
                break
            case, size = found, size + more
        if not size and patience and gaps_of(case)[at] not in ([], [Rest()]):
            case = _with_gaps(shrinker, case, range(at, at + 1), []) or case
        at += size or 1
    return _rest_after_last(shrinker, case) if patience else case


def _rest_after_last(shrinker: Shrinker, case: Case) -> Case:
    """Replace the items after the last outside step in the same way."""
    end = len(case.script) - _after_last(case)
    for instead in ((), (Rest(),)):
        if len(case.script) == end or case.script[end:] == instead:
            break
        found = _accepted(shrinker, case, [*case.script[:end], *instead], STEPS_MAX)
        if found is not None:
            return found
    return case


def add_rests(shrinker: Shrinker, case: Case) -> Case:
    """Let the target come to rest before each outside step, where the failure allows it."""
    for index in range(len(case.script) - 1, -1, -1):
        before = case.script[index - 1] if index else Rest()
        if is_outside(case.script[index]) and is_outside(before):
            script = (*case.script[:index], Rest(), *case.script[index:])
            found = shrinker.attempt(msgspec.structs.replace(case, script=script))
            if found is not None and found.case.script == script:
                case = found.case
    return case


def default_runs(shrinker: Shrinker, case: Case) -> Case:
    """Replace engine steps in a row by as many default steps, in runs that grow while it works."""
    end = len(case.script)
    while end > 0:
        begin = end
        size = 1
        while begin > 0:
            first = max(0, end - size)
            if any(is_outside(item) for item in case.script[first:end]):
                break
            steps = _steps_in(shrinker, case, first, end)
            found = _replaced(shrinker, case, first, end, [Rest(steps)]) if steps else None
            if found is None:
                break
            # The run is one item now, and grows by the items before it.
            case, end, begin, size = found, first + 1, first, 2 if size == 1 else size * 2
        end = min(begin, end - 1)
    return case


def default_times(shrinker: Shrinker, case: Case) -> Case:
    """Replace several choices in a gap by a number of default steps, the number that works."""
    for at in range(len(gaps_of(case)) - 1, -1, -1):
        gap = gaps_of(case)[at]
        if sum(item != Rest() for item in gap) < 2:
            continue
        for steps in range(1, TIMES_MAX):
            found = _with_gaps(shrinker, case, range(at, at + 1), [Rest(steps)])
            if found is not None:
                case = found
                break
    return case


def redraw_stretches(shrinker: Shrinker, case: Case) -> Case:
    """Redraw the gaps before a few outside steps in a row, until many draws have found nothing."""
    stream = Stream(0, "stretches")
    missed = 0
    while case.choices > MANY and missed < STRETCH_DRAWS:
        gaps = gaps_of(case)
        first = stream.integer_below(len(gaps))
        stretch = range(first, min(len(gaps), first + stream.between(1, STRETCH_MAX)))
        lates = [item for item in case.script if isinstance(item, Late)]
        drawn = {number: _drawn_gap(stream, lates) for number in stretch}
        outside = [item for item in case.script if is_outside(item)]
        script: list[Item] = []
        for number, (gap, item) in enumerate(zip(gaps, outside, strict=True)):
            script += [*drawn.get(number, gap), item]
        script += case.script[len(case.script) - _after_last(case) :]
        found = shrinker.improve(case, msgspec.structs.replace(case, script=tuple(script)))
        if found is None:
            missed += 1
        else:
            case, missed = found.case, 0
    return case


def _drawn_gap(stream: Stream, lates: list[Late]) -> list[Item]:
    """Draw a gap: a rest, or some default steps, with one step late among those that are late elsewhere or here."""
    if stream.chance(1, 2):
        return [Rest()]
    gap: list[Item] = []
    if lates and stream.chance(1, 2):
        late = lates[stream.integer_below(len(lates))]
        gap.append(
            Late(late.step, stream.integer_below(late.skip + 1), stream.between(1, DRAWN_LATE))
        )
    steps = stream.integer_below(DRAWN_STEPS)
    return [*gap, Rest(steps)] if steps else gap


def gaps_of(case: Case) -> list[list[Item]]:
    """Return the items before each outside step."""
    gaps: list[list[Item]] = [[]]
    for item in case.script:
        if is_outside(item):
            gaps.append([])
        else:
            gaps[-1].append(item)
    return gaps[:-1]


def _after_last(case: Case) -> int:
    """Count the items after the last outside step."""
    return next(
        (number for number, item in enumerate(reversed(case.script)) if is_outside(item)),
        len(case.script),
    )


def _with_gaps(
    shrinker: Shrinker,
    case: Case,
    which: range,
    instead: list[Item],
    patience: int = STEPS_MAX,
) -> Case | None:
    """Fill these gaps otherwise; return None where the failure or an outside step is lost."""
    gaps = gaps_of(case)
    outside = [index for index, item in enumerate(case.script) if is_outside(item)]
    script: list[Item] = []
    for number, (gap, index) in enumerate(zip(gaps, outside, strict=True)):
        script += instead if number in which else gap
        script.append(case.script[index])
    script += case.script[outside[-1] + 1 :]
    return _accepted(shrinker, case, script, patience)


def _replaced(
    shrinker: Shrinker, case: Case, first: int, end: int, instead: list[Item]
) -> Case | None:
    script = [*case.script[:first], *instead, *case.script[end:]]
    found = _accepted(shrinker, case, script, STEPS_MAX)
    return found if found is not None and list(found.script) == script else None


def _accepted(shrinker: Shrinker, case: Case, script: list[Item], patience: int) -> Case | None:
    wanted = msgspec.structs.replace(case, script=tuple(script))
    if wanted.script == case.script:
        return case
    found = shrinker.attempt(wanted, patience)
    is_fine = found is not None and found.case.outside == case.outside
    return found.case if found is not None and is_fine and found.case.size <= case.size else None


def _steps_in(shrinker: Shrinker, case: Case, first: int, end: int) -> int:
    """Count the steps that the run takes from one item of a case to another, exclusive."""
    best = shrinker.best
    if best is None or best.case != case:
        best = shrinker.play(case, shrinker.defects)
    assert best is not None, "the case fails"
    numbers = best.numbers
    before = numbers[first - 1] if first else 0
    last = numbers[end] - 1 if end < len(numbers) else len(best.schedule)
    if LEFT_OUT in (before, last + 1) or (first and isinstance(case.script[first - 1], Rest)):
        return 0
    return max(0, last - before)


def redraw(shrinker: Shrinker, case: Case) -> Case:
    """Redraw all gaps, mostly as rests, some as a few default steps; keep the first case with fewer choices.

    A failure that a long recording reaches in one exact order often shows in a plain order that no deletion leads to.
    """
    if case.choices <= ENOUGH:
        return case
    stream = Stream(0)
    gaps = gaps_of(case)
    outside = [item for item in case.script if is_outside(item)]
    after = case.script[len(case.script) - _after_last(case) :]
    for number in range(DRAWS):
        script: list[Item] = []
        busy = stream.integer_below(len(BUSY_PERCENT)) if number else 0
        for gap, item in zip(gaps, outside, strict=True):
            kept = stream.integer_below(100) < (100 if gap == [Rest()] and number % 2 else 0)
            if kept or stream.integer_below(100) >= BUSY_PERCENT[busy]:
                script.append(Rest())
            else:
                steps = stream.integer_below(DRAWN_STEPS)
                script += [Rest(steps)] if steps else []
            script.append(item)
        script += after if number % 2 else []
        found = _accepted(shrinker, case, script, STEPS_MAX)
        if found is not None and found.size < case.size:
            return found
    return case
