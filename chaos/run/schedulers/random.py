"""random: each engine step with equal chance, faults at any moment, I/O anywhere. The baseline for other strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.base.prng import Stream
from chaos.steps.agenda import Agenda
from chaos.steps.schedule import EngineStep, FireTimer, Step

if TYPE_CHECKING:
    from chaos.plan.plan import Plan
    from chaos.run.generator import Generator
    from chaos.run.model import Model

NEAR_US = 10_000


class RandomScheduler:
    """Each engine step with equal chance; an outside step in a drawn share (percent) of the turns.

    Time passes in a drawn share of the turns in which a timer was chosen. A stopped reactor takes no step while others can.
    A thing anchored to an event is offered when it is due, without waiting for a turn. Other strategies change the choice of
    engine steps.
    """

    def __init__(self, stream: Stream, plan: Plan, model: Model) -> None:
        self._draw = stream.fraction
        self._outside = plan.outside_share / 100
        self._timers = plan.timer_share / 100
        self._model = model

    def next_step(self, agenda: Agenda, generator: Generator, now_permille: int) -> Step | None:
        draw = self._draw
        choices = agenda.choices
        is_due = self._model.steps >= self._model.anchors.next_due
        if is_due:
            self._model.anchors.asked()
        if not choices or draw() < self._outside or is_due:
            step = generator.next_step(now_permille)
            if step is not None:
                return step
            if not choices:
                return None
        chosen = self._choose(choices)
        if chosen.__class__ is FireTimer and not self._lets_time_pass(chosen.deadline_us):
            # Only one timer is possible at a time, so another choice is none.
            chosen = self._choose_instead(chosen, choices) if len(choices) > 1 else None
        if chosen is None:
            # Nothing moves but time, or what is held back: a step from outside comes first, if there is one.
            step = generator.next_step(now_permille)
            if step is not None:
                return step
            chosen = choices[0]
        if self._model.stalled is not None:
            return self._avoid(self._model.stalled[0], chosen, choices)
        return chosen

    def _choose(self, choices: list[EngineStep]) -> EngineStep | None:
        """Return one of the choices; None: rather one from outside."""
        return choices[int(self._draw() * len(choices))]

    def _choose_instead(self, passed: EngineStep, choices: list[EngineStep]) -> EngineStep | None:
        """Choose another one; there must be one."""
        others = len(choices) - 1
        return choices[(choices.index(passed) + 1 + int(self._draw() * others)) % len(choices)]

    def _lets_time_pass(self, deadline_us: int) -> bool:
        """Return whether a timer fires: near deadlines are reached anyway; far ones, such as a keep-alive's, only now and then."""
        gap_us = max(deadline_us - self._model.clock_us, NEAR_US)
        draw = self._draw()
        return draw * draw * gap_us < self._timers * self._timers * NEAR_US

    def _avoid(self, reactor: int, step: EngineStep, choices: list[EngineStep]) -> EngineStep:
        if step.reactor != reactor:
            return step
        others = [choice for choice in choices if choice.reactor != reactor]
        return others[int(self._draw() * len(others))] if others else step
