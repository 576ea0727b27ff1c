"""Wrong data of a read: the kind of fault, the blocks, the disk, and the events that contradict each other.

It looks back over the history once, and only after a fault, so that judging a valid history stays cheap.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import msgspec

from chaos.checkers.finding import Evidence, Finding, Verdict
from chaos.checkers.registers import Registers
from chaos.plan.plan import Plan
from chaos.steps.block_words import blocks
from chaos.steps.history import Completed, History, Invoked
from chaos.steps.payload import NEVER_WRITTEN
from chaos.steps.schedule import (
    Changing,
    CompareAndWrite,
    FinishIo,
    Read,
    Step,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.bdev.io import IoType

Kind = Literal["short", "torn", "misdirected", "foreign", "lost", "resurrected", "stale"]
Look = Read | CompareAndWrite
_VERBS: dict[type[Changing], str] = {
    Write: "write",
    Unmap: "unmap",
    WriteZeroes: "write zeroes",
    CompareAndWrite: "compare-and-write",
}


class Wrong(msgspec.Struct, frozen=True):
    """A wrong block of a read, with the kind of fault. ``sent`` is the history index of the read's beginning."""

    kind: Kind
    look: Look
    sent: int
    answer: Completed
    lba: int
    value: int


class Sight(msgspec.Struct, frozen=True):
    """A read's sight of a change in a block; ``begun`` is the history index of the change's beginning."""

    begun: int
    op: int
    look: Look
    number: int


class Past(msgspec.Struct, frozen=True):
    """The knowledge of a block when a read of it was sent."""

    newest: int  # the op acknowledged last, or NEVER_WRITTEN
    sight: Sight | None  # of the change that began last of all seen


def explain(
    wrongs: list[Wrong],
    registers: Registers,
    history: History,
    plan: Plan,
    schedule: list[Step],
    notes: list[str],
) -> list[Finding]:
    """Make one finding of neighbouring blocks of the same read with the same fault."""
    if not wrongs:
        return []
    pasts = _pasts(wrongs, registers, history)
    refined = [
        msgspec.structs.replace(wrong, kind="resurrected")
        if wrong.kind == "stale" and _was_seen_replaced(wrong.value, past.sight, registers)
        else wrong
        for wrong, past in zip(wrongs, pasts, strict=True)
    ]
    begins = [0]
    for index, (one, other) in enumerate(pairwise(refined), 1):
        if (other.look, other.kind, other.lba) != (one.look, one.kind, one.lba + 1):
            begins.append(index)
    return [
        _finding(
            refined[begin:end],
            pasts[begin],
            registers,
            history,
            served_by(refined[begin:end], history, plan, schedule, notes),
        )
        for begin, end in pairwise([*begins, len(refined)])
    ]


def served_by(
    wrongs: list[Wrong], history: History, plan: Plan, schedule: list[Step], notes: list[str]
) -> int | None:
    """Return the one disk that can have served these blocks to the read's thread; None if there are several."""
    wrong = wrongs[0]
    first, last = wrong.lba + plan.data_offset, wrongs[-1].lba + plan.data_offset
    # Step n is the schedule's item n - 1, and any step after the read's own may have served it.
    steps = range(history[wrong.sent].number, min(wrong.answer.number, len(schedule)))
    disks = {
        step.disk: True
        for step in (schedule[index] for index in steps if notes[index] != "failed")
        if isinstance(step, FinishIo)
        and step.io_type == IoType.READ
        and step.thread == wrong.look.thread
        and step.offset <= last
        and first < step.offset + step.count
    }
    return next(iter(disks)) if len(disks) == 1 else None


def _pasts(wrongs: list[Wrong], registers: Registers, history: History) -> list[Past]:
    """Return for each wrong block the knowledge of it when its read was sent."""
    wanted: dict[int, list[int]] = {}
    for index, wrong in enumerate(wrongs):
        wanted.setdefault(wrong.sent, []).append(index)
    pasts: dict[int, Past] = {}
    newest: dict[int, int] = {}
    sights: dict[int, Sight] = {}
    looks: dict[int, Look] = {}
    for position, entry in enumerate(history):
        if isinstance(entry, Invoked) and isinstance(entry.step, (Read, CompareAndWrite)):
            looks[entry.step.op] = entry.step
            for index in wanted.get(position, ()):
                lba = wrongs[index].lba
                pasts[index] = Past(newest.get(lba, NEVER_WRITTEN), sights.get(lba))
        elif isinstance(entry, Completed) and entry.status == 0:
            change = registers.changes.get(entry.op)
            if change is not None and change.end == position:
                newest |= dict.fromkeys(_span(change.step), entry.op)
            if entry.op in looks:
                _note_sights(looks.pop(entry.op), entry, registers, sights)
    return [pasts[index] for index in range(len(wrongs))]


