"""What is known of a free run besides its history: every step of its reactors, and when outside steps came between.

Written down by the driver ``realtime``, and enough to take the same steps again in ``sim`` (``free_replay.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

import msgspec

from chaos.schedule import OutsideStep, Restart
from workers.protocol import StepRecord


class OutsideRecord(msgspec.Struct, frozen=True, array_like=True):
    """A step from outside, and the last ticket that had been taken by then."""

    ticket: int
    step: OutsideStep


class Life(msgspec.Struct):
    """One target of a run, from its start to its end."""

    reactors: list[list[StepRecord]] = []
    outside: list[OutsideRecord] = []
    ended_by: Restart | None = None  # None: it is the run's last
    disks: list[str] = []  # their digests at its end, before that step did something to them

    def in_order(self) -> Iterator[tuple[int, StepRecord] | OutsideStep]:
        """Engine steps (with their reactor) and outside steps in the one order of all; torn ones aside."""
        keyed: list[tuple[tuple[int, int, int], tuple[int, StepRecord] | OutsideStep]] = [
            ((record.ticket, 0, 0), (reactor, record))
            for reactor, records in enumerate(self.reactors)
            for record in records
            if record.outcome is not None
        ]
        keyed += [
            ((record.ticket, 1, place), record.step) for place, record in enumerate(self.outside)
        ]
        keyed.sort(key=itemgetter(0))
        return (item for _, item in keyed)

    @property
    def torn(self) -> StepRecord | None:
        """The step that was begun and not done; there is at most one, for only one is under way at a time."""
        for records in self.reactors:
            if records and records[-1].outcome is None:
                return records[-1]
        return None


class Recording(msgspec.Struct):
    """A free run, target after target."""

    lives: list[Life] = []
    gap: str = ""  # why it isn't whole, in a sentence; empty: it is
    settled: bool = False  # it came to its end, and nothing moved any more
