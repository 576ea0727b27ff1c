"""What a search strategy is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.experiment import Experiment
from chaos.planned import Planned
from chaos.prng import Stream

if TYPE_CHECKING:
    from chaos.model import Model
    from chaos.plan import Plan
    from chaos.scheduler import Scheduler

Scheduling = Callable[[Stream, "Plan", "Model"], "Scheduler"]
# From what is planned to what is planned instead.
Shape = Callable[[list[Planned], Experiment, Stream], list[Planned]]
# The first block of an I/O of so many blocks; None: anywhere.
Place = Callable[[Stream, "Model", int], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """One way to search; it has one of the three parts."""

    what: str
    scheduler: Scheduling | None = None
    shape: Shape | None = None
    place: Place | None = None
