"""The lanes of a run: reactors, disks, hosts, the operator and the nemesis.

The same lanes are the columns of trace.log, the swim lanes of timeline.html and the tracks of an export.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from chaos.plan.faults import DISK_RETURNS
from chaos.plan.plan import Plan
from chaos.plan.rpcs import RPCS
from chaos.showing.labels import Labels
from chaos.steps.history import Completed, Crashed, EngineEvent, Entry
from chaos.steps.schedule import (
    Deliver,
    FinishIo,
    FireTimer,
    Impair,
    Inject,
    Kill,
    Mark,
    Operate,
    PowerLoss,
    Stall,
    Step,
)
from workers.bdev.io import IoType
from workers.bdev.stack import disk_of

LaneKind = Literal["reactor", "disk", "host", "operator", "nemesis"]
OPERATOR_LANE = "OP"
NEMESIS_LANE = "NEM"

ACTS, IS_ANSWERED, HEALS, IS_HIT, CRASHES, NOTHING = "*", "<", "+", "!", "X", "."
IO_MARKS = {
    IoType.READ: "r",
    IoType.WRITE: "w",
    IoType.FLUSH: "f",
    IoType.UNMAP: "u",
    IoType.WRITE_ZEROES: "z",
    IoType.COMPARE: "c",
    IoType.COMPARE_AND_WRITE: "c",
    IoType.RESET: "R",
}
# Where two marks meet in one lane and step, the later one in this list is shown.
RANK = NOTHING + ACTS + IS_ANSWERED + "rwfuzcR" + HEALS + IS_HIT + CRASHES
LEGEND = (
    "# R = reactor, D = disk, H = host, OP = operator, NEM = nemesis. * acts, < is answered, ! is hit by a fault, "
    "+ is healed, X crashes; a disk has finished: r read, w write, f flush, u unmap, z write zeroes, c compare, R reset"
)
# Events of a fault that has taken effect; the first argument is the disk.
EFFECTS = (
    "bdev.delayed",
    "bdev.error_injected",
    "disk.cache_lost",
    "disk.channel_failed",
    "disk.fault",
    "disk.misdirected",
)
# RPCs by which the nemesis breaks a disk's stacked bdev.
FAULT_RPCS = tuple(method for method, row in RPCS.items() if row.is_for_stack)
HEALING = ("disk_heal", "disk_arrive", *DISK_RETURNS)


class Lane(msgspec.Struct, frozen=True):
    """One lane; ``key`` is its name in trace.log, ``name`` the name that people know."""

    key: str
    kind: LaneKind
    name: str


def lanes_of(plan: Plan, labels: Labels) -> list[Lane]:
    """Return all lanes of a run, in the order in which they are shown."""
    layout = plan.layout
    return [
        *(Lane(f"R{number}", "reactor", f"reactor {number}") for number in range(layout.reactors)),
        *(Lane(f"D{number}", "disk", labels.disk(number)) for number in range(layout.disks)),
        *(Lane(f"H{number}", "host", labels.host(number)) for number in range(plan.hosts)),
        Lane(OPERATOR_LANE, "operator", "operator"),
        Lane(NEMESIS_LANE, "nemesis", "nemesis"),
    ]


def marks_of_step(step: Step, note: str, plan: Plan) -> list[tuple[str, str]]:
    """Return the lanes that a step marks, with the marks."""
    match step:
        case FinishIo():
            mark = IS_HIT if note else IO_MARKS[IoType(step.io_type)]
            return [(f"R{step.reactor}", ACTS), (f"D{step.disk}", mark)]
        case Deliver() | FireTimer():
            return [(f"R{step.reactor}", ACTS)]
        case Operate() if step.method in FAULT_RPCS:
            mark = HEALS if step.args[1] == 0 else IS_HIT
            return [(OPERATOR_LANE, ACTS), (f"D{disk_of(plan.layout, step.args[0])}", mark)]
        case Operate():
            return [(OPERATOR_LANE, ACTS)]
        case Inject():
            return [(NEMESIS_LANE, ACTS), (f"D{step.disk}", _mark_of_injection(step.fault))]
        case Impair():
            heals = step.fault in ("network_heal", "host_ready", "host_return")
            return [(NEMESIS_LANE, ACTS), (f"H{step.host}", HEALS if heals else IS_HIT)]
        case Stall():
            return [(NEMESIS_LANE, ACTS), (f"R{step.reactor}", IS_HIT)]
        case Kill() | PowerLoss():
            reactors = [(f"R{number}", IS_HIT) for number in range(plan.layout.reactors)]
            return [(NEMESIS_LANE, ACTS), *reactors]
        case Mark():
            return []
        case _:
            return [(f"H{step.host}", ACTS)]


def _mark_of_injection(fault: str) -> str:
    if fault in HEALING:
        return HEALS
    return NOTHING if fault == "disk_image" else IS_HIT


def marks_of_entry(entry: Entry, askers: dict[int, str]) -> list[tuple[str, str]]:
    """Return the lanes that an entry marks; ``askers`` has the lane that gets the answer, by op."""
    match entry:
        case Completed() if entry.op in askers:
            return [(askers[entry.op], IS_ANSWERED)]
        case EngineEvent() if entry.event.name in EFFECTS:
            return [(f"D{entry.event.args[0]}", IS_HIT)]
        case Crashed():
            return [(f"R{entry.crash.reactor}", CRASHES)]
        case _:
            return []


def asker_of(step: Step) -> str:
    """Return the lane that gets the answer to a step, or "" if no lane does."""
    if isinstance(step, Operate):
        return OPERATOR_LANE
    host = getattr(step, "host", None)
    return "" if host is None or isinstance(step, Impair) else f"H{host}"
