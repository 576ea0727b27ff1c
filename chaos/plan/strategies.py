"""Search strategies: how a seed looks for trouble. This is the list; each one's code is a file of its own.

A strategy has one kind: it chooses the next engine step (``run/schedulers/``), changes what is planned
(``plan/shapes/``), or chooses where I/O goes (``run/placement/``). A seed takes one scheduler and any number of the
others.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from chaos.base.prng import Stream


class StrategyKind(StrEnum):
    """Which part of the search a strategy decides."""

    SCHEDULER = "scheduler"
    SHAPE = "shape"
    PLACEMENT = "placement"


class Strategy(NamedTuple):
    """One way to search."""

    kind: StrategyKind
    text: str


# Shapes are applied in this order: what is absent is left out first, what is added may be anchored.
STRATEGIES = {
    "random": Strategy(StrategyKind.SCHEDULER, "each possible step alike"),
    "pct": Strategy(StrategyKind.SCHEDULER, "priorities that change at drawn steps"),
    "hold": Strategy(
        StrategyKind.SCHEDULER, "a reactor, a message pair or a disk I/O is held back for a while"
    ),
    "swarm": Strategy(
        StrategyKind.SHAPE, "half of the kinds of faults and operations are left out"
    ),
    "pairs": Strategy(StrategyKind.SHAPE, "pairs of faults and operations a few steps apart"),
    "anchored": Strategy(StrategyKind.SHAPE, "faults and operations a few steps after an event"),
    "frontier": Strategy(
        StrategyKind.PLACEMENT,
        "part of the I/O next to the rebuild's window, or where a disk fails",
    ),
}
STRATEGY_NAMES = tuple(STRATEGIES)
DEFAULT_SCHEDULER = "random"
TAKEN_PERCENT = 50


def names_of(kind: StrategyKind) -> set[str]:
    """Return the strategies of this kind; the dicts that have their code must name the same ones."""
    return {name for name, strategy in STRATEGIES.items() if strategy.kind is kind}


def draw_strategies(names: tuple[str, ...], stream: Stream) -> tuple[str, ...]:
    """Draw what a seed takes of those it may draw from: a scheduler first, then others in their order.

    Schedulers exclude each other; each of the others is taken in half of the seeds, but one that is the
    experiment's only one always.
    """
    listed = [name for name in STRATEGIES if name in names]
    schedulers = [name for name in listed if STRATEGIES[name].kind is StrategyKind.SCHEDULER]
    others = [name for name in listed if name not in schedulers]
    taken = [
        stream.choice(schedulers) if len(schedulers) > 1 else (schedulers or [DEFAULT_SCHEDULER])[0]
    ]
    if len(others) == 1 and len(listed) == 1:
        return (*taken, *others)
    return (*taken, *(name for name in others if stream.chance(TAKEN_PERCENT, 100)))
