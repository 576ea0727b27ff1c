"""Which of the possible steps belong to which request: its message, and everything that its steps have set off.

A step belongs to the request of the step that sent its message or started its I/O. The trail ends where a flow of
another request goes on, for example at a lock.
"""

from __future__ import annotations

from collections import deque

from workers.protocol import Deliver, EngineStep, FinishIo, Outcome

NO_ONE = 0  # no request


class Trail:
    """The requests of the messages and disk I/O in flight, by op, and how many steps each has taken."""

    def __init__(self) -> None:
        self._messages: dict[Deliver, deque[int]] = {}
        self._ios: dict[FinishIo, int] = {}
        self._taken = NO_ONE  # the request of the step in progress
        self.progress: dict[int, int] = {}  # op -> steps taken; of the requests that are followed
        self._possible: dict[int, int] = {}  # op -> messages and I/O in flight

    def sent(self, step: Deliver, op: int) -> None:
        """Follow the message of a request; NO_ONE: it isn't followed."""
        self._messages.setdefault(step, deque()).append(op)
        if op:
            self.progress[op], self._possible[op] = 0, 1

    def took(self, step: EngineStep) -> None:
        """Take in that this step is taken."""
        op = NO_ONE
        if step.__class__ is Deliver:
            op = self._messages[step].popleft()
        elif step.__class__ is FinishIo:
            op = self._ios.pop(step)
        self._taken = op
        if op:
            self.progress[op] += 1
            self._possible[op] -= 1

    def absorb(self, outcome: Outcome) -> None:
        """Take in what that step has set off."""
        op = self._taken
        for step in outcome.posted:
            self._messages.setdefault(step, deque()).append(op)
        for started in outcome.started:
            self._ios[started] = op
        if op:
            self._possible[op] += len(outcome.posted) + len(outcome.started)
            if not self._possible[op]:
                del self.progress[op], self._possible[op]

    def owner(self, step: EngineStep) -> int:
        """Return the request to which a possible step belongs."""
        if step.__class__ is Deliver:
            return self._messages[step][0]
        return self._ios[step] if step.__class__ is FinishIo else NO_ONE

    def clear(self) -> None:
        """Forget all, since the target is gone."""
        self._messages.clear()
        self._ios.clear()
        self.progress.clear()
        self._possible.clear()
