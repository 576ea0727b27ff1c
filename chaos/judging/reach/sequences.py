"""Counts of a run's sequence: the items that came, and whether it came to its end."""

from __future__ import annotations

from chaos.plan.reach_vocabulary import SEQUENCE_COMPLETED, sequence_item
from chaos.run.outcome import PlannedOutcome


def count_sequence(outcome: PlannedOutcome | None) -> dict[str, int]:
    """Return the counts by name; nothing that didn't happen."""
    if outcome is None:
        return {}
    items = {sequence_item(number): 1 for number in range(1, outcome.came + 1)}
    return items | ({SEQUENCE_COMPLETED: 1} if outcome.is_through else {})
