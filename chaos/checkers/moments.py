"""Facts about the target that begin and end along a history: which of them held since a request was sent.

A moment is the place of an entry in the history. A fact is a name with numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

Fact = tuple[str | int, ...]
BEFORE_ALL = -1


class Moments:
    """When each fact began, if it holds, and when it held last, if it doesn't."""

    def __init__(self) -> None:
        self.now = 0
        self._began: dict[Fact, int] = {}
        self._ended: dict[Fact, int] = {}

    def clear(self) -> None:
        """Forget all facts."""
        self._began.clear()
        self._ended.clear()

    def begin(self, fact: Fact) -> None:
        """Note that it holds from now on."""
        self._began.setdefault(fact, self.now)

    def end(self, fact: Fact) -> None:
        """Note that it has held until now."""
        if self._began.pop(fact, None) is not None:
            self._ended[fact] = self.now

    def change(self, fact: Fact, *, holds: bool) -> None:
        """Note whether it holds from now on."""
        if holds:
            self.begin(fact)
        else:
            self.end(fact)

    def mark(self, fact: Fact) -> None:
        """Note that it happens now."""
        self._ended[fact] = self.now

    def replace(self, before: Iterable[Fact], after: dict[Fact, None]) -> None:
        """Note that these facts hold from now on, and the others of ``before`` don't."""
        for fact in before:
            if fact not in after:
                self.end(fact)
        for fact in after:
            self.begin(fact)

    def holds(self, fact: Fact) -> bool:
        """Return whether it holds now."""
        return fact in self._began

    def ever(self, fact: Fact, since: int) -> bool:
        """Return whether it has held at some moment since then."""
        return fact in self._began or self._ended.get(fact, BEFORE_ALL) > since

    def always(self, fact: Fact, since: int) -> bool:
        """Return whether it has held at each moment since then."""
        return self._began.get(fact, self.now + 1) <= since
