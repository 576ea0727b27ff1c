"""Search strategies: the ways in which a seed searches. This is the list; each strategy's code is a file of its own.

A strategy has one kind: it chooses the next engine step (``run/schedulers/``), changes the planned things
(``plan/shapes/``), or chooses the place of I/O (``run/placement/``). A seed takes one scheduler and any number of the
others.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from chaos.base.prng import Stream


class StrategyKind(StrEnum):
    """The part of the search that a strategy decides."""

    SCHEDULER = "scheduler"
    SHAPE = "shape"
    PLACEMENT = "placement"


class Strategy(NamedTuple):
    """One way to search."""

    kind: StrategyKind
    text: str


# Shapes are applied in this order: kinds are left out first, and added things may be anchored.
STRATEGIES = {
    "random": Strategy(StrategyKind.SCHEDULER, "each possible step with equal chance"),
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
    """Return the strategies of this kind; the dicts with their code must name the same ones."""
    return {name for name, strategy in STRATEGIES.items() if strategy.kind is kind}


def draw_strategies(names: tuple[str, ...], stream: Stream) -> tuple[str, ...]:
    """Draw the strategies of a seed from the allowed ones: a scheduler first, then others in their order.

    Schedulers exclude each other. Each of the others is taken in half of the seeds, or always if it is the experiment's
    only one.
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
