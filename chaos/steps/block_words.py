"""A range of blocks in words, the same in findings and stories."""

from __future__ import annotations

from workers.bdev.bdev import EVERYTHING


def blocks(first: int, count: int) -> str:
    """Write a range of blocks by its first block and its length."""
    if first + count >= EVERYTHING:
        return f"all blocks from {first} on" if first else "all blocks"
    return f"block {first}" if count == 1 else f"blocks {first}-{first + count - 1}"


def blocks_are(first: int, count: int) -> str:
    """Write the range with its verb."""
    return f"{blocks(first, count)} {'is' if count == 1 else 'are'}"
