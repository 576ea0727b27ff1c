"""What a campaign's runs have reached, run by run; gates in percent of the runs; and what was planned and never came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from chaos.plan.reach_vocabulary import SEQUENCE_COMPLETED
from chaos.run.outcome import PlannedOutcome


class ReachedIn(msgspec.Struct, frozen=True):
    """The number of runs in which something came, and the lowest seed of these."""

    runs: int
    first_seed: int


class NeverCame(msgspec.Struct, frozen=True):
    """How many of the planned faults or operations of a kind never came; runs that ended early don't count."""

    never: int
    planned: int


def add_run(total: dict[str, ReachedIn], reach: Mapping[str, int], seed: int) -> None:
    """Add what one run has reached."""
    for name, count in reach.items():
        if count:
            add_reached(total, {name: ReachedIn(1, seed)})


def add_reached(total: dict[str, ReachedIn], more: Mapping[str, ReachedIn]) -> None:
    """Add what other runs have reached."""
    for name, one in more.items():
        known = total.get(name, ReachedIn(0, one.first_seed))
        total[name] = ReachedIn(known.runs + one.runs, min(known.first_seed, one.first_seed))


def never_came_in(outcome: PlannedOutcome | None) -> dict[str, NeverCame]:
    """Return, by kind, how many planned things of one run never came."""
    if outcome is None:
        return {}
    return {
        kind: NeverCame(outcome.never_came.get(kind, 0), planned)
        for kind, planned in outcome.planned.items()
    }


def add_never_came(total: dict[str, NeverCame], more: Mapping[str, NeverCame]) -> None:
    """Add the planned things of other runs."""
    for kind, one in more.items():
        known = total.get(kind, NeverCame(0, 0))
        total[kind] = NeverCame(known.never + one.never, known.planned + one.planned)


def missing_per_run(
    gates: Mapping[str, int], reached: Mapping[str, ReachedIn], runs: int
) -> list[str]:
    """Return the gates, in percent of the runs, that were not reached, with the counts."""
    return [
        f"{name}: {in_runs(reached.get(name), runs)}, {wanted} % wanted"
        for name, wanted in gates.items()
        if _runs_of(reached.get(name)) * 100 < wanted * runs
    ]


def _runs_of(one: ReachedIn | None) -> int:
    return 0 if one is None else one.runs


def in_runs(one: ReachedIn | None, runs: int) -> str:
    """Say in how many runs something came, and where first: in 64 of 300 runs, first in seed 7."""
    noun = "run" if runs == 1 else "runs"
    first = "" if one is None else f", first in seed {one.first_seed}"
    return f"in {_runs_of(one):,} of {runs:,} {noun}{first}"


def items_of(outcome: PlannedOutcome | None) -> int:
    """Return how many items the sequence of a run has."""
    return 0 if outcome is None else outcome.items


def sequence_words(items: int, reached: Mapping[str, ReachedIn], runs: int) -> str:
    """Say how often the sequence, of so many items, came to its end; empty where there is none."""
    if not items:
        return ""
    return f"sequence completed {in_runs(reached.get(SEQUENCE_COMPLETED), runs)}"


def never_words(never_came: Mapping[str, NeverCame]) -> list[str]:
    """Say which planned things never came, the most frequent first: 33 of 100 target_kill."""
    missed: Iterable[tuple[str, NeverCame]] = (
        (kind, one) for kind, one in never_came.items() if one.never
    )
    ordered = sorted(missed, key=lambda item: (-item[1].never, item[0]))
    return [f"{one.never:,} of {one.planned:,} {kind}" for kind, one in ordered]
