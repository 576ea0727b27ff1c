"""Strategies that choose the next engine step; one file each. ``fair`` is for the phases after the chaos."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chaos.base.prng import Stream
from chaos.plan.strategies import StrategyKind, names_of
from chaos.run.schedulers.base import Scheduler
from chaos.run.schedulers.hold import HoldScheduler
from chaos.run.schedulers.pct import PctScheduler
from chaos.run.schedulers.random import RandomScheduler

if TYPE_CHECKING:
    from chaos.plan.plan import Plan
    from chaos.run.model import Model

MakeScheduler = Callable[[Stream, "Plan", "Model"], Scheduler]
SCHEDULERS: dict[str, MakeScheduler] = {
    "random": RandomScheduler,
    "pct": PctScheduler,
    "hold": HoldScheduler,
}
assert set(SCHEDULERS) == names_of(StrategyKind.SCHEDULER), "a strategy of this kind is not listed"


def scheduler_of(strategies: tuple[str, ...]) -> MakeScheduler:
    """Return the function that makes the scheduler of the chaos phase: the first of a plan's strategies is one."""
    return SCHEDULERS[strategies[0]]
