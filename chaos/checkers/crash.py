"""The target must not crash (C1)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.run.execution import Execution
from chaos.steps.crash_words import crash_words
from chaos.steps.history import Crashed


def check_crash(execution: Execution) -> list[Finding]:
    """Report every assertion or exception inside the engine."""
    return [
        Finding(
            check="crash",
            kind=entry.crash.kind,
            shape=entry.crash.where,
            summary=f"reactor {entry.crash.reactor} crashed: {crash_words(entry.crash)}",
            step=entry.number,
            verdict=Verdict.CRASHED,
        )
        for entry in execution.history
        if entry.__class__ is Crashed
    ]
