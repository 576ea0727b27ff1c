"""What all counters of a run share: the counts, which requests are in flight, and what the array is about."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from chaos.steps.schedule import OutsideStep


@dataclass(slots=True)
class Situation:
    """Kept along one history; each topic has its counters in a file of its own."""

    counts: Counter[str] = field(default_factory=Counter)
    in_flight: dict[int, OutsideStep] = field(default_factory=dict)  # op -> not answered yet
    rebuilding: bool = False
    assembled: bool = False  # since the last restart
    is_dismantled: bool = False  # the last member is gone, and the array not yet

    def target_ended(self) -> None:
        """Begin anew with the next target; what was in flight is never answered."""
        self.rebuilding = self.assembled = self.is_dismantled = False
