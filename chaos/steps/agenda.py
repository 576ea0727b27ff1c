"""The engine steps that are possible now, kept from what the taken steps did."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from workers.protocol import Deliver, EngineStep, FireTimer, Outcome


class Agenda:
    """Choices for the scheduler: each message pair once, each disk I/O, and the timer next in deadline order.

    Choices stand in a list whose order follows from the past alone, so an index drawn from a seed means the
    same choice in every run of that seed. The dict beside it keeps them by age.
    """

    def __init__(self) -> None:
        self.choices: list[EngineStep] = []
        self._position: dict[EngineStep, int] = {}
        self._messages: dict[Deliver, int] = {}
        self._timers: list[tuple[int, int, int, FireTimer]] = []

    def post(self, step: Deliver) -> None:
        """A message was sent."""
        waiting = self._messages.get(step, 0)
        self._messages[step] = waiting + 1
        if not waiting:
            self._add(step)

    def absorb(self, outcome: Outcome) -> None:
        """A step made others possible."""
        messages = self._messages
        position, choices = self._position, self.choices
        # As _add does; a call for each step would take longer than what it does.
        for step in outcome.posted:
            waiting = messages.get(step, 0)
            messages[step] = waiting + 1
            if not waiting:
                position[step] = len(choices)
                choices.append(step)
        for started in outcome.started:
            position[started] = len(choices)
            choices.append(started)
        for timer in outcome.armed:
            self._arm(timer)

    def took(self, step: EngineStep) -> None:
        """The step is being taken; raises KeyError when it isn't possible.

        Choices have the timer next in deadline order only; what a free run has recorded may take any.
        """
        if step.__class__ is FireTimer:
            self._took_timer(step)
            return
        place = self._position.pop(step)  # as _remove does
        choices = self.choices
        last = choices.pop()
        if place < len(choices):
            choices[place] = last
            self._position[last] = place
        if step.__class__ is Deliver:
            waiting = self._messages[step] = self._messages[step] - 1
            if waiting:
                self._add(step)

    def _took_timer(self, timer: FireTimer) -> None:
        place = bisect_left(self._timers, (timer.deadline_us, timer.reactor, timer.number, timer))
        if self._timers[place : place + 1] != [
            (timer.deadline_us, timer.reactor, timer.number, timer)
        ]:
            raise KeyError(timer)
        if place == 0:
            self._remove(timer)
        self._timers.pop(place)
        if place == 0 and self._timers:
            self._add(self._timers[0][-1])

    def oldest(self) -> EngineStep:
        """The choice that has been possible for longest; taking it each time starves nobody."""
        return next(iter(self._position))

    def second_oldest(self) -> EngineStep:
        """The next one; there must be two. Only one timer is possible at a time, so one of them is none."""
        ages = iter(self._position)
        next(ages)
        return next(ages)

    def passes_over(self, reactor: int, taken: EngineStep) -> bool:
        """Could this reactor go on, and another one does? A timer that is due waits for nobody: it doesn't count."""
        return taken.reactor != reactor and any(
            step.reactor == reactor and step.__class__ is not FireTimer for step in self.choices
        )

    def by_age(self) -> Iterator[EngineStep]:
        """All choices, the one that has been possible for longest first."""
        return iter(self._position)

    def clear(self) -> None:
        """The target is gone, and all that was possible with it."""
        self.choices.clear()
        self._position.clear()
        self._messages.clear()
        self._timers.clear()

    def __contains__(self, step: EngineStep) -> bool:
        return step in self._position

    def is_armed(self, timer: FireTimer) -> bool:
        """Could a recording have taken it? Of these timers, only the next one is a choice."""
        return (timer.deadline_us, timer.reactor, timer.number, timer) in self._timers

    def __len__(self) -> int:
        return len(self.choices)

    def _arm(self, timer: FireTimer) -> None:
        head = self._timers[0][-1] if self._timers else None
        insort(self._timers, (timer.deadline_us, timer.reactor, timer.number, timer))
        first = self._timers[0][-1]
        if first is not head:
            if head is not None:
                self._remove(head)
            self._add(first)

    def _add(self, step: EngineStep) -> None:
        self._position[step] = len(self.choices)
        self.choices.append(step)

    def _remove(self, step: EngineStep) -> None:
        place = self._position.pop(step)
        last = self.choices.pop()
        if place < len(self.choices):
            self.choices[place] = last
            self._position[last] = place
