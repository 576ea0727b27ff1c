"""Numbers that a seed draws: one number is fixed, two are the bounds of the draw."""

from __future__ import annotations

Range = int | tuple[int, int]
RUN_PERMILLE = 1_000


def pair(value: Range) -> tuple[int, int]:
    """Return both bounds of a range."""
    return value if isinstance(value, tuple) else (value, value)
