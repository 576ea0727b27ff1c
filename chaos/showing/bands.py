"""Bands: the spans of faults from injection to heal, of disks' membership, and of the array's time online.

These are pure functions from an execution to bands; ``timeline.html`` and the exports draw them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from chaos.plan.faults import FAULTS, HOST_HEALS, REPLACEMENTS
from chaos.plan.rpcs import Rpc
from chaos.run.execution import Execution
from chaos.steps.history import Crashed, EngineEvent, Invoked, was_observed
from chaos.steps.schedule import Impair, Inject, Kill, Operate, PowerLoss, Restart, Stall, Step
from workers.bdev.stack import disk_of
from workers.protocol import Event

ARRAY_LANE = "ARRAY"
BandKind = Literal["fault", "absent", "member", "rebuilding", "online"]
# These faults are over as soon as they are injected.
MOMENTARY = ("disk_grow", "host_vanish")
# A heal of the disk doesn't end these faults: only its replacement does, or nothing.
SILENT = ("bit_rot",)


class Band(msgspec.Struct, frozen=True, array_like=True):
    """A span from its first step to its last; a band that nothing ends lasts until the run's last step."""

    lane: str
    begin: int
    end: int
    what: str
    kind: BandKind


class Ledger:
    """The bands that are open, and those that are closed."""

    def __init__(self) -> None:
        self.done: list[Band] = []
        self._open: dict[tuple[str, str], tuple[int, BandKind]] = {}

    def begin(self, lane: str, what: str, number: int, kind: BandKind) -> None:
        """Open a band; one of that name that is open stays open."""
        self._open.setdefault((lane, what), (number, kind))

    def end(
        self, number: int, *, lane: str = "", kinds: tuple[BandKind, ...] = (), what: str = ""
    ) -> None:
        """Close all bands of this lane, of these kinds, of this name."""
        for key, (begin, kind) in list(self._open.items()):
            if lane in ("", key[0]) and what in ("", key[1]) and (not kinds or kind in kinds):
                del self._open[key]
                self.done.append(Band(key[0], begin, number, key[1], kind))

    def keep(self, number: int, lane: str, wanted: tuple[str, ...]) -> None:
        """Close all faults of this lane except the named ones."""
        for name in [key[1] for key, (_, kind) in self._open.items() if kind == "fault"]:
            if name not in wanted:
                self.end(number, lane=lane, what=name, kinds=("fault",))

    def all(self, last: int) -> list[Band]:
        """Close all open bands, and return every band in the order of first steps."""
        self.end(last)
        return sorted(self.done, key=lambda band: (band.begin, band.lane, band.end))


def bands_of(execution: Execution) -> list[Band]:
    """Return all bands of a run."""
    ledger = Ledger()
    for entry in execution.history:
        match entry:
            case Invoked():
                _invoked(ledger, entry.number, entry.step, execution)
            case EngineEvent():
                _emitted(ledger, entry.number, entry.event)
            case Crashed():
                ledger.end(entry.number, kinds=("member", "rebuilding", "online"))
            case _:
                pass
    return ledger.all(len(execution.schedule))


def _invoked(ledger: Ledger, number: int, step: Step, execution: Execution) -> None:
    match step:
        case Inject():
            _injected(ledger, number, step)
        case Impair() if step.fault in HOST_HEALS and step.fault not in MOMENTARY:
            ledger.begin(f"H{step.host}", words(step.fault), number, "fault")
        case Impair():
            for fault, heal in HOST_HEALS.items():
                if heal == step.fault:
                    ledger.end(number, lane=f"H{step.host}", what=words(fault))
        case Stall():
            end = _end_of_stall(number, step, execution)
            ledger.done.append(Band(f"R{step.reactor}", number, end, "reactor stall", "fault"))
        case Operate(method=Rpc.BDEV_ERROR_INJECT_ERROR):
            lane = f"D{disk_of(execution.plan.layout, step.args[0])}"
            ledger.begin(lane, "error bdev", number, "fault")
        case Operate(method=Rpc.BDEV_DELAY_UPDATE_LATENCY):
            lane = f"D{disk_of(execution.plan.layout, step.args[0])}"
            if step.args[1]:
                ledger.begin(lane, "delay bdev", number, "fault")
            else:
                ledger.end(number, lane=lane, what="delay bdev")
        case Operate(method=Rpc.FRAMEWORK_START_INIT):
            for disk in step.args:
                ledger.end(number, lane=f"D{disk}", kinds=("absent",))
        case Kill() | PowerLoss():
            _restarted(ledger, number, step, execution)
        case _:
            pass


