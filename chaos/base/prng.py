"""Seeded random streams: one root integer, forked by name. The only source of chance in the program."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Stream:
    """An independent stream; it draws only with ``random()``, whose sequence is stable across Python versions."""

    __slots__ = ("_name", "_seed", "fraction")

    def __init__(self, seed: int, name: str = "root") -> None:
        self._seed = seed
        self._name = name
        digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
        self.fraction = random.Random(int.from_bytes(digest, "little")).random

    def fork(self, name: str) -> Stream:
        """Return a stream of its own for this purpose; drawing from one never moves another."""
        return Stream(self._seed, f"{self._name}/{name}")

    def integer_below(self, limit: int) -> int:
        """Draw an integer in [0, limit)."""
        return int(self.fraction() * limit)

    def between(self, low: int, high: int) -> int:
        """Draw an integer in [low, high]."""
        return low + int(self.fraction() * (high - low + 1))

    def chance(self, numerator: int, denominator: int) -> bool:
        """Return whether a draw falls into numerator of denominator cases."""
        return self.fraction() * denominator < numerator

    def choice(self, items: Sequence[Item]) -> Item:
        """Draw one of the items."""
        return items[int(self.fraction() * len(items))]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """Return the items in a drawn order."""
        left = list(items)
        return [left.pop(self.integer_below(len(left))) for _ in range(len(left))]
