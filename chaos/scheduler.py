"""Schedulers: oracles that choose the next step. One class a strategy; replay is one of them."""

from __future__ import annotations

from typing import Protocol

from chaos.agenda import Agenda
from chaos.generator import Generator
from chaos.prng import Stream
from chaos.schedule import Step


class Scheduler(Protocol):
    """Chooses among what is possible."""

    def next_step(self, agenda: Agenda, generator: Generator, now_permille: int) -> Step | None:
        """The next step; None: nothing is possible any more."""


class RandomScheduler:
    """Each engine step alike; a step from outside in a drawn share (percent) of the turns."""

    def __init__(self, stream: Stream, outside_share: int) -> None:
        self._draw = stream.random
        self._outside = outside_share / 100

    def next_step(self, agenda: Agenda, generator: Generator, now_permille: int) -> Step | None:
        draw = self._draw
        choices = agenda.choices
        if not choices or draw() < self._outside:
            step = generator.next_step(now_permille)
            if step is not None:
                return step
            if not choices:
                return None
        return choices[int(draw() * len(choices))]


class FairScheduler:
    """Engine steps by age and steps from outside in turn: nothing possible waits for ever."""

    def __init__(self) -> None:
        self._outside_next = True

    def next_step(self, agenda: Agenda, generator: Generator, now_permille: int) -> Step | None:
        self._outside_next = not self._outside_next
        if not self._outside_next or not agenda.choices:
            step = generator.next_step(now_permille)
            if step is not None:
                return step
        return agenda.oldest() if agenda.choices else None
