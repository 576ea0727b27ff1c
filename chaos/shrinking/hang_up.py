"""A pass over keep-alive timeouts: a host that hangs up instead takes one step, and no time has to pass for it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chaos.shrinking.shrinker import Case, Shrinker, is_outside
from chaos.steps.schedule import Disconnect, FireTimer, Item, Late, Open, Rest

BOUND_LATER = 0  # the player takes the connection's thread here


def hang_up(shrinker: Shrinker, case: Case) -> Case:
    """Add an outside step where it saves more choices than one."""
    progress = True
    while progress:
        progress = False
        for candidate in _candidates(case):
            found = shrinker.attempt(candidate) if _weight(candidate) < _weight(case) else None
            if found is not None and _weight(found.case) < _weight(case):
                case, progress = found.case, True
                break
    return case


def _weight(case: Case) -> int:
    return case.outside + case.choices


def _candidates(case: Case) -> Iterator[Case]:
    """Propose, in place of passing time, the end of each open connection, with late steps kept or not."""
    for begin, end, opened in _gaps_with_time(case):
        lates = [item for item in case.script[begin:end] if isinstance(item, Late)]
        for one in opened:
            parting = Disconnect(_next_op(case), one.host, one.connection, BOUND_LATER)
            for instead in (
                [parting],
                [Rest(), parting],
                [*lates, parting],
                [*lates, Rest(), parting],
            ):
                script: tuple[Item, ...] = (*case.script[:begin], *instead, *case.script[end:])
                yield msgspec.structs.replace(case, script=script)


def _gaps_with_time(case: Case) -> Iterator[tuple[int, int, list[Open]]]:
    """Return the items between two outside steps, and the connections that are open by then."""
    begin = 0
    opened: dict[int, Open] = {}
    for end in range(len(case.script) + 1):
        step = case.script[end] if end < len(case.script) else None
        if step is not None and not is_outside(step):
            continue
        if any(
            isinstance(item, FireTimer) or (isinstance(item, Rest) and item.steps)
            for item in case.script[begin:end]
        ):
            yield begin, end, list(opened.values())
        if isinstance(step, Open):
            opened[step.connection] = step
        elif isinstance(step, Disconnect):
            opened.pop(step.connection, None)
        begin = end + 1


def _next_op(case: Case) -> int:
    return 1 + max((getattr(item, "op", 0) for item in case.script), default=0)