def _injected(ledger: Ledger, number: int, step: Inject) -> None:
    lane = f"D{step.disk}"
    match step.fault:
        case "disk_heal":
            # An RPC resets the latency of the delay bdev, and nothing ends silent corruption.
            ledger.keep(number, lane, (*AWAY, "delay bdev", *map(words, SILENT)))
        case "disk_return" | "disk_return_stale" | "disk_arrive" | "bdev_create":
            for away in AWAY:
                ledger.end(number, lane=lane, what=away)
            ledger.end(number, lane=lane, kinds=("absent",))
        case name if name in REPLACEMENTS:
            ledger.end(number, lane=lane, kinds=("fault", "absent"))
        case name if name in FAULTS and name not in MOMENTARY:
            ledger.begin(lane, words(name), number, "fault")
        case _:
            pass


def _restarted(ledger: Ledger, number: int, step: Restart, execution: Execution) -> None:
    ledger.end(number, kinds=("member", "rebuilding", "online"))
    ledger.end(number, what="error bdev")
    ledger.end(number, what="delay bdev")
    # The process's death ends the stalls of its reactors.
    ledger.done = [
        msgspec.structs.replace(band, end=min(band.end, number))
        if band.what == "reactor stall"
        else band
        for band in ledger.done
    ]
    for disk in range(execution.plan.layout.disks):
        if step.clones:
            ledger.keep(number, f"D{disk}", ())
        else:
            ledger.begin(f"D{disk}", "not found yet", number, "absent")


def _end_of_stall(number: int, step: Stall, execution: Execution) -> int:
    """Return the last step of a stall: a stepped reactor stalls for a number of steps, a free one until it acts again."""
    last = len(execution.schedule)
    if was_observed(execution.history):
        return min(last, number + step.length)
    for later in range(number + 1, last + 1):
        if getattr(execution.schedule[later - 1], "reactor", None) == step.reactor:
            return later
    return last


def _emitted(ledger: Ledger, number: int, event: Event) -> None:
    args = event.args
    match event.name:
        case "raid.created" | "raid.assembled":
            ledger.begin(ARRAY_LANE, "array online", number, "online")
            for disk in args:
                ledger.begin(f"D{disk}", "member", number, "member")
        case "rebuild.started":
            ledger.end(number, lane=f"D{args[1]}", kinds=("member",))
            ledger.begin(f"D{args[1]}", "being rebuilt", number, "rebuilding")
        case "rebuild.finished":
            ledger.end(number, lane=f"D{args[1]}", kinds=("rebuilding",))
            if args[2] == 0:
                ledger.begin(f"D{args[1]}", "member", number, "member")
        case "raid.member_failed" | "raid.member_removed":
            ledger.end(number, lane=f"D{args[1]}", kinds=("member", "rebuilding"))
        case "raid.deleted":
            ledger.end(number, kinds=("member", "rebuilding", "online"))
        case "raid.superblock_failed":
            ledger.end(number, kinds=("online",))
        case _:
            pass


def words(fault: str) -> str:
    """Write a kind of fault in words."""
    return fault.replace("_", " ")


AWAY = (words("disk_pull"), words("bdev_delete"))