def _note_sights(
    look: Look, answer: Completed, registers: Registers, sights: dict[int, Sight]
) -> None:
    for lba, value in zip(_span(look), seen_by(look, answer), strict=False):
        if registers.covers(value, lba):
            sight = Sight(registers.changes[value].begun, value, look, answer.number)
            if lba not in sights or sights[lba].begun < sight.begun:
                sights[lba] = sight


def seen_by(look: Look, answer: Completed) -> list[int]:
    """Return the data that a request has seen: a compare-and-write that matched saw the data it expected."""
    return answer.values if isinstance(look, Read) else [look.expected_op] * look.blocks


def _was_seen_replaced(op: int, sight: Sight | None, registers: Registers) -> bool:
    end = registers.changes[op].end
    assert end is not None, f"op {op} is in flight, and was found superseded"
    return sight is not None and sight.begun > end


def _finding(
    wrongs: list[Wrong], past: Past, registers: Registers, history: History, disk: int | None
) -> Finding:
    wrong = wrongs[0]
    how = "read" if isinstance(wrong.look, Read) else "compare-and-write"
    where = blocks(wrong.lba, len(wrongs))
    read = f"{how} op {wrong.look.op} of host {wrong.look.host}"
    what = f"{read} got {_got(wrongs)} in {where}"
    if wrong.kind == "short":
        what = f"{read} of {_where(wrong.look)} got {len(wrong.answer.values)} blocks"
    if disk is not None:
        what += f" from disk {disk}"
    against, but, ops = _against(wrong, past, registers, history)
    return Finding(
        check="register",
        kind=wrong.kind,
        shape=how,
        summary=f"{wrong.kind} data: {what}{but}",
        step=wrong.answer.number,
        verdict=Verdict.INVALID,
        ops=[op for op in dict.fromkeys((*ops, wrong.value, wrong.look.op)) if op > 0],
        blocks=(wrong.lba, wrongs[-1].lba),
        disk=disk,
        events=(against, Evidence(wrong.answer.number, what)),
    )


def _against(
    wrong: Wrong, past: Past, registers: Registers, history: History
) -> tuple[Evidence, str, list[int]]:
    """Return the event that contradicts the read, the same as a clause, and its ops."""
    change = registers.changes.get(wrong.value)
    if wrong.kind == "resurrected":
        sight = past.sight
        assert sight is not None, "resurrected data was seen replaced"
        says = f"op {sight.look.op} had read op {sight.op} there, which replaced it"
        return Evidence(sight.number, says), f", but {says}", [past.newest, sight.op, sight.look.op]
    if change is not None and wrong.kind == "foreign":
        says = f"{_VERBS[type(change.step)]} op {wrong.value} is for {_where(change.step)}"
        return Evidence(history[change.begun].number, says), f", but {says}", [past.newest]
    if change is not None and change.is_void:
        assert change.end is not None, "only an answer shows that a change changed nothing"
        says = f"op {wrong.value} has changed nothing"
        return Evidence(history[change.end].number, says), f", but {says}", [past.newest]
    newest = registers.changes.get(past.newest)
    if newest is None:
        return Evidence(history[wrong.sent].number, f"op {wrong.look.op} was sent"), "", []
    assert newest.end is not None, "an acknowledged change has ended"
    says = f"{_VERBS[type(newest.step)]} op {past.newest} of that block was acknowledged"
    clause = f", but {says} before the read was sent"
    return Evidence(history[newest.end].number, says), clause, [past.newest]


def _got(wrongs: list[Wrong]) -> str:
    return ", ".join(dict.fromkeys(_in_words(wrong.value) for wrong in wrongs))


def _in_words(value: int) -> str:
    if value < NEVER_WRITTEN:
        return "garbage"
    return f"op {value}" if value else "zeroes"


def _where(step: Look | Changing) -> str:
    return blocks(step.slba, step.blocks)


def _span(step: Look | Changing) -> range:
    return range(step.slba, step.slba + step.blocks)
