"""The recording of a free run beside its history: every step of its reactors, and the moments of the outside steps.

The driver ``realtime`` writes it, and ``free_replay.py`` replays its steps in ``sim``.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import msgspec

from chaos.steps.schedule import OutsideStep, Restart
from workers.protocol import StepRecord

NO_CONNECTION = -1  # no connection has this number


class OutsideRecord(msgspec.Struct, frozen=True, array_like=True):
    """An outside step, with the last ticket that had been taken before it."""

    ticket: int
    step: OutsideStep


class Life(msgspec.Struct):
    """One target of a run, from its start to its end."""

    reactors: list[list[StepRecord]] = []
    outside: list[OutsideRecord] = []
    ended_by: Restart | None = None  # None for the last target of the run
    disks: list[str] = []  # their digests at its end, before that step changed them

    def in_order(self) -> Iterator[tuple[int, StepRecord] | OutsideStep]:
        """Return engine steps (with their reactor) and outside steps in one total order, without torn ones."""
        keyed: list[tuple[tuple[int, int, int], tuple[int, StepRecord] | OutsideStep]] = [
            ((record.ticket, 0, 0), (reactor, record))
            for reactor, records in enumerate(self.reactors)
            for record in records
            if record.outcome is not None
        ]
        ended = self._connections_ended()
        for place, record in enumerate(self.outside):
            # A host that hasn't noticed the end of its connection acts as if it had acted before it.
            last = (
                ended.get(getattr(record.step, "connection", NO_CONNECTION), record.ticket + 1) - 1
            )
            keyed.append(((min(record.ticket, last), 1, place), record.step))
        keyed.sort(key=itemgetter(0))
        return (item for _, item in keyed)

    def _connections_ended(self) -> dict[int, int]:
        """Return, by connection, the ticket of the step that reported its end."""
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
        """The step that was begun and not finished; at most one step is in progress at a time."""
        for records in self.reactors:
            if records and records[-1].outcome is None:
                return records[-1]
        return None


class Recording(msgspec.Struct):
    """A free run, as a list of targets."""

    lives: list[Life] = []
    gap: str = ""  # the reason why it isn't whole, in a sentence; "" if it is
    settled: bool = False  # it was recorded to its end, and no step was possible any more


def write_recording(folder: Path, recording: Recording) -> None:
    """Write one file for each reactor and one for outside steps; each line has the target (from 0), number and ticket."""
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
