"""After the target has died, every member of a reassembled array holds the acknowledged data (C6)."""

from __future__ import annotations

from typing import TypeGuard

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import Members
from chaos.checkers.mirrors import compare
from chaos.checkers.register import reader_for
from chaos.run.execution import Execution
from chaos.steps.history import Compared, Entry


def check_recovery(execution: Execution) -> list[Finding]:
    """Compare the members' disks with the data that may be read, each time an array is assembled."""
    history = execution.history
    if not any(_is_assembly(entry) for entry in history):
        return []
    reader = reader_for(execution)
    members = Members()
    seen = 0
    for index, entry in enumerate(history):
        if _is_assembly(entry):
            reader.take_all(seen, history[seen:index])
            seen = index
            found = compare(reader.registers, members.disks, entry.blocks)
            if found is not None:
                return [_finding(entry.number, *found)]
        members.take(entry)
    return []


def _is_assembly(entry: Entry) -> TypeGuard[Compared]:
    return entry.__class__ is Compared and entry.after == "raid.assembled"


def _finding(step: int, kind: str, lba: int, newest: int, shown: str) -> Finding:
    return Finding(
        check="recovery",
        kind=kind,
        shape="assembly",
        summary=(
            f"the array was assembled with a member that lacks acknowledged data: "
            f"block {lba} should hold op {newest}, but holds {shown}"
        ),
        step=step,
        verdict=Verdict.INVALID,
        ops=[newest],
    )
