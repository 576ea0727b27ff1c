"""Placeholder."""

FOUND_BY: dict[str, tuple[str, ...]] = {}
