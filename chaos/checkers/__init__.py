"""Checks: pure functions from an execution to findings, one module each."""

from __future__ import annotations

from collections.abc import Callable

from chaos.checkers.availability import check_availability
from chaos.checkers.crash import check_crash
from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.liveness import check_liveness
from chaos.checkers.mirrors import check_mirrors
from chaos.checkers.references import check_references
from chaos.checkers.register import check_register
from chaos.controller import Execution

Check = Callable[[Execution], list[Finding]]

# In the order in which findings of one run are reported: the first is its failure signature.
CHECKS: dict[str, tuple[Check, str]] = {
    "crash": (check_crash, "no assertion or exception in the target"),
    "register": (
        check_register,
        "no read returns lost, stale, resurrected, torn, misdirected or foreign data",
    ),
    "mirrors": (check_mirrors, "members in sync hold the same acknowledged data at the end"),
    "availability": (check_availability, "no I/O fails while a member with all data works"),
    "liveness": (check_liveness, "everything begun finishes after healing"),
    "references": (
        check_references,
        "channels, descriptors, claims, threads return to the baseline",
    ),
}

__all__ = ["CHECKS", "Check", "Finding", "Verdict"]
