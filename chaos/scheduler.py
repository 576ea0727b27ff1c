"""Schedulers: oracles that choose the next step. One class a strategy; replay is one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chaos.agenda import Agenda
from chaos.prng import Stream
from chaos.schedule import EngineStep, FireTimer, Step

if TYPE_CHECKING:
    from chaos.generator import Generator
    from chaos.model import Model
    from chaos.plan import Plan

TIMER_WAITS_MAX = 64  # steps
NEAR_US = 10_000


class Scheduler(Protocol):
    """Chooses among what is possible."""

    def next_step(self, agenda: Agenda, generator: Generator, now_permille: int) -> Step | None:
        """The next step; None: nothing is possible any more."""


class RandomScheduler:
    """Each engine step alike; a step from outside in a drawn share (percent) of the turns.

    Time passes in a drawn share of the turns in which a timer was chosen. A reactor that the nemesis has
    stopped takes no step while others can. What is anchored to an event is asked for when it is due, not when a
    turn of the outside's comes. Other strategies choose otherwise among the engine's steps.
    """

    def __init__(self, stream: Stream, plan: Plan, model: Model) -> None:
        self._draw = stream.random
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
            # Only one timer is possible at a time: another choice is none.
            chosen = self._choose_instead(chosen, choices) if len(choices) > 1 else None
        if chosen is None:
            # Nothing moves but time, or what is held back; whoever can do something from outside comes first.
            step = generator.next_step(now_permille)
            if step is not None:
                return step
            chosen = choices[0]
        if self._model.stalled is not None:
            return self._avoid(self._model.stalled[0], chosen, choices)
        return chosen

    def _choose(self, choices: list[EngineStep]) -> EngineStep | None:
        """One of the choices; None: rather one from outside."""
        return choices[int(self._draw() * len(choices))]

    def _choose_instead(self, passed: EngineStep, choices: list[EngineStep]) -> EngineStep | None:
        """Another one; there is one."""
        others = len(choices) - 1
        return choices[(choices.index(passed) + 1 + int(self._draw() * others)) % len(choices)]

    def _lets_time_pass(self, deadline_us: int) -> bool:
        """Near deadlines come by themselves; far ones, such as a keep-alive's, only now and then."""
        gap_us = max(deadline_us - self._model.clock_us, NEAR_US)
        draw = self._draw()
        return draw * draw * gap_us < self._timers * self._timers * NEAR_US

    def _avoid(self, reactor: int, step: EngineStep, choices: list[EngineStep]) -> EngineStep:
        if step.reactor != reactor:
            return step
        others = [choice for choice in choices if choice.reactor != reactor]
        return others[int(self._draw() * len(others))] if others else step


class FairScheduler:
    """Engine steps by age and steps from outside in turn: nothing possible waits for ever.

    Time passes when nothing else is possible, or has not been let pass for long.
    """

    def __init__(self) -> None:
        self._outside_next = True
        self._timer_waits = 0

    def next_step(self, agenda: Agenda, generator: Generator, now_permille: int) -> Step | None:
        self._outside_next = not self._outside_next
        if not self._outside_next or not agenda.choices:
            step = generator.next_step(now_permille)
            if step is not None:
                return step
            if not agenda.choices:
                return None
        oldest = agenda.oldest()
        if oldest.__class__ is not FireTimer:
            return oldest
        if self._timer_waits < TIMER_WAITS_MAX:
            self._timer_waits += 1
            if len(agenda.choices) > 1:
                return agenda.second_oldest()
            # Nothing moves: whoever can do something from outside comes first.
            step = generator.next_step(now_permille)
            if step is not None:
                return step
        self._timer_waits = 0
        return oldest
