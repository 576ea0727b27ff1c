"""A run step by step in words: what trace.log, timeline.html and the exports have in common."""

from __future__ import annotations

import msgspec

from chaos.checkers import Finding
from chaos.run.execution import Execution
from chaos.showing.lanes import RANK, asker_of, marks_of_entry, marks_of_step
from chaos.showing.story import Storyteller
from chaos.steps.block_words import blocks
from chaos.steps.history import Completed, Crashed, EngineEvent, Entry, Invoked, Undelivered
from chaos.steps.schedule import Deliver, FinishIo, FireTimer, Mark, Step
from workers.bdev.io import IoType
from workers.protocol import NEMESIS, OPERATOR


class StepText(msgspec.Struct, frozen=True):
    """One step: who it marks and how, what it is, and what it showed, a line each."""

    number: int
    step: Step
    marks: dict[str, str]  # lane -> mark; see lanes.py
    words: str
    shown: list[str]


def narrate(execution: Execution, teller: Storyteller, findings: list[Finding]) -> list[StepText]:
    """All steps, in order."""
    shown: dict[int, list[str]] = {}
    marks: dict[int, list[tuple[str, str]]] = {}
    askers: dict[int, str] = {}
    for entry in execution.history:
        if isinstance(entry, Invoked):
            asker = asker_of(entry.step)
            if asker and hasattr(entry.step, "op"):
                askers[entry.step.op] = asker
            continue
        text = _shown(entry, teller)
        if text:
            shown.setdefault(entry.number, []).append(f"-> {text}")
        more = marks_of_entry(entry, askers)
        if more:
            marks.setdefault(entry.number, []).extend(more)
    for finding in findings:
        at = shown.setdefault(step_of(finding, execution), [])
        at.append(f"=> FINDING {finding.check}: {finding.summary}")
        at += [f"   {line}" for line in finding.waits]
    if execution.crash is not None:
        at = shown.setdefault(execution.steps, [])
        at += [f"   {line}" for line in execution.crash.traceback.splitlines()]
    return [
        StepText(
            number,
            step,
            _strongest([*marks_of_step(step, note, execution.plan), *marks.get(number, ())]),
            _words(step, note, teller),
            shown.get(number, []),
        )
        for number, (step, note) in enumerate(
            zip(execution.schedule, execution.notes, strict=True), 1
        )
    ]


def step_of(finding: Finding, execution: Execution) -> int:
    """Where a finding is shown; one that is of no step stands at the end."""
    steps = len(execution.schedule)
    return finding.step if 1 <= finding.step <= steps else steps


def _strongest(marks: list[tuple[str, str]]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for lane, mark in marks:
        if RANK.index(mark) > RANK.index(kept.get(lane, ".")):
            kept[lane] = mark
    return kept


def _words(step: Step, note: str, teller: Storyteller) -> str:
    match step:
        case Deliver():
            return f"{teller.thread(step.receiver)} handles {note} of {_sender(step, teller)}"
        case FinishIo():
            kind = IoType(step.io_type).name.lower()
            where = blocks(step.offset, step.count)
            end = "FAILS" if note else "finishes"
            return f"disk{step.disk} {end} a {kind} of {where} for {teller.thread(step.thread)}"
        case FireTimer():
            return f"a timer of {teller.thread(step.thread)} fires at {step.deadline_us} us"
        case Mark():
            return f"--- {step.phase} ---"
        case _:
            return teller.step(step)


def _sender(step: Deliver, teller: Storyteller) -> str:
    if step.sender < OPERATOR:
        return teller.thread(step.sender)
    if step.sender == OPERATOR:
        return "the operator"
    if step.sender == NEMESIS:
        return "a disk's hot-plug event"
    return teller.owner(step.sender)


def _shown(entry: Entry, teller: Storyteller) -> str:
    match entry:
        case EngineEvent(event=event):
            return teller.event(event)
        case Completed(op=op, status=0, values=values) if values:
            return f"op {op} is answered: success, with the data of ops {values} (0: never written)"
        case Completed(op=op, status=status):
            result = (
                "success" if status == 0 else f"status {status:#x}" if status > 0 else f"{status}"
            )
            return f"op {op} is answered: {result}"
        case Crashed(crash=crash):
            return f"CRASH on reactor {crash.reactor}: {crash.message}"
        case Undelivered(op=op):
            return f"op {op} is answered, but its host doesn't hear it"
        case _:
            return ""
