"""frontier: part of the I/O is next to the rebuild's window, or where a disk fails: where rules meet.

Just below the offset the target must get each write and may be read. At the window writes wait. Above it the target must
not be read. For the same reason hosts use a namespace as soon as their poll group has a channel of it: a channel created
beside a window soon has the state of the others. Where a disk fails, writes meet corrections or removals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.base.prng import Stream

if TYPE_CHECKING:
    from chaos.run.model import Model

FRONTIER_PERCENT = 60


def near_the_edge(stream: Stream, model: Model, blocks: int) -> int | None:
    """Choose a place near the window of a rebuild, or near the last trouble."""
    if not stream.chance(FRONTIER_PERCENT, 100):
        return None
    rebuild, trouble = model.array.rebuild, model.trouble
    if trouble is not None and (rebuild is None or stream.chance(1, 3)):
        first = stream.between(trouble - blocks + 1, trouble + 1)
    elif rebuild is not None:
        first = _near_the_window(stream, model.plan.layout.window_blocks, rebuild.offset)
    else:
        return None
    return min(max(first, 0), model.blocks - blocks)


def _near_the_window(stream: Stream, window: int, offset: int) -> int:
    """Choose mostly the window just finished, else a place from one window below it to the end of the present one."""
    if stream.chance(1, 2):
        return stream.between(offset - window, offset - 1)
    return stream.between(offset - 2 * window, offset + window - 1)
