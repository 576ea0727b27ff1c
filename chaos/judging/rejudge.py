"""A free run judged again: its steps are replayed in ``sim``, where an observer looks between them."""

from __future__ import annotations

import msgspec

from chaos.checkers import Check, Finding
from chaos.checkers.finding import SEVERITY, Verdict
from chaos.drivers.free_replay import Divergence, rebuild
from chaos.judging.judge import judge
from chaos.run.execution import Execution
from chaos.steps.recording import Recording
from workers.protocol import DefectSource


class Rejudged(msgspec.Struct, frozen=True):
    """The parts of a free run that are kept.

    ``is_rebuilt``: the execution is the replay, since it fails as the free run did; ``free_findings`` are then those
    that only the free run showed.
    """

    execution: Execution
    findings: list[Finding]
    divergence: Divergence | None  # None if the replay has the same events
    is_rebuilt: bool = False
    free_findings: list[Finding] = []


def rejudge(
    execution: Execution,
    recording: Recording,
    findings: list[Finding],
    defects: tuple[DefectSource, ...],
    checks: tuple[Check, ...],
) -> Rejudged:
    """Replay a free run; judge the replay of a failed one, and keep it instead of the run where both fail in the same way.

    Of one that passed, only where the replay diverges is of interest. One that failed only in the order in which its
    reactors' reports came, and not in the order in which things happened, has passed.
    """
    rebuilt = rebuild(recording, execution.plan, defects)
    again = judge(rebuilt.execution, checks) if rebuilt.execution is not None and findings else []
    if (
        rebuilt.execution is not None
        and rebuilt.divergence is None
        and _is_of_the_order(findings, again)
    ):
        return Rejudged(rebuilt.execution, [], None)
    if rebuilt.execution is None or not _fails_alike(findings, again, rebuilt.divergence):
        return Rejudged(execution, findings, rebuilt.divergence)
    signatures = {finding.signature for finding in again}
    only_free = [finding for finding in findings if finding.signature not in signatures]
    return Rejudged(rebuilt.execution, again, rebuilt.divergence, True, only_free)


def _is_of_the_order(findings: list[Finding], again: list[Finding]) -> bool:
    """Return whether a check went by reports that came in another order than the events they report.

    A hang or a crash doesn't depend on it: the replay has no clock, and ends where the recording does.
    """
    return bool(findings) and not again and findings[0].verdict is Verdict.INVALID


def _fails_alike(
    findings: list[Finding], again: list[Finding], divergence: Divergence | None
) -> bool:
    """Return whether both fail alike: the same signature; or the same events, and a failure as bad that only an observer sees."""
    if not findings or not again:
        return False
    if findings[0].signature in {finding.signature for finding in again}:
        return True
    worse = SEVERITY.index(again[0].verdict) <= SEVERITY.index(findings[0].verdict)
    return divergence is None and worse
