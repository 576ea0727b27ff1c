"""A range of blocks in words: findings and stories call it alike."""

from __future__ import annotations


def blocks(first: int, count: int) -> str:
    """So many blocks from this one on."""
    return f"block {first}" if count == 1 else f"blocks {first}-{first + count - 1}"


def blocks_are(first: int, count: int) -> str:
    """The same with its verb."""
    return f"{blocks(first, count)} {'is' if count == 1 else 'are'}"
