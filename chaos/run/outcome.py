"""The planned things of a run that have come; a fault or operation that never comes must not go unnoticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from chaos.plan.plan import Plan
from chaos.plan.planned import Planned


class PlannedOutcome(msgspec.Struct, frozen=True):
    """Planned faults and operations by kind; ``came`` of the sequence's ``items`` have come.

    ``is_through``: all of them, and all disks have returned as they say. Where the run ended before its chaos was over, what was
    still to come is not missed, so there are no counts by kind.
    """

    planned: dict[str, int] = {}
    never_came: dict[str, int] = {}
    items: int = 0
    came: int = 0
    is_through: bool = False


def outcome_of(
    plan: Plan, never_came: Sequence[Planned] | None, came: int, *, is_through: bool
) -> PlannedOutcome:
    """Count them; ``never_came`` is None before the end of the chaos."""
    is_over = never_came is not None
    return PlannedOutcome(
        planned=_by_kind(plan.planned) if is_over else {},
        never_came=_by_kind(never_came or ()),
        items=len(plan.sequence),
        came=came,
        is_through=is_through,
    )


def _by_kind(planned: Sequence[Planned]) -> dict[str, int]:
    return dict(sorted(Counter(one.kind for one in planned).items()))
