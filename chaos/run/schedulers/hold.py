"""hold: one reactor, one message pair or one disk I/O is held back for a drawn number of steps.

Global state changes at one moment, the channels follow by a serial iteration, and the held step is somewhere in
between. Meanwhile everything else that is possible happens. Holds begin soon after such a change, or at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.base.prng import Stream
from chaos.run.schedulers.random import RandomScheduler
from chaos.steps.schedule import Deliver, EngineStep, FinishIo, FireTimer

if TYPE_CHECKING:
    from chaos.plan.plan import Plan
    from chaos.run.model import Model

LENGTH_BITS = (3, 8)  # holds are of 2**3 to 2**8 steps: each power of two is equally likely
GAP_STEPS_MAX = 120
STAGES_MAX = 24  # steps from a change to the hold
AFTER_CHANGE_PERCENT = 40


class HoldScheduler(RandomScheduler):
    """Chooses at random, except for the held steps, which wait while others are possible."""

    def __init__(self, stream: Stream, plan: Plan, model: Model) -> None:
        super().__init__(stream, plan, model)
        self._stream = stream
        self.held: int | Deliver | FinishIo | None = None  # an int is a reactor
        self._changed_at = 0
        self._next = stream.integer_below(GAP_STEPS_MAX)  # the step in which a hold begins, or ends

    def _choose(self, choices: list[EngineStep]) -> EngineStep | None:
        model = self._model
        if self.held is None and model.anchors.changed_at != self._changed_at:
            self._changed_at = model.anchors.changed_at
            if self._stream.chance(AFTER_CHANGE_PERCENT, 100):
                self._next = model.steps + self._stream.integer_below(STAGES_MAX)
        if model.steps >= self._next:
            self._turn(choices)
        return self._let_go(super()._choose(choices), choices)

    def _choose_instead(self, passed: EngineStep, choices: list[EngineStep]) -> EngineStep | None:
        return self._let_go(super()._choose_instead(passed, choices), choices)

    def _turn(self, choices: list[EngineStep]) -> None:
        """Begin a hold, or end it."""
        stream, now = self._stream, self._model.steps
        if self.held is not None:
            self.held = None
            self._next = now + stream.integer_below(GAP_STEPS_MAX)
            return
        self.held = self._draw_one(choices)
        low, high = LENGTH_BITS
        self._next = now + int(2 ** (low + stream.fraction() * (high - low)))

    def _draw_one(self, choices: list[EngineStep]) -> int | Deliver | FinishIo:
        """Draw from what is possible now. There are fewer I/Os than messages, but a late I/O has far-reaching effects."""
        ios = [one for one in choices if isinstance(one, FinishIo)]
        if ios and self._stream.chance(1, 2):
            return self._stream.choice(ios)
        one = self._stream.choice(choices)
        by_reactor = self._stream.chance(1, 2)
        return one.reactor if by_reactor or isinstance(one, FireTimer) else one

    def _let_go(self, chosen: EngineStep | None, choices: list[EngineStep]) -> EngineStep | None:
        if chosen is None or not self._is_held(chosen):
            return chosen
        stalled = self._model.stalled[0] if self._model.stalled is not None else None
        others = [
            one
            for one in choices
            if not self._is_held(one) and one.__class__ is not FireTimer and one.reactor != stalled
        ]
        return others[int(self._draw() * len(others))] if others else None

    def _is_held(self, step: EngineStep) -> bool:
        held = self.held
        if held is None:
            return False
        return step.reactor == held if held.__class__ is int else step == held
