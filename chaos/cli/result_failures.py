"""Failures at the end of a run or a suite: a block for each signature, with its seeds, its story and a line to paste."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.campaigns.campaign import Failure
from chaos.campaigns.suite_run import FacetOutcome
from chaos.checkers.finding import NAMES
from chaos.cli.screen import count

SHOWN_FAILURES_MAX = 3
SEEDS_SHOWN_MAX = 12
Line = tuple[str, str | None]  # and its style


def failure_lines(outcome: FacetOutcome) -> Iterator[Line]:
    """Yield the blocks of one campaign; none for a failure that was expected."""
    if outcome.state == "passed" or outcome.taken_over_from:
        return
    groups: dict[str, list[Failure]] = {}
    for failure in outcome.failures:
        groups.setdefault(failure.signature, []).append(failure)
    for failures in list(groups.values())[:SHOWN_FAILURES_MAX]:
        yield from _block(outcome, failures)
    if len(groups) > SHOWN_FAILURES_MAX:
        yield "", None
        more = count(len(groups) - SHOWN_FAILURES_MAX, "more signature")
        yield f"and {more} of {outcome.failures[0].experiment}; see index.jsonl", None


def _block(outcome: FacetOutcome, failures: list[Failure]) -> Iterator[Line]:
    first = failures[0]
    # Of very many failures only the first are in the report.
    at_least = "at least " if outcome.failures_left_out else ""
    yield "", None
    yield (
        f"{NAMES[first.code]} in {at_least}{len(failures)} of {count(outcome.runs, 'run')} of {first.experiment}, "
        f"{first.driver}: {first.signature}",
        "bold red",
    )
    yield f"  seed {first.seed}: {first.summary}", None
    if len(failures) > 1:
        others = ", ".join(str(failure.seed) for failure in failures[1:SEEDS_SHOWN_MAX])
        more = ", ..." if len(failures) > SEEDS_SHOWN_MAX else ""
        yield f"  also {'seeds' if len(failures) > 2 else 'seed'} {others}{more}", None
    for line in first.story:
        yield f"    {line}", None
    yield f"  replay: {first.replay}", "bold"
