"""fair: the oldest possible step first, so that liveness can be judged in steps. Not a strategy: it heals and audits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.steps.agenda import Agenda
from chaos.steps.schedule import FireTimer, Step

if TYPE_CHECKING:
    from chaos.run.generator import Generator

TIMER_WAITS_MAX = 64  # steps


class FairScheduler:
    """Engine steps by age and steps from outside in turn: nothing possible waits forever.

    Time passes when nothing else is possible, or when it has not passed for long.
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
                return generator.last_means()
        oldest = agenda.oldest()
        if oldest.__class__ is not FireTimer:
            return oldest
        if self._timer_waits < TIMER_WAITS_MAX:
            self._timer_waits += 1
            if len(agenda.choices) > 1:
                return agenda.second_oldest()
            # Nothing moves: a step from outside comes first, if there is one.
            step = generator.next_step(now_permille)
            if step is not None:
                return step
        self._timer_waits = 0
        return oldest
