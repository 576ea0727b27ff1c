"""From an execution to a verdict: all checks, the worst finding first."""

from __future__ import annotations

import traceback
from pathlib import Path

from chaos.checkers import CHECKS, Check, Finding, Verdict, checks_of
from chaos.checkers.finding import SEVERITY
from chaos.judging.user_checks import CodeError, check_name
from chaos.run.execution import Execution
from workers.errors import ANYTHING_RAISED


def judge(
    execution: Execution,
    more_checks: tuple[Check, ...] = (),
    names: tuple[str, ...] | None = None,
    seed: int | None = None,
) -> list[Finding]:
    """Return all findings of a run, the most severe verdict first.

    ``names`` are the built-in checks to ask (None: all that can judge this run); ``seed`` is for the sentence about a user's check that raises something.
    """
    asked = checks_of(execution) if names is None else names
    findings = [
        finding
        for name, (check, _) in CHECKS.items()
        if name in asked
        for finding in check(execution)
    ]
    for check in more_checks:
        findings += _ask(check, execution, seed)
    return sorted(findings, key=lambda finding: SEVERITY.index(finding.verdict))


def _ask(check: Check, execution: Execution, seed: int | None) -> list[Finding]:
    """Ask a user's own check, which may do anything."""
    name = check_name(check)
    try:
        findings = list(check(execution))
    except MemoryError:
        raise  # not the check's fault
    except ANYTHING_RAISED as error:  # a process's edge: the user's own code
        places = [_line_of(error), "" if seed is None else f"in seed {seed}"]
        where = ", ".join(filter(None, places))
        raise CodeError(
            f"check {name} raised {type(error).__name__}: {error}{where and f' ({where})'}",
            details="".join(traceback.format_exception(error)),
        ) from None
    if not all(isinstance(finding, Finding) for finding in findings):
        raise CodeError(f"check {name} must return a list of findings")
    return findings


def _line_of(error: BaseException) -> str:
    """Return the last line of the check's own file that was being run, or "" where there is none."""
    called = traceback.extract_tb(error.__traceback__)[1:]  # the first is this module's call
    own = [frame for frame in called if frame.filename == called[0].filename]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""


def verdict_of(findings: list[Finding]) -> Verdict:
    """Return the verdict these findings add up to; they are sorted."""
    return findings[0].verdict if findings else Verdict.VALID
