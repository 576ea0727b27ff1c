"""What a mistyped name may have meant. It lies at the bottom, so that every sentence about a wrong name can say it."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """Return "; did you mean NAME?" with the name closest to the word; empty when none is close."""
    import difflib  # only a sentence about a mistake needs it

    close = difflib.get_close_matches(word, list(names), n=1)
    return f"; did you mean {close[0]}?" if close else ""
