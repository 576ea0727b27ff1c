"""How faithfully ``sim`` replays free runs: the share with the same events, and the points where others diverge."""

from __future__ import annotations

import msgspec

from chaos.drivers.free_replay import Divergence

DIVERGED_KEPT_MAX = 100


class DivergentRun(msgspec.Struct, frozen=True):
    """A run whose replay diverges at this step."""

    seed: int
    step: int
    what: str


class Fidelity(msgspec.Struct):
    """The counts of a campaign; ``seconds`` is the time of all the replays."""

    runs: int = 0
    same: int = 0
    diverged: list[DivergentRun] = msgspec.field(default_factory=list, name="parted")
    seconds: float = 0.0

    def add(self, seed: int, divergence: Divergence | None, seconds: float) -> None:
        """Count one run."""
        self.runs += 1
        self.seconds = round(self.seconds + seconds, 3)
        if divergence is None:
            self.same += 1
        elif len(self.diverged) < DIVERGED_KEPT_MAX:
            self.diverged.append(DivergentRun(seed, divergence.step, divergence.what))

    def joined(self, other: Fidelity) -> Fidelity:
        """Return the counts of two campaigns together."""
        return Fidelity(
            self.runs + other.runs,
            self.same + other.same,
            [*self.diverged, *other.diverged][:DIVERGED_KEPT_MAX],
            round(self.seconds + other.seconds, 3),
        )
