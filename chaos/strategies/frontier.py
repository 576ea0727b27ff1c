"""frontier: part of the I/O goes next to the rebuild's window, where old and new rules meet.

Just below the offset the target must have each write and may be read; at the window writes wait; above it the
target must not be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.prng import Stream
from chaos.strategies.base import Strategy

if TYPE_CHECKING:
    from chaos.model import Model

FRONTIER_PERCENT = 60


def near_the_window(stream: Stream, model: Model, blocks: int) -> int | None:
    """From one window below the last finished one to the end of the one being copied."""
    rebuild = model.rebuild
    if rebuild is None or not stream.chance(FRONTIER_PERCENT, 100):
        return None
    window = model.plan.layout.window_blocks
    first = stream.between(rebuild.offset - 2 * window, rebuild.offset + window - 1)
    return min(max(first, 0), model.blocks - blocks)


FRONTIER = Strategy(what="part of the I/O next to the rebuild's window", place=near_the_window)
