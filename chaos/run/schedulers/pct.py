"""pct: strict priorities, changed at drawn steps (probabilistic concurrency testing).

Lanes are message pairs, a thread's I/O on a disk, and time. Each gets a drawn priority when it first has a step, and
the possible step of the highest lane is taken. At a few drawn steps the lane in turn falls below all others.
A step in a low lane waits while others are possible: random choices hardly ever keep up such orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.base.prng import Stream
from chaos.run.schedulers.random import RandomScheduler
from chaos.steps.schedule import Deliver, EngineStep, FinishIo

if TYPE_CHECKING:
    from chaos.plan.plan import Plan
    from chaos.run.model import Model

DEPTH = (2, 12)  # ordering constraints searched for: one more than change points
TIME = (-1, -1)
NO_PRIORITY = float("-inf")
PriorityLane = tuple[int, int]


def lane_of(step: EngineStep) -> PriorityLane:
    """Return the lane of a step."""
    if step.__class__ is Deliver:
        return (step.sender, step.receiver)
    if step.__class__ is FinishIo:
        return (step.thread, -2 - step.disk)
    return TIME


class PctScheduler(RandomScheduler):
    """The possible step of the highest lane; outside steps come at random, as in RandomScheduler."""

    def __init__(self, stream: Stream, plan: Plan, model: Model) -> None:
        super().__init__(stream, plan, model)
        depth = stream.between(*DEPTH)
        # For each falling lane: its engine step, and its new priority, so that the order among them is drawn, too.
        self.changes = sorted(
            (stream.integer_below(plan.steps), -1.0 - i) for i in range(depth - 1)
        )
        self.priorities: dict[PriorityLane, float] = {}
        self._taken = 0

    def _choose(self, choices: list[EngineStep]) -> EngineStep:
        chosen = self._highest(choices)
        self._taken += 1
        while self.changes and self._taken > self.changes[0][0]:
            self.priorities[lane_of(chosen)] = self.changes.pop(0)[1]
            chosen = self._highest(choices)
        return chosen

    def _choose_instead(self, passed: EngineStep, choices: list[EngineStep]) -> EngineStep:
        return self._highest([choice for choice in choices if choice is not passed])

    def _highest(self, choices: list[EngineStep]) -> EngineStep:
        priorities = self.priorities
        best, best_priority = choices[0], NO_PRIORITY
        for choice in choices:
            lane = lane_of(choice)
            priority = priorities.get(lane)
            if priority is None:
                priority = priorities[lane] = self._draw()
            if priority > best_priority:
                best, best_priority = choice, priority
        return best
