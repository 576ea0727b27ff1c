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
from chaos.schedule import (
    ENGINE_STEPS,
    FireTimer,
    Item,
    Kill,
    Late,
    OutsideStep,
    PowerLoss,
    Rest,
    Step,
)
from chaos.script import LEFT_OUT, twin
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
    writer = _Writer(controller)
    for step in outcome.schedule[:end]:
        writer.take(step)
        controller.take_recorded(step)
    return writer.script(to_the_end=case.to_the_end)


class _Writer:
    """Writes down what each step is to the default order; asked before it is taken."""

    def __init__(self, controller: Controller) -> None:
        self._agenda = controller.agenda
        self._recorder = controller.recorder
        self._items: list[Item | _Passed] = []
        self._late: list[_Passed] = []  # of this gap
        self._body: list[Item] = []  # of this gap
        self._steps = 0  # in a row
        self._timers = 0  # of these
        self._taken: Counter[Hashable] = Counter()  # in this gap
        self._passed: dict[Hashable, _Passed] = {}

    def take(self, step: Step) -> None:
        if isinstance(step, FireTimer):
            self._time_passes(step)
        elif isinstance(step, ENGINE_STEPS):
            self._engine(step)
        else:
            self._outside(step)

    def script(self, *, to_the_end: bool) -> tuple[Item, ...]:
        items = [*self._items, *self._late, *self._body]
        if self._steps and to_the_end:
            items.append(Rest(self._steps))
        return tuple(item.item if isinstance(item, _Passed) else item for item in items)

    def _outside(self, step: OutsideStep) -> None:
        is_at_rest = not self._timers and all(
            other.__class__ is FireTimer or twin(other) in self._passed
            for other in self._agenda.by_age()
        )
        if is_at_rest:
            self._body.append(Rest())
        elif self._steps:
            self._body.append(Rest(self._steps))
        self._items += [*self._late, *self._body, step]
        self._late, self._body = [], []
        self._steps = self._timers = 0
        self._taken.clear()
        if isinstance(step, (Kill, PowerLoss)):
            self._passed.clear()

    def _time_passes(self, step: FireTimer) -> None:
        if all(other.__class__ is FireTimer for other in self._agenda.by_age()):
            self._steps += 1
            self._timers += 1
            return
        self._body += [Rest(self._steps), step] if self._steps else [step]
        self._steps = self._timers = 0

    def _engine(self, step: EngineStep) -> None:
        for other in self._agenda.by_age():
            if other == step:
                break
            key = twin(other)
            if other.__class__ is not FireTimer and key not in self._passed:
                self._passed[key] = _Passed(other, self._taken[key], self._recorder.steps)
                self._late.append(self._passed[key])
        key = twin(step)
        if key in self._passed:
            self._passed.pop(key).came(self._recorder.steps + 1)
        self._taken[key] += 1
        self._steps += 1
