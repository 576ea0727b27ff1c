"""Whether two findings are the same failure."""

from __future__ import annotations

from chaos.checkers.finding import Finding

LISTS = ("liveness", "references")  # checks whose shape lists what is stuck or left


def same_failure(goal: Finding, found: Finding) -> bool:
    """Return whether it is the same failure. A hang or a leak may consist of less; all else is the signature."""
    if (goal.check, goal.kind) != (found.check, found.kind):
        return False
    if goal.check in LISTS:
        return set(found.shape.split("+")) <= set(goal.shape.split("+"))
    return goal.shape == found.shape


def overlaps(goal: Finding, found: Finding) -> bool:
    """Return whether two lists of what is stuck or left have something in common."""
    is_list = goal.check in LISTS and (goal.check, goal.kind) == (found.check, found.kind)
    return is_list and bool(set(found.shape.split("+")) & set(goal.shape.split("+")))
