"""After the target has died, every member that an array comes back with holds what was acknowledged (C6)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import Members
from chaos.checkers.mirrors import compare
from chaos.checkers.register import reader_for
from chaos.controller import Execution
from chaos.history import Compared


def check_recovery(execution: Execution) -> list[Finding]:
    """Compare the members' disks with what may be read, each time an array is assembled."""
    history = execution.history
    if not any(isinstance(entry, Compared) for entry in history):
        return []
    reader = reader_for(execution)
    members = Members()
    assembled = False
    for index, entry in enumerate(history):
        reader.take(index, entry)
        if isinstance(entry, Compared):
            found = compare(reader.registers, members.disks, entry.blocks) if assembled else None
            assembled = False
            if found is not None:
                return [_finding(entry.number, *found)]
        elif members.take(entry):
            assembled = True
    return []


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
