"""A comparison of two findings: are they the same failure."""

from __future__ import annotations

from chaos.checkers.finding import Finding

LISTS = ("liveness", "references")  # checks whose shape lists stuck or leftover things


def same_failure(goal: Finding, found: Finding) -> bool:
    """Return whether it is the same failure. A hang or a leak may consist of less; all else is the signature."""
    if (goal.check, goal.kind) != (found.check, found.kind):
        return False
    if goal.check in LISTS:
        return set(found.shape.split("+")) <= set(goal.shape.split("+"))
    return goal.shape == found.shape


def overlaps(goal: Finding, found: Finding) -> bool:
    """Return whether two lists of stuck or leftover things have an element in common."""
    is_list = goal.check in LISTS and (goal.check, goal.kind) == (found.check, found.kind)
    return is_list and bool(set(found.shape.split("+")) & set(goal.shape.split("+")))
