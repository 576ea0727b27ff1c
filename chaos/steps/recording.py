"""What is known of a free run besides its history: every step of its reactors, and when outside steps came between.

Written down by the driver ``realtime``, and enough to take the same steps again in ``sim`` (``free_replay.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import msgspec

from chaos.steps.schedule import OutsideStep, Restart
from workers.protocol import StepRecord

NOBODY = -1  # no connection has this number


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
        ended = self._connections_ended()
        for place, record in enumerate(self.outside):
            # A host that hasn't heard yet that its connection is gone acts as if it acted before.
            last = ended.get(getattr(record.step, "connection", NOBODY), record.ticket + 1) - 1
            keyed.append(((min(record.ticket, last), 1, place), record.step))
        keyed.sort(key=itemgetter(0))
        return (item for _, item in keyed)

    def _connections_ended(self) -> dict[int, int]:
        """The tickets of the steps that told of it."""
        return {
            event.args[0]: record.ticket
            for records in self.reactors
            for record in records
            if record.outcome is not None
            for event in record.outcome.events
            if event.name == "nvmf.qpair_destroyed"
        }

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


def write_recording(folder: Path, recording: Recording) -> None:
    """A file per reactor, and one for the outside: every step, with its target (from 0), number and ticket."""
    folder.mkdir(exist_ok=True)
    encode = msgspec.json.Encoder().encode
    lines: dict[str, list[bytes]] = {}
    for number, life in enumerate(recording.lives):
        for reactor, records in enumerate(life.reactors):
            lines.setdefault(f"reactor-{reactor}", []).extend(
                encode((number, record)) for record in records
            )
        outside = lines.setdefault("outside", [])
        outside += [encode((number, record)) for record in life.outside]
    for name, rows in lines.items():
        (folder / f"{name}.jsonl").write_bytes(b"".join(row + b"\n" for row in rows))
