"""One line a campaign: PASS or FAIL, what was run, and what it came to. Lines of one run or suite are aligned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chaos.campaigns.reached import sequence_words
from chaos.campaigns.suite_run import FacetOutcome
from chaos.checkers.finding import NAMES
from chaos.cli.screen import count
from chaos.plan.reach_vocabulary import CROSSINGS

WORDS = {"passed": "PASS", "failed": "FAIL", "interrupted": "STOP", "not run": "SKIP"}
STYLES = {"passed": "green", "failed": "red", "interrupted": "yellow", "not run": "dim"}
SIGNATURES_MAX = 2  # named in a row
HAPPENED_MAX = 2  # kinds of events named in a row


class Widths(NamedTuple):
    """How wide the columns are, in characters."""

    name: int = 0
    driver: int = 0
    runs: int = 0


def widths_of(names: Sequence[str], drivers: Sequence[str], seeds: Sequence[int | None]) -> Widths:
    """Return widths for rows that are not known yet; a time instead of seeds may be many runs."""
    return Widths(
        max(map(len, names)),
        max(map(len, drivers)),
        max(len(f"{number or 1_000:,}") for number in seeds),
    )


def row(outcome: FacetOutcome, name: str, widths: Widths, *, with_notes: bool = True) -> str:
    """Return the line of one campaign."""
    head = [
        WORDS[outcome.state],
        f"{name:<{widths.name}}",
        f"{outcome.facet.driver:<{widths.driver}}",
    ]
    if outcome.state != "not run" and not outcome.taken_over_from:
        runs = "run " if outcome.runs == 1 else "runs"
        head += [f"{outcome.runs:>{widths.runs},} {runs}", f"{outcome.seconds:>5.1f} s"]
    notes = notes_of(outcome) if with_notes else ""
    return f"{'  '.join(head)}   {notes}".rstrip()


def notes_of(outcome: FacetOutcome) -> str:
    """Return what matters of a campaign, at the end of its line."""
    defects = ", ".join(outcome.facet.defects)
    with_defects = f", with {defects}" if defects else ""
    if outcome.taken_over_from:
        return f"taken over from {outcome.taken_over_from}"
    match outcome.state:
        case "not run":
            return ""
        case "passed" if outcome.facet.expect_code:
            return f"{NAMES[outcome.facet.expect_code]} as expected{with_defects}"
        case "passed":
            few = "; too few runs to judge its gates" if outcome.gate_not_judged else ""
            not_caught = "; not caught" if defects and not outcome.known else ""
            known = f"{known}; " if (known := known_counts(outcome)) else ""
            reached = "; ".join([highlights(outcome.reach), *_of_planned(outcome)])
            return f"{known}{reached}{few}{with_defects}{not_caught}"
        case "interrupted":
            failed = failed_counts(outcome) if outcome.failures else ""
            return "; ".join(filter(None, ["interrupted", failed, known_counts(outcome)]))
        case _:
            return (
                "; ".join(filter(None, [_why_failed(outcome), known_counts(outcome)]))
                + with_defects
            )


def _of_planned(outcome: FacetOutcome) -> list[str]:
    """Say how often the sequence came to its end, and how many planned things never came; -v has the kinds."""
    sequence = sequence_words(outcome.sequence_items, outcome.reached_in, outcome.judged)
    planned = sum(one.planned for one in outcome.never_came.values())
    never = sum(one.never for one in outcome.never_came.values())
    missed = f"{never:,} of {planned:,} planned things never came" if never else ""
    return [words for words in (sequence, missed) if words]


def _why_failed(outcome: FacetOutcome) -> str:
    if not outcome.failures or outcome.missing:
        return outcome.error or outcome.why
    signatures = list(dict.fromkeys(failure.signature for failure in outcome.failures))
    more = len(signatures) - SIGNATURES_MAX
    rest = [f"and {more} more"] if more > 0 else []
    reasons = "; ".join([*signatures[:SIGNATURES_MAX], *rest])
    expected = outcome.facet.expect_code
    must = f"; {NAMES[expected]} was expected" if expected else ""
    return f"{failed_counts(outcome)}: {reasons}{must}"


def failed_counts(outcome: FacetOutcome) -> str:
    """Return how many runs failed in which way: 9 CRASHED, 1 STUCK."""
    counts = {
        "INVALID": outcome.invalid,
        "CRASHED": outcome.crashed,
        "STUCK": outcome.hung,
        "UNKNOWN": outcome.unknown,
    }
    return ", ".join(f"{number:,} {name}" for name, number in counts.items() if number)


def known_counts(outcome: FacetOutcome) -> str:
    """Return how many runs ended with a known failure, and how many kinds there are: 37 known failures (2 kinds)."""
    if not outcome.known:
        return ""
    kinds = count(len(outcome.known), "kind")
    return f"{count(sum(outcome.known.values()), 'known failure')} ({kinds})"


def highlights(reach: Mapping[str, int]) -> str:
    """Return what runs that passed have been through: rebuilds, kills, states with a fault in them."""

    def together(*names: str) -> int:
        return sum(reach.get(name, 0) for name in names)

    kinds = (
        (together("rebuilds_started"), "rebuild", "rebuilds"),
        (together("target_kills", "power_losses"), "kill or power loss", "kills and power losses"),
        (
            together("disks_failed", "disks_pulled"),
            "disk failed or pulled",
            "disks failed or pulled",
        ),
        (together("connects"), "connect", "connects"),
    )
    happened = [count(number, one, several) for number, one, several in kinds if number]
    crossed = sum(1 for name in CROSSINGS if reach.get(name))
    pairs = [f"{crossed} of {len(CROSSINGS)} state × fault pairs"] if crossed else []
    answered = reach.get("reads", 0) + reach.get("writes", 0)
    return ", ".join([*happened[:HAPPENED_MAX], *(pairs or [f"{answered:,} reads and writes"])])
