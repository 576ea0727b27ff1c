"""trace.log: a line per step, a column per actor, for reading and for grep."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.checkers import Finding
from chaos.controller import Execution
from chaos.history import Completed, Crashed, Happened, Unheard
from chaos.schedule import (
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
from chaos.story import Storyteller, blocks
from workers.bdev.io import IoType
from workers.protocol import NEMESIS, OPERATOR


def trace_lines(
    execution: Execution, teller: Storyteller, findings: list[Finding]
) -> Iterator[str]:
    """The lines; indented under a step stands what it showed, and what a check found there."""
    layout, hosts = execution.plan.layout, execution.plan.hosts
    columns = [f"R{number}" for number in range(layout.reactors)]
    columns += [f"H{number}" for number in range(hosts)]
    columns += ["OP", "NEM"]
    yield "# R = reactor, H = host, OP = operator, NEM = nemesis; * marks who acts"
    yield f"{'step':>6}  {' '.join(f'{column:>3}' for column in columns)}  what"
    shown: dict[int, list[str]] = {}
    for entry in execution.history:
        text = _shown(entry, teller)
        if text:
            shown.setdefault(entry.number, []).append(f"-> {text}")
    for finding in findings:
        at = shown.setdefault(finding.step, [])
        at.append(f"=> FINDING {finding.check}: {finding.summary}")
        at += [f"   {line}" for line in finding.waits]
    if execution.crash is not None:
        at = shown.setdefault(execution.steps, [])
        at += [f"   {line}" for line in execution.crash.traceback.splitlines()]
    for number, step in enumerate(execution.schedule, 1):
        actor = _actor(step)
        marks = " ".join(f"{'*' if column == actor else '.':>3}" for column in columns)
        yield f"{number:>6}  {marks}  {_words(step, execution.notes[number - 1], teller)}"
        for text in shown.get(number, []):
            yield f"{'':>6}  {'':>{4 * len(columns) - 1}}    {text}"


def _actor(step: Step) -> str:
    match step:
        case Deliver() | FinishIo() | FireTimer():
            return f"R{step.reactor}"
        case Operate():
            return "OP"
        case Inject() | Impair() | Stall() | Kill() | PowerLoss():
            return "NEM"
        case Mark():
            return ""
        case _:
            return f"H{step.host}"


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


def _shown(entry: object, teller: Storyteller) -> str:
    match entry:
        case Happened(event=event):
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
        case Unheard(op=op):
            return f"op {op} is answered, but its host doesn't hear it"
        case _:
            return ""
