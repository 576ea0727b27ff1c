"""The namespaces that hosts see: the array, or its partitions, each of a range of the array's blocks.

Steps name blocks of the array. A command on the wire has a namespace and a block in it.
"""

from __future__ import annotations

from workers.protocol import Layout

FIRST = 1


def all_namespaces(layout: Layout) -> range:
    """Return the ids of all namespaces that the operator may attach."""
    return range(FIRST, FIRST + layout.namespaces)


def namespace_of(layout: Layout, lba: int) -> int:
    """Return the namespace that has this block of the array."""
    if layout.namespaces == 1:
        return FIRST
    return FIRST + min(lba // layout.partition_blocks, layout.namespaces - 1)


def first_block(layout: Layout, nsid: int) -> int:
    """Return the array's block that is the namespace's first."""
    return (nsid - FIRST) * layout.partition_blocks


def blocks_of(layout: Layout, nsid: int, whole: int) -> range:
    """Return the array's blocks that the namespace has; ``whole``: the size of the array."""
    first = first_block(layout, nsid)
    is_last = nsid == layout.namespaces
    return range(first, whole if is_last else first + layout.partition_blocks)
