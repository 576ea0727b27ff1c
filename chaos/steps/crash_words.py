"""A crash in words, the same in findings and stories."""

from __future__ import annotations

from workers.protocol import Crash

ASSERTION = "AssertionError"  # its text is a sentence of the engine's own


def crash_words(crash: Crash) -> str:
    """Write the crash's text; one that is no sentence without its class gets it: ``KeyError: 0``."""
    is_exception = crash.kind.endswith("Error") and crash.kind != ASSERTION
    if not crash.message:
        return crash.kind
    if is_exception or " " not in crash.message:
        return f"{crash.kind}: {crash.message}"
    return crash.message
