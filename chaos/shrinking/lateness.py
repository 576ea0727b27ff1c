"""A run as a script of late steps: all other steps are in default order.

Each engine step of a run was the oldest possible one, except for steps that had been passed over. So a
script needs two things: the steps that were passed over, with their delays, and the moments of the outside steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

import msgspec

from chaos.drivers.make import stepped_driver
from chaos.run.controller import Controller
from chaos.scripts.player import LEFT_OUT, twin
from chaos.shrinking.shrinker import Attempt, Case, Shrinker
from chaos.steps.schedule import (
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
from workers.protocol import EngineStep

STEPS_UNTIL_NEVER = 1_000_000  # steps late


class _Passed:
    """A step that was passed over, while later ones were taken."""

    def __init__(self, step: EngineStep, skip: int, since: int) -> None:
        self.step = step
        self.skip = skip
        self.since = since
        self.steps = STEPS_UNTIL_NEVER

    def came(self, number: int) -> None:
        """End the delay: the step was taken, with this number."""
        self.steps = number - 1 - self.since

    @property
    def item(self) -> Late:
        """Write the delay as an item of the script."""
        return Late(self.step, self.skip, self.steps)


def as_late(shrinker: Shrinker, case: Case, timers_early: tuple[bool, ...] = (True, False)) -> Case:
    """Write the case's own run with delays, in the best of the ways; return the case itself where none is a gain."""
    best = shrinker.best
    if best is None or best.case != case:
        best = shrinker.play(case, shrinker.defects)
    assert best is not None, "the case fails"
    for is_early in timers_early:
        script = _as_script(shrinker, best, timers_early=is_early)
        found = shrinker.attempt(msgspec.structs.replace(case, script=script))
        if found is not None and found.case.size < case.size:
            case = found.case
    return case


def _as_script(shrinker: Shrinker, outcome: Attempt, *, timers_early: bool) -> tuple[Item, ...]:
    case = outcome.case
    end = len(outcome.schedule)
    if case.to_the_end:
        end = max((number for number in outcome.numbers if number != LEFT_OUT), default=0)
    controller = Controller(case.plan, stepped_driver(case.plan.target), shrinker.defects)
    return as_delays(
        controller,
        outcome.schedule[:end],
        to_the_end=case.to_the_end,
        timers_early=timers_early,
    )


def as_delays(
    controller: Controller, steps: list[Step], *, to_the_end: bool, timers_early: bool = False
) -> tuple[Item, ...]:
    """Write these steps, from a start on, as a script that replays the same run.

    A timer that fires while other steps are possible is early; otherwise those other steps are late.
    """
    writer = _Writer(controller, timers_early)
    for step in steps:
        writer.take(step)
        controller.take_recorded(step)
    return writer.script(to_the_end=to_the_end)


class _Writer:
    """Writes how each step differs from the default order; it is called before the step is taken."""

    def __init__(self, controller: Controller, timers_early: bool) -> None:
        self._timers_early = timers_early
        self._agenda = controller.agenda
        self._recorder = controller.recorder
        self._items: list[Item | _Passed] = []
        self._late: list[_Passed] = []  # of the present gap
        self._body: list[Item] = []  # of the present gap
        self._steps = 0  # default steps in a row
        self._timers = 0  # timers among them
        self._taken: Counter[Hashable] = Counter()  # in the present gap
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
        if not self._timers and self._is_time_all():
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
        if not self._timers_early:
            self._pass_all_before(None)
        if self._is_time_all() and step in self._agenda:
            self._steps += 1
            self._timers += 1
            return
        self._body += [Rest(self._steps), step] if self._steps else [step]
        self._steps = self._timers = 0

    def _is_time_all(self) -> bool:
        """Return whether only late steps and the passing of time are possible."""
        return all(
            other.__class__ is FireTimer or twin(other) in self._passed
            for other in self._agenda.by_age()
        )

    def _engine(self, step: EngineStep) -> None:
        self._pass_all_before(step)
        key = twin(step)
        if key in self._passed:
            self._passed.pop(key).came(self._recorder.steps + 1)
        self._taken[key] += 1
        self._steps += 1

    def _pass_all_before(self, step: EngineStep | None) -> None:
        """Pass over everything older than this step, or every possible step except the passing of time."""
        for other in self._agenda.by_age():
            if other == step:
                break
            key = twin(other)
            if other.__class__ is not FireTimer and key not in self._passed:
                self._passed[key] = _Passed(other, self._taken[key], self._recorder.steps)
                self._late.append(self._passed[key])
