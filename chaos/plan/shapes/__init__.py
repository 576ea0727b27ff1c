"""Strategies that change which faults and operations are planned; one file each."""

from __future__ import annotations

from collections.abc import Callable

from chaos.base.prng import Stream
from chaos.plan.experiment import Experiment
from chaos.plan.planned import Planned
from chaos.plan.shapes.anchored import anchor
from chaos.plan.shapes.pairs import add_pairs
from chaos.plan.shapes.swarm import leave_out
from chaos.plan.strategies import StrategyKind, names_of

# From the planned things to those planned instead.
Shape = Callable[[list[Planned], Experiment, Stream], list[Planned]]
SHAPES: dict[str, Shape] = {"swarm": leave_out, "pairs": add_pairs, "anchored": anchor}

assert set(SHAPES) == names_of(StrategyKind.SHAPE), "a strategy of this kind is not listed here"


def shapes_of(strategies: tuple[str, ...]) -> list[Shape]:
    """Return the functions that change the planned faults and operations, in order."""
    return [SHAPES[name] for name in strategies if name in SHAPES]
