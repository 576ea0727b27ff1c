"""Members in sync hold equal data for every acknowledged block at the end (C5)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.register import judge_reads
from chaos.controller import Execution
from chaos.history import Happened, Restarted
from chaos.payload import NEVER_WRITTEN


def members_in_sync(execution: Execution) -> list[int]:
    """The disks that are members in sync at the end, from what the engine told."""
    members: list[int] = []
    for entry in execution.history:
        if isinstance(entry, Restarted):
            members = []
        if not isinstance(entry, Happened):
            continue
        event = entry.event
        match event.name:
            case "raid.created":
                members = list(range(event.args[0]))
            case "raid.member_removed" | "raid.member_failed" if event.args[1] in members:
                members.remove(event.args[1])
            case "rebuild.finished" if event.args[2] == 0:
                members.append(event.args[1])
            case "raid.deleted":
                members = []
            case _:
                pass
    return sorted(members)


def check_mirrors(execution: Execution) -> list[Finding]:
    """Compare the disks of all members; only what a late or failed write may have left can differ."""
    if execution.crash is not None or not execution.settled:
        return []  # a crash or a hang leaves writes under way; it is its own finding
    members = members_in_sync(execution)
    blocks = execution.plan.layout.disk_blocks
    registers, _ = judge_reads(execution.history, blocks)
    for lba in range(blocks):
        candidates = registers.candidates[lba]
        if NEVER_WRITTEN in candidates:
            continue  # no write of this block was acknowledged
        values = [execution.disks[disk][lba] for disk in members]
        wrong = [value for value in values if value not in candidates]
        if wrong or (len(candidates) == 1 and len(set(values)) > 1):
            shown = ", ".join(
                f"disk {disk}: op {value}" for disk, value in zip(members, values, strict=True)
            )
            newest = registers.newest_acknowledged[lba]
            return [
                Finding(
                    check="mirrors",
                    kind="divergence" if len(set(values)) > 1 else "stale",
                    shape="end of run",
                    summary=(
                        f"block {lba} should hold op {newest}, acknowledged, on every member "
                        f"in sync, but holds {shown}"
                    ),
                    step=execution.steps,
                    verdict=Verdict.INVALID,
                    ops=[newest],
                )
            ]
    return []
