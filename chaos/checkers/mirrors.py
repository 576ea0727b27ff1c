"""Members in sync hold equal data for every acknowledged block at the end (C5)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.register import judge_reads
from chaos.controller import Execution
from chaos.history import Entry, Happened, History, Invoked
from chaos.payload import NEVER_WRITTEN
from chaos.schedule import Kill, PowerLoss


class Members:
    """The disks that are members in sync, from what the engine told."""

    def __init__(self) -> None:
        self.disks: list[int] = []

    def take(self, entry: Entry) -> bool:
        """The next entry of a history; True: an array has come online, with these members."""
        if isinstance(entry, Invoked) and isinstance(entry.step, (Kill, PowerLoss)):
            self.disks = []
        if not isinstance(entry, Happened):
            return False
        args = entry.event.args
        match entry.event.name:
            case "raid.created" | "raid.assembled":
                self.disks = list(args)
                return True
            case "raid.member_removed" | "raid.member_failed" if args[1] in self.disks:
                self.disks.remove(args[1])
            case "rebuild.finished" if args[2] == 0:
                self.disks.append(args[1])
            case "raid.last_member_removed" | "raid.deleted":
                self.disks = []
            case _:
                pass
        return False


def members_in_sync(history: History) -> list[int]:
    """The members in sync at the end, sorted."""
    members = Members()
    for entry in history:
        members.take(entry)
    return sorted(members.disks)


def check_mirrors(execution: Execution) -> list[Finding]:
    """Compare the disks of all members; only what a late or failed write may have left can differ."""
    if execution.crash is not None or not execution.settled:
        return []  # a crash or a hang leaves writes under way; it is its own finding
    members = members_in_sync(execution.history)
    registers, _ = judge_reads(execution.history, execution.plan)
    for lba, candidates in enumerate(registers.candidates):
        if NEVER_WRITTEN in candidates or lba in registers.tainted:
            continue  # no write of this block was acknowledged, or a disk has changed it silently
        values = [execution.disks[disk][lba] for disk in members]
        allowed = registers.allowed(lba)
        wrong = [value for value in values if value not in allowed]
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
