"""The engine steps that are possible now, updated from the outcomes of the steps taken."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from workers.protocol import Deliver, EngineStep, FireTimer, Outcome


class Agenda:
    """Choices for the scheduler: each message pair once, each disk I/O, and the timer next in deadline order.

    Choices stand in a list whose order follows from the past alone. So an index drawn from a seed means the
    same choice in every run of that seed. The dict beside it keeps them by age.
    """

    def __init__(self) -> None:
        self.choices: list[EngineStep] = []
        self._position: dict[EngineStep, int] = {}
        self._messages: dict[Deliver, int] = {}
        self._timers: list[tuple[int, int, int, FireTimer]] = []

    def post(self, step: Deliver) -> None:
        """Add a message that was sent."""
        waiting = self._messages.get(step, 0)
        self._messages[step] = waiting + 1
        if not waiting:
            self._add(step)

    def absorb(self, outcome: Outcome) -> None:
        """Add the steps that a step's outcome has made possible."""
        messages = self._messages
        position, choices = self._position, self.choices
        # This is _add inlined, since a call for each step would take longer than the work itself.
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
        """Remove a step that is being taken; raise KeyError when it isn't possible.

        Of the timers only the next one in deadline order is a choice, but a free run's recording may take any of them.
        """
        if step.__class__ is FireTimer:
            self._took_timer(step)
            return
        place = self._position.pop(step)  # _remove, inlined
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
        """Return the choice that has been possible for longest; taking it each time starves no step."""
        return next(iter(self._position))

    def second_oldest(self) -> EngineStep:
        """Return the second oldest choice; there must be two, so at least one of them is no timer."""
        ages = iter(self._position)
        next(ages)
        return next(ages)

    def passes_over(self, reactor: int, taken: EngineStep) -> bool:
        """Return whether a step of another reactor is taken while this one has a choice; a timer is none, since it can wait."""
        return taken.reactor != reactor and any(
            step.reactor == reactor and step.__class__ is not FireTimer for step in self.choices
        )

    def by_age(self) -> Iterator[EngineStep]:
        """Yield all choices, the one that has been possible for longest first."""
        return iter(self._position)

    def clear(self) -> None:
        """Remove all choices, since the target is gone."""
        self.choices.clear()
        self._position.clear()
        self._messages.clear()
        self._timers.clear()

    def __contains__(self, step: EngineStep) -> bool:
        return step in self._position

    def is_armed(self, timer: FireTimer) -> bool:
        """Return whether a timer is set; a recording may take any set timer, but only the next one is a choice."""
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
