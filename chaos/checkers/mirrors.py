"""Members in sync hold equal data for every acknowledged block, at each rebuild's end and at the run's end (C5)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import Members
from chaos.checkers.pulled_disks import PulledDisks
from chaos.checkers.register import reader_for
from chaos.checkers.registers import Registers
from chaos.run.execution import Execution
from chaos.steps.history import Compared
from chaos.steps.payload import NEVER_WRITTEN


def check_mirrors(execution: Execution) -> list[Finding]:
    """Compare the disks of all members, which may differ only where a late or failed write was."""
    history = execution.history
    reader = reader_for(execution)
    members, away = Members(), PulledDisks()
    seen = 0
    for index, entry in enumerate(history):
        if entry.__class__ is Compared and entry.after == "rebuild.finished":
            reader.take_all(seen, history[seen:index])
            seen = index
            there = [disk for disk in members.disks if disk not in away]
            found = compare(reader.registers, there, entry.blocks)
            if found is not None:
                return [_finding("end of a rebuild", entry.number, *found)]
        members.take(entry)
        away.take(entry)
    if execution.crash is not None or not execution.settled:
        return []  # a crash or a hang leaves writes in flight, and is a finding of its own
    reader.take_all(seen, history[seen:])
    found = compare(reader.registers, sorted(members.disks), execution.disks)
    return [] if found is None else [_finding("end of run", execution.steps, *found)]


def compare(
    registers: Registers, members: list[int], disks: list[list[int]]
) -> tuple[str, int, int, str] | None:
    """Return the first block that is wrong on a member: kind, LBA, newest acknowledged op, and each member's data."""
    columns = [disks[disk] for disk in members]
    for lba, (held, *values) in enumerate(zip(registers.held, *columns, strict=True)):
        if values.count(held) == len(values):
            continue  # as nearly always, all have the newest acknowledged write
        if NEVER_WRITTEN in registers.candidates_of(lba) or lba in registers.tainted:
            continue  # no write of this block was acknowledged, or a disk has changed it silently
        allowed = registers.allowed(lba)
        wrong = [value for value in values if value not in allowed]
        if wrong:
            shown = ", ".join(
                f"disk {disk}: op {value}" for disk, value in zip(members, values, strict=True)
            )
            kind = "divergence" if len(set(values)) > 1 else "stale"
            return kind, lba, registers.newest_acknowledged[lba], shown
    return None


def _finding(when: str, step: int, kind: str, lba: int, newest: int, shown: str) -> Finding:
    return Finding(
        check="mirrors",
        kind=kind,
        shape=when,
        summary=(
            f"block {lba} should hold op {newest}, acknowledged, on every member "
            f"in sync, but holds {shown}"
        ),
        step=step,
        verdict=Verdict.INVALID,
        ops=[newest],
    )
