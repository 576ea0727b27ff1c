"""Search strategies: how a seed looks for trouble. One small file each.

A strategy has one part: it is a scheduler, it shapes what is planned, or it says where I/O goes. A seed takes
one scheduler and any number of the others.
"""

from __future__ import annotations

from chaos.prng import Stream
from chaos.strategies.anchored import ANCHORED
from chaos.strategies.base import Place, Scheduling, Shape, Strategy
from chaos.strategies.frontier import FRONTIER
from chaos.strategies.hold import HOLD
from chaos.strategies.pairs import PAIRS
from chaos.strategies.pct import PCT
from chaos.strategies.swarm import SWARM
from chaos.strategies.uniform import RANDOM
from chaos.strategy_names import DEFAULT_SCHEDULER, STRATEGY_NAMES

# Shapes are applied in this order: what is absent is left out first, what is added may be anchored.
STRATEGIES: dict[str, Strategy] = {
    "random": RANDOM,
    "pct": PCT,
    "hold": HOLD,
    "swarm": SWARM,
    "pairs": PAIRS,
    "anchored": ANCHORED,
    "frontier": FRONTIER,
}
assert tuple(STRATEGIES) == STRATEGY_NAMES
TAKEN_PERCENT = 50


def draw_strategies(names: tuple[str, ...], stream: Stream) -> tuple[str, ...]:
    """What a seed takes of those it may draw from: a scheduler first, then others in their order.

    Schedulers exclude each other; each of the others is taken in half of the seeds, but one that is the
    experiment's only one always.
    """
    listed = [name for name in STRATEGIES if name in names]
    schedulers = [name for name in listed if STRATEGIES[name].scheduler is not None]
    others = [name for name in listed if STRATEGIES[name].scheduler is None]
    taken = [
        stream.choice(schedulers) if len(schedulers) > 1 else (schedulers or [DEFAULT_SCHEDULER])[0]
    ]
    if len(others) == 1 and len(listed) == 1:
        return (*taken, *others)
    return (*taken, *(name for name in others if stream.chance(TAKEN_PERCENT, 100)))


def scheduler_of(strategies: tuple[str, ...]) -> Scheduling:
    """What makes the scheduler of the chaos phase."""
    scheduler = STRATEGIES[strategies[0]].scheduler
    assert scheduler is not None, "the first of a plan's strategies is a scheduler"
    return scheduler


def shapes_of(strategies: tuple[str, ...]) -> list[Shape]:
    """What changes the planned faults and operations, in order."""
    found = [STRATEGIES[name].shape for name in strategies]
    return [shape for shape in found if shape is not None]


def place_of(strategies: tuple[str, ...]) -> Place | None:
    """What says where a host's I/O goes, if anything does."""
    found = [STRATEGIES[name].place for name in strategies]
    return next((place for place in found if place is not None), None)
