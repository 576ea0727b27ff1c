"""From an execution to a verdict: all checks, the worst finding first."""

from __future__ import annotations

from chaos.checkers import CHECKS, Check, Finding, Verdict
from chaos.checkers.finding import SEVERITY
from chaos.controller import Execution


def judge(execution: Execution, more_checks: tuple[Check, ...] = ()) -> list[Finding]:
    """All findings of a run, the most severe verdict first."""
    findings = [finding for check, _ in CHECKS.values() for finding in check(execution)]
    for check in more_checks:
        findings += check(execution)
    return sorted(findings, key=lambda finding: SEVERITY.index(finding.verdict))


def verdict_of(findings: list[Finding]) -> Verdict:
    """The verdict these findings add up to; they are sorted."""
    return findings[0].verdict if findings else Verdict.VALID
