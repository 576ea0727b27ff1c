"""Requests of hosts and of the operator as bars, from the request's step to its answer's."""

from __future__ import annotations

from typing import Literal

import msgspec

from chaos.run.execution import Execution
from chaos.showing.lanes import asker_of
from chaos.showing.wording.bars import bar_label
from chaos.showing.wording.places import Places
from chaos.steps.history import (
    CONNECTION_ENDED,
    Completed,
    Crashed,
    EngineEvent,
    Invoked,
    Undelivered,
)
from chaos.steps.schedule import (
    Admin,
    Disconnect,
    HostStep,
    Kill,
    Operate,
    OutsideStep,
    PowerLoss,
)
from workers.nvmf.status import AdminOpcode

Outcome = Literal["ok", "failed", "unheard", "cut", "open"]
TRACKS_MAX = 4  # bars of a lane above each other; further bars share a track
STEPS_MIN = 7  # a bar's shortest length, with room for its label


class Request(msgspec.Struct, frozen=True, array_like=True):
    """A request as a bar.

    ``outcome``: answered with success or an error, not received by the host, ended with the target or the connection,
    or still open when the run ended. ``track``: its place among the bars of the lane, from 0.
    """

    lane: str
    begin: int
    end: int
    track: int
    op: int
    label: str
    outcome: Outcome


class Bars:
    """The bars that are open, and those that are closed."""

    def __init__(self) -> None:
        self.done: list[Request] = []
        self._open: dict[int, tuple[Request, HostStep | Operate]] = {}

    def begin(self, step: HostStep | Operate, number: int, label: str) -> None:
        """Open the bar of a request that is sent."""
        bar = Request(asker_of(step), number, number, 0, step.op, label, "open")
        self._open[step.op] = (bar, step)

    def end(self, op: int, number: int, outcome: Outcome) -> None:
        """Close the bar of a request."""
        if op in self._open:
            bar, _ = self._open.pop(op)
            self.done.append(msgspec.structs.replace(bar, end=number, outcome=outcome))

    def end_all(self, number: int, outcome: Outcome) -> None:
        """Close the bars of all requests."""
        for op in list(self._open):
            self.end(op, number, outcome)

    def end_connection(self, connection: int, number: int) -> None:
        """Close the bars of a connection: a disconnect waits for this end, and other requests get no answer any more."""
        for op, (_, step) in list(self._open.items()):
            if getattr(step, "connection", None) == connection:
                self.end(op, number, "ok" if isinstance(step, Disconnect) else "cut")


def requests_of(execution: Execution, places: Places) -> list[Request]:
    """Return all requests of a run, in the order of the steps that send them."""
    bars = Bars()
    for entry in execution.history:
        number = entry.number
        match entry:
            case Invoked(step=Kill() | PowerLoss()) | Crashed():
                bars.end_all(number, "cut")
            case Invoked(step=step) if asker_of(step) and not _is_meant_to_wait(step):
                bars.begin(step, number, bar_label(step, places))  # type: ignore[arg-type]
            case Completed():
                bars.end(entry.op, number, "failed" if entry.status else "ok")
            case Undelivered():
                bars.end(entry.op, number, "unheard")
            case EngineEvent(event=event) if event.name == CONNECTION_ENDED:
                bars.end_connection(event.args[0], number)
            case _:
                pass
    bars.end_all(len(execution.schedule), "open")
    return _on_tracks(sorted(bars.done, key=lambda bar: (bar.begin, bar.op)))


def _is_meant_to_wait(step: OutsideStep) -> bool:
    """Return whether a step is a request for events, which stays open for most of a run."""
    return isinstance(step, Admin) and step.opcode == AdminOpcode.ASYNC_EVENT_REQUEST


def _on_tracks(bars: list[Request]) -> list[Request]:
    """Place each bar on the first free track of its lane, or on the one that becomes free first."""
    lanes: dict[str, list[int]] = {}  # by lane: the step until which each track is in use
    placed = []
    for bar in bars:
        tracks = lanes.setdefault(bar.lane, [])
        free = [number for number, until in enumerate(tracks) if until < bar.begin]
        if not free and len(tracks) < TRACKS_MAX:
            tracks.append(0)
            free = [len(tracks) - 1]
        track = free[0] if free else tracks.index(min(tracks))
        tracks[track] = max(tracks[track], bar.end, bar.begin + STEPS_MIN)
        placed.append(msgspec.structs.replace(bar, track=track))
    return placed
