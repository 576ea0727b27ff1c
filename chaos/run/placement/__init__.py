"""Strategies that choose the blocks that hosts read and write; one file each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chaos.base.prng import Stream
from chaos.plan.strategies import StrategyKind, names_of
from chaos.run.placement.frontier import near_the_edge

if TYPE_CHECKING:
    from chaos.run.model import Model

# The first block for an I/O of a number of blocks, or None for any place.
Placement = Callable[[Stream, "Model", int], int | None]
PLACEMENTS: dict[str, Placement] = {"frontier": near_the_edge}

assert set(PLACEMENTS) == names_of(StrategyKind.PLACEMENT), "a strategy of this kind is not listed"


def placement_of(strategies: tuple[str, ...]) -> Placement | None:
    """Return the function that chooses the place of a host's I/O, if there is one."""
    return next((PLACEMENTS[name] for name in strategies if name in PLACEMENTS), None)
