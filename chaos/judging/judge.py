"""From an execution to a verdict: all checks, the worst finding first."""

from __future__ import annotations

from chaos.checkers import CHECKS, Check, Finding, Verdict
from chaos.checkers.finding import SEVERITY
from chaos.judging.user_checks import CodeError
from chaos.run.execution import Execution
from workers.errors import ANYTHING_RAISED


def judge(
    execution: Execution,
    more_checks: tuple[Check, ...] = (),
    names: tuple[str, ...] = tuple(CHECKS),
) -> list[Finding]:
    """Return all findings of a run, the most severe verdict first; ``names`` are the built-in checks to ask."""
    findings = [
        finding
        for name, (check, _) in CHECKS.items()
        if name in names
        for finding in check(execution)
    ]
    for check in more_checks:
        findings += _ask(check, execution)
    return sorted(findings, key=lambda finding: SEVERITY.index(finding.verdict))


def _ask(check: Check, execution: Execution) -> list[Finding]:
    """Ask a user's own check, which may do anything."""
    name = getattr(check, "__name__", str(check))
    try:
        findings = list(check(execution))
    except MemoryError:
        raise  # not the check's fault
    except ANYTHING_RAISED as error:  # a process's edge: the user's own code
        raise CodeError(f"check {name} failed: {type(error).__name__}: {error}") from None
    if not all(isinstance(finding, Finding) for finding in findings):
        raise CodeError(f"check {name} must return a list of findings")
    return findings


def verdict_of(findings: list[Finding]) -> Verdict:
    """Return the verdict these findings add up to; they are sorted."""
    return findings[0].verdict if findings else Verdict.VALID
