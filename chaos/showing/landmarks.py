"""Landmarks, the moments of a run to look at first: phases, faults, heals, rebuilds, crashes, findings."""

from __future__ import annotations

from typing import Literal

import msgspec

from chaos.checkers import Finding
from chaos.plan.faults import FAULTS, HOST_HEALS
from chaos.run.execution import Execution
from chaos.showing.lanes import FAULT_RPCS
from chaos.showing.narrative import step_of
from chaos.showing.wording.places import named
from chaos.showing.wording.words import Words
from chaos.steps.crash_words import crash_words
from chaos.steps.history import Crashed, EngineEvent, Invoked
from chaos.steps.schedule import Impair, Inject, Kill, Mark, Operate, PowerLoss, Stall, Step

LandmarkKind = Literal[
    "phase", "fault", "heal", "restart", "array", "rebuild", "evidence", "crash", "finding"
]
ARRAY_EVENTS = (
    "raid.created",
    "raid.assembled",
    "raid.deleted",
    "raid.grown",
    "raid.member_failed",
    "raid.member_removed",
    "raid.superblock_failed",
)
REBUILD_EVENTS = ("rebuild.started", "rebuild.finished")


class Landmark(msgspec.Struct, frozen=True, array_like=True):
    """A moment: its kind, and a text for it."""

    step: int
    kind: LandmarkKind
    words: str


def landmarks(execution: Execution, words: Words, findings: list[Finding]) -> list[Landmark]:
    """Return all landmarks of a run, by step."""
    found: list[Landmark] = []
    for entry in execution.history:
        match entry:
            case Invoked():
                kind = _kind_of(entry.step)
                if kind is not None:
                    step = entry.step
                    text = step.phase if isinstance(step, Mark) else words.step(step)
                    found.append(Landmark(entry.number, kind, text))
            case EngineEvent() if entry.event.name in ARRAY_EVENTS:
                found.append(Landmark(entry.number, "array", words.event(entry.event)))
            case EngineEvent() if entry.event.name in REBUILD_EVENTS:
                found.append(Landmark(entry.number, "rebuild", words.event(entry.event)))
            case Crashed():
                text = f"reactor {entry.crash.reactor} crashed: {crash_words(entry.crash)}"
                found.append(Landmark(entry.number, "crash", text))
            case _:
                pass
    steps = len(execution.schedule)
    for finding in findings:
        at = step_of(finding, execution)
        found += [
            Landmark(event.step, "evidence", named(event.says))
            for event in finding.events
            if event.step != at and 1 <= event.step <= steps
        ]
        found.append(Landmark(at, "finding", f"{finding.check}: {named(finding.summary)}"))
    return sorted(found, key=lambda landmark: landmark.step)


def _kind_of(step: Step) -> LandmarkKind | None:
    match step:
        case Mark():
            return "phase"
        case Kill() | PowerLoss():
            return "restart"
        case Stall():
            return "fault"
        case Impair():
            return "heal" if step.fault in HOST_HEALS.values() else "fault"
        case Inject():
            return "fault" if step.fault in FAULTS else "heal"
        case Operate() if step.method in FAULT_RPCS:
            return "fault" if step.args[1] else "heal"
        case _:
            return None
