"""The state that all counters of a run share: the counts, the requests in flight, and the array's phase."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from chaos.steps.schedule import OutsideStep


@dataclass(slots=True)
class Situation:
    """The shared state along one history; each topic has its counters in a file of its own."""

    counts: Counter[str] = field(default_factory=Counter)
    in_flight: dict[int, OutsideStep] = field(
        default_factory=dict
    )  # by op: requests without an answer
    rebuilding: bool = False
    assembled: bool = False  # since the last restart
    is_dismantled: bool = False  # the last member is removed, and the array not yet deleted

    def target_ended(self) -> None:
        """Begin with the next target; requests in flight are never answered."""
        self.in_flight.clear()
        self.rebuilding = self.assembled = self.is_dismantled = False

    def connection_ended(self, connection: int) -> None:
        """Drop what a connection had in flight, which is never answered."""
        ended = [
            op
            for op, step in self.in_flight.items()
            if getattr(step, "connection", None) == connection
        ]
        for op in ended:
            del self.in_flight[op]
