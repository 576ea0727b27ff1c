"""Superblocks only go forward, are readable, and call no member CONFIGURED that lacks acknowledged data (C9)."""

from __future__ import annotations

from chaos.checkers.copies import Holders
from chaos.checkers.finding import Finding, Verdict
from chaos.plan.faults import REPLACEMENTS
from chaos.run.execution import Execution
from chaos.steps.block_words import blocks
from chaos.steps.history import NOT_LOOKED, Completed, Entry, Invoked, Written
from chaos.steps.schedule import Changing, Inject


class Superblocks:
    """The newest superblock of each disk."""

    def __init__(self) -> None:
        self.by_disk: dict[int, Written] = {}
        self.gone: list[tuple[int, int]] = []  # disks whose device was replaced: (disk, step)

    def take(self, entry: Entry) -> Finding | None:
        """Follow the next entry of a history; return a finding if its superblock is bad."""
        if entry.__class__ is Invoked:
            if isinstance(entry.step, Inject) and entry.step.fault in REPLACEMENTS:
                self.gone.append((entry.step.disk, entry.number))
            return None
        if entry.__class__ is not Written:
            return None
        before = self.by_disk.pop(entry.disk, None)
        if entry.sequence < 0:
            if entry.by_target and not entry.blank:
                return _finding(
                    "unreadable",
                    f"the superblock just written to disk {entry.disk} can't be read",
                    entry.number,
                )
            return None
        self.by_disk[entry.disk] = entry
        if (
            entry.by_target
            and before is not None
            and before.array == entry.array
            and entry.sequence < before.sequence
        ):
            return _finding(
                "sequence",
                f"the superblock on disk {entry.disk} went back from sequence "
                f"{before.sequence} to {entry.sequence}",
                entry.number,
            )
        return None

    def newest(self, members: list[int]) -> Written | None:
        """Return the newest superblock of these members' array."""
        own = [self.by_disk[disk] for disk in members if disk in self.by_disk]
        if not own:
            return None
        array = max(own, key=lambda written: written.sequence).array
        of_array = [written for written in self.by_disk.values() if written.array == array]
        return max(of_array, key=lambda written: (written.sequence, -written.disk))

    def configured(self, written: Written) -> list[int]:
        """Return the disks that it calls CONFIGURED and whose devices were not replaced since."""
        replaced = [disk for disk, step in self.gone if step > written.number]
        return [
            disk
            for disk in range(written.configured.bit_length())
            if written.configured & 1 << disk and disk not in replaced
        ]


def check_superblock(execution: Execution) -> list[Finding]:
    """Follow all superblocks; at each acknowledged change, check the members that a restart would assemble."""
    if not execution.plan.superblock:
        return []
    holders = Holders(execution.plan)
    superblocks = Superblocks()
    for entry in execution.history:
        holders.take(entry)
        finding = superblocks.take(entry)
        if finding is not None:
            return [finding]
        if entry.__class__ is not Completed or entry.copies == NOT_LOOKED:
            continue
        step = holders.changes[entry.op]
        newest = superblocks.newest(holders.members.disks)
        if newest is None or holders.is_tainted(step) or holders.has_met_another(step):
            continue
        for disk in superblocks.configured(newest):
            if not entry.copies & 1 << disk and not holders.is_away(disk):
                return [_lacking(step, entry, newest, disk)]
    return []


def _lacking(step: Changing, entry: Completed, newest: Written, disk: int) -> Finding:
    what = type(step).__name__.lower()
    return _finding(
        "configured",
        f"{what} op {step.op} of host {step.host} ({blocks(step.slba, step.blocks)}) "
        f"was acknowledged without disk {disk}, which the newest superblock (sequence "
        f"{newest.sequence}, on disk {newest.disk}) calls CONFIGURED: a restart would read it there",
        entry.number,
        [step.op],
    )


def _finding(shape: str, summary: str, step: int, ops: list[int] | None = None) -> Finding:
    return Finding(
        check="superblock",
        kind="invariant",
        shape=shape,
        summary=summary,
        step=step,
        verdict=Verdict.INVALID,
        ops=ops or [],
    )
