"""A run as a script of what comes late: all else is in default order.

Whatever order the engine's steps came in: each was the oldest possible one but for those that had been passed over. So
a run is what is passed over, from when it would have come until it came, and when each step from outside came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

import msgspec

from chaos.controller import Controller
from chaos.drivers.sim import SimDriver
from chaos.schedule import ENGINE_STEPS, FireTimer, Item, Kill, Late, PowerLoss, Rest
from chaos.script import LEFT_OUT, identity
from chaos.shrink import Case, Outcome, Shrinker
from workers.protocol import EngineStep

NEVER = 1_000_000  # steps late


class _Passed:
    """A step that others were preferred to."""

    def __init__(self, step: EngineStep, skip: int, since: int) -> None:
        self.step = step
        self.skip = skip
        self.since = since
        self.steps = NEVER

    def came(self, number: int) -> None:
        """It was the step of this number."""
        self.steps = number - 1 - self.since

    @property
    def item(self) -> Late:
        """What a script says of it."""
        return Late(self.step, self.skip, self.steps)


def as_late(shrinker: Shrinker, case: Case) -> Case:
    """The case's own run written so; the case itself where that is no gain."""
    best = shrinker.best
    if best is None or best.case != case:
        best = shrinker.play(case, shrinker.defects)
    assert best is not None, "the case fails"
    found = shrinker.attempt(msgspec.structs.replace(case, script=_written(shrinker, best)))
    return found.case if found is not None and found.case.size < case.size else case


def _written(shrinker: Shrinker, outcome: Outcome) -> tuple[Item, ...]:
    case = outcome.case
    end = len(outcome.schedule)
    if case.to_the_end:
        end = max((number for number in outcome.numbers if number != LEFT_OUT), default=0)
    controller = Controller(case.plan, SimDriver(), shrinker.defects)
    agenda, recorder = controller.agenda, controller.recorder
    script: list[Item | _Passed] = []
    late: list[_Passed] = []  # of this gap
    body: list[Item] = []
    steps = timers = 0  # in a row, and those of them that are timers
    taken: Counter[Hashable] = Counter()  # in this gap
    passed: dict[Hashable, _Passed] = {}

    def is_at_rest() -> bool:
        return all(
            step.__class__ is FireTimer or identity(step) in passed for step in agenda.by_age()
        )

    for step in outcome.schedule[:end]:
        if not isinstance(step, ENGINE_STEPS):
            if is_at_rest() and not timers:
                body.append(Rest())
            elif steps:
                body.append(Rest(steps))
            script += [*late, *body, step]
            late, body, steps, timers = [], [], 0, 0
            taken.clear()
            if isinstance(step, (Kill, PowerLoss)):
                passed.clear()
        elif isinstance(step, FireTimer):
            if all(other.__class__ is FireTimer for other in agenda.by_age()):
                steps += 1
                timers += 1
            else:
                body += [Rest(steps), step] if steps else [step]
                steps = timers = 0
        else:
            key = identity(step)
            for other in agenda.by_age():
                if other == step:
                    break
                if other.__class__ is not FireTimer and identity(other) not in passed:
                    skip = taken[identity(other)]
                    passed[identity(other)] = _Passed(other, skip, recorder.steps)
                    late.append(passed[identity(other)])
            if key in passed:
                passed.pop(key).came(recorder.steps + 1)
            taken[key] += 1
            steps += 1
        controller.take_recorded(step)
    script += [*late, *body]
    if steps and case.to_the_end:
        script.append(Rest(steps))
    return tuple(item.item if isinstance(item, _Passed) else item for item in script)
