"""An acknowledged change is on every member that may be read (C14)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import MOVES, Members
from chaos.checkers.pulled_disks import PulledDisks
from chaos.plan.plan import Plan
from chaos.run.execution import Execution
from chaos.steps.block_words import blocks
from chaos.steps.history import CONNECTION_ENDED, NOT_LOOKED, Completed, EngineEvent, Entry, Invoked
from chaos.steps.schedule import CHANGING, Changing, Inject, Kill, PowerLoss

RELEVANT = MOVES | {"disk.misdirected", CONNECTION_ENDED}


class Holders:
    """The disks that must hold a change acknowledged now: members in sync, and the target where it is rebuilt."""

    def __init__(self, plan: Plan) -> None:
        self.members = Members()
        self._offset = plan.data_offset
        self.changes: dict[int, Changing] = {}
        self._in_flight: dict[int, Changing] = {}
        self._met: dict[int, bool] = {}  # ops that met another change of their blocks
        self._away = PulledDisks()
        self._tainted: list[range] = []  # LBAs that a disk has ever changed silently

    def take(self, entry: Entry) -> None:
        """Follow the next entry of a history."""
        if entry.__class__ is EngineEvent:
            if entry.event.name in RELEVANT:
                self._observe(entry)
        elif entry.__class__ is Invoked:
            step = entry.step
            if step.__class__ in CHANGING:
                self._sent(step)
            elif step.__class__ is Inject:
                self._away.injected(step)
                if step.fault == "bit_rot":
                    self._taint(step.args[0], 1)
            elif step.__class__ in (Kill, PowerLoss):
                self.members.take(entry)
                self._in_flight.clear()
        elif entry.__class__ is Completed:
            self._in_flight.pop(entry.op, None)

    def _sent(self, step: Changing) -> None:
        self.changes[step.op] = step
        for other in self._in_flight.values():
            if other.slba < step.slba + step.blocks and step.slba < other.slba + other.blocks:
                self._met[step.op] = self._met[other.op] = True
        self._in_flight[step.op] = step

    def has_met_another(self, step: Changing) -> bool:
        """Return whether another change of its blocks was in flight with it: each disk may hold either (see order.py)."""
        return step.op in self._met

    def _observe(self, entry: EngineEvent) -> None:
        event = entry.event
        if event.name == CONNECTION_ENDED:
            kept = {
                op: step for op, step in self._in_flight.items() if event.args != (step.connection,)
            }
            self._in_flight = kept
            return
        self.members.take(entry)
        self._away.observe(event)
        if event.name == "disk.misdirected":
            _, wanted, landed, count = event.args
            self._taint(wanted, count)
            self._taint(landed, count)

    def _taint(self, block: int, count: int) -> None:
        first = block - self._offset
        self._tainted.append(range(first, first + count))

    def is_tainted(self, step: Changing) -> bool:
        """Return whether a disk has changed one of its blocks silently."""
        return any(
            step.slba < span.stop and span.start < step.slba + step.blocks for span in self._tainted
        )

    def is_away(self, disk: int) -> bool:
        """Return whether the disk was pulled, so that the target may know another device in its place."""
        return disk in self._away

    def wanted(self, step: Changing) -> list[int]:
        """Return the disks that must hold the change."""
        members = self.members
        disks = [disk for disk in members.disks if disk not in self._away]
        is_rebuilt = step.slba + step.blocks <= members.copied
        if members.target >= 0 and members.target not in self._away and is_rebuilt:
            disks.append(members.target)
        return disks


def check_copies(execution: Execution) -> list[Finding]:
    """Compare, for each acknowledged change, the disks that must hold it with those that do."""
    holders = Holders(execution.plan)
    for entry in execution.history:
        holders.take(entry)
        if entry.__class__ is not Completed or entry.copies == NOT_LOOKED:
            continue
        step = holders.changes[entry.op]
        if holders.is_tainted(step) or holders.has_met_another(step):
            continue
        lacking = [disk for disk in holders.wanted(step) if not entry.copies & 1 << disk]
        if lacking or not entry.copies:
            return [_finding(step, entry, lacking, holders.members.target)]
    return []


def _finding(step: Changing, entry: Completed, lacking: list[int], target: int) -> Finding:
    what = type(step).__name__.lower()
    where = blocks(step.slba, step.blocks)
    if not entry.copies:
        kind, shown = "nowhere", "no disk holds it"
    elif lacking == [target]:
        kind, shown = "rebuild target", f"disk {target} lacks it, where the rebuild has passed"
    else:
        kind = "member"
        shown = "; ".join(f"disk {disk} lacks it and may be read" for disk in lacking)
    return Finding(
        check="copies",
        kind=kind,
        shape=what,
        summary=f"{what} op {step.op} of host {step.host} ({where}) was acknowledged, but {shown}",
        step=entry.number,
        verdict=Verdict.INVALID,
        ops=[step.op],
    )
