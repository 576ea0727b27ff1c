"""The range of seeds: a whole number from 0 to SEED_MAX."""

from __future__ import annotations

SEED_MAX = 2**53 - 1  # JSON readers keep whole numbers up to here exact
