"""A judged run in words, as reports, run directories and replays show it."""

from __future__ import annotations

from typing import NamedTuple

from chaos.checkers import Finding, Verdict
from chaos.judging.judge import verdict_of
from chaos.run.execution import Execution
from chaos.showing.labels import Labels, make_labels
from chaos.showing.story import Storyteller


class DescribedRun(NamedTuple):
    """The verdict, and the story of the first finding; without a finding the story is empty."""

    verdict: Verdict
    story: list[str]
    labels: Labels
    teller: Storyteller


def describe_run(
    execution: Execution, findings: list[Finding], seed: int, labels: Labels | None = None
) -> DescribedRun:
    """Put a run into words with the labels that it was recorded with."""
    labels = labels or make_labels(execution.plan, seed)
    teller = Storyteller(execution, labels)
    story = teller.tell(findings[0]) if findings else []
    return DescribedRun(verdict_of(findings), story, labels, teller)
