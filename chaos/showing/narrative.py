"""A run step by step in words, for trace.log, timeline.html and the exports."""

from __future__ import annotations

import msgspec

from chaos.checkers import Finding
from chaos.run.execution import Execution
from chaos.showing.lanes import RANK, asker_of, marks_of_entry, marks_of_step
from chaos.showing.serving import Serving
from chaos.showing.wording.places import named
from chaos.showing.wording.steps import ops_listed
from chaos.showing.wording.words import Words
from chaos.steps.crash_words import crash_words
from chaos.steps.history import Completed, Crashed, EngineEvent, Entry, Invoked, Undelivered
from chaos.steps.schedule import ENGINE_STEPS, Mark, Step

EVENT_SIGN, FINDING_SIGN = "-> ", "=> FINDING "


class StepText(msgspec.Struct, frozen=True):
    """One step: the lanes that it marks, its text, and the lines that it showed."""

    number: int
    step: Step
    marks: dict[str, str]  # lane -> mark; see lanes.py
    words: str
    shown: list[str]


def narrate(execution: Execution, words: Words, findings: list[Finding]) -> list[StepText]:
    """Write all steps in words, in order."""
    is_crash_found = any(finding.check == "crash" for finding in findings)
    shown: dict[int, list[str]] = {}
    marks: dict[int, list[tuple[str, str]]] = {}
    ends: dict[int, list[Entry]] = {}
    askers: dict[int, str] = {}
    for entry in execution.history:
        if isinstance(entry, Invoked):
            asker = asker_of(entry.step)
            if asker and hasattr(entry.step, "op"):
                askers[entry.step.op] = asker
            continue
        ends.setdefault(entry.number, []).append(entry)
        # A crash is a finding too, and the finding's sentence says the same.
        text = "" if isinstance(entry, Crashed) and is_crash_found else _shown(entry, words)
        if text:
            shown.setdefault(entry.number, []).append(f"{EVENT_SIGN}{text}")
        more = marks_of_entry(entry, askers)
        if more:
            marks.setdefault(entry.number, []).extend(more)
    _add_findings(shown, execution, findings)
    serving = Serving(execution.plan)
    narrated = []
    for number, (step, note) in enumerate(zip(execution.schedule, execution.notes, strict=True), 1):
        ops = serving.ops(step, note)
        for entry in ends.get(number, ()):
            serving.end(entry)
        step_marks = [*marks_of_step(step, note, execution.plan), *marks.get(number, ())]
        text = _words(step, note, ops, words)
        narrated.append(StepText(number, step, _strongest(step_marks), text, shown.get(number, [])))
    return narrated


def _add_findings(
    shown: dict[int, list[str]], execution: Execution, findings: list[Finding]
) -> None:
    for finding in findings:
        at = shown.setdefault(step_of(finding, execution), [])
        at.append(f"{FINDING_SIGN}{finding.check}: {named(finding.summary)}")
        at += [f"   {line}" for line in finding.waits]
    if execution.crash is not None:
        at = shown.setdefault(execution.steps, [])
        at += [f"   {line}" for line in execution.crash.traceback.splitlines()]


def step_of(finding: Finding, execution: Execution) -> int:
    """Return the step that a finding is shown at; a finding that belongs to no step stands at the end."""
    steps = len(execution.schedule)
    return finding.step if 1 <= finding.step <= steps else steps


def _strongest(marks: list[tuple[str, str]]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for lane, mark in marks:
        if RANK.index(mark) > RANK.index(kept.get(lane, ".")):
            kept[lane] = mark
    return kept


def _words(step: Step, note: str, ops: list[int], words: Words) -> str:
    if isinstance(step, Mark):
        return f"--- {step.phase} ---"
    if isinstance(step, ENGINE_STEPS):
        return words.engine(step, note, ops_listed(ops))
    return words.outside(step)


def _shown(entry: Entry, words: Words) -> str:
    match entry:
        case EngineEvent(event=event):
            return words.event(event)
        case Completed():
            return words.answer(entry)
        case Crashed(crash=crash):
            return f"CRASH on reactor {crash.reactor}: {crash_words(crash)}"
        case Undelivered(op=op):
            return f"op {op} is answered, but the answer doesn't reach its host"
        case _:
            return ""
