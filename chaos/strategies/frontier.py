"""frontier: part of the I/O goes next to the rebuild's window, where old and new rules meet.

Just below the offset the target must have each write and may be read; at the window writes wait; above it the
target must not be read. Hosts use a namespace as soon as their poll group has a channel of it, for the same reason:
a channel born beside a window soon knows what the others know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.prng import Stream
from chaos.strategies.base import Strategy

if TYPE_CHECKING:
    from chaos.model import Model

FRONTIER_PERCENT = 60


def near_the_window(stream: Stream, model: Model, blocks: int) -> int | None:
    """Mostly in the window just finished, else from one window below it to the end of the one being copied."""
    rebuild = model.rebuild
    if rebuild is None or not stream.chance(FRONTIER_PERCENT, 100):
        return None
    window, offset = model.plan.layout.window_blocks, rebuild.offset
    if stream.chance(1, 2):
        first = stream.between(offset - window, offset - 1)
    else:
        first = stream.between(offset - 2 * window, offset + window - 1)
    return min(max(first, 0), model.blocks - blocks)


FRONTIER = Strategy(what="part of the I/O next to the rebuild's window", place=near_the_window)
