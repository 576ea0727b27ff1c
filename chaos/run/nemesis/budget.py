"""The fault budget: the last good copy is never destroyed."""

from __future__ import annotations

from chaos.plan.faults import HARMLESS_ALONE
from chaos.run.model import Model


def may_break(model: Model, kind: str, number: int) -> bool:
    """Return whether the budget allows this fault of this disk now."""
    array = model.array
    if kind == "superblock_errors" and array.is_to_be_created_again:
        return array.may_fail_creation(number)
    if kind in HARMLESS_ALONE and not array.must_stay_whole:
        return array.is_alone(number) or array.may_harm(number)
    return array.may_harm(number)
