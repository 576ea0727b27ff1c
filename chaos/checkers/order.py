"""Changes that were in flight together come to all members in one order (C16).

A host that has lost its session may change blocks again while its old request still waits in the target. Then both orders
are right. But when both have ended, the members must agree, and once a read has shown which change came last, no later
read may show the other. Only changes are judged that were acknowledged, or that nothing can have kept from some members.

The members are compared when the last of the changes is acknowledged, at the end of each rebuild, and at the end of the run.
"""

from __future__ import annotations

import msgspec

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import MOVES, Members
from chaos.checkers.pulled_disks import PulledDisks
from chaos.plan.faults import SILENT_FAULTS
from chaos.run.execution import Execution
from chaos.steps.block_words import blocks
from chaos.steps.history import (
    CONNECTION_ENDED,
    NOT_LOOKED,
    Compared,
    Completed,
    EngineEvent,
    Entry,
    Invoked,
)
from chaos.steps.schedule import CHANGING, Admin, Changing, Inject, Kill, PowerLoss, Read
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType
from workers.nvmf.status import AdminOpcode, NvmeStatus
from workers.protocol import Event

SUCCESS = int(NvmeStatus.SUCCESS)
RESET_BEGINS, RESET_ENDS = "bdev.resetting", "bdev.reset"
# At one of these, a change in flight may fail on some members only.
DISTURBING = frozenset(
    (RESET_BEGINS, "bdev.unregistering", "raid.member_failed", "raid.removing_member")
)
FAILING = {"disk.fault": FaultKind.ERROR, "bdev.error_injected": ErrorType.FAILURE}
RELEVANT = DISTURBING | MOVES | FAILING.keys() | {CONNECTION_ENDED, RESET_ENDS}


class Group(msgspec.Struct, gc=False):
    """The changes of a block that were in flight together, without those that may have ended on some members only."""

    ops: list[int]
    is_whole: bool = True  # none of them did
    shown: int = 0  # the op that a read has shown after their end
    shown_by: int = 0  # that read's op


class Order:
    """The groups of all blocks, followed along a history."""

    def __init__(self) -> None:
        self.members = Members()
        self.away = PulledDisks()
        self.groups: dict[int, Group] = {}  # LBA -> the changes that were in flight together last
        self._in_flight: dict[int, Changing] = {}
        self._disturbed: dict[int, bool] = {}  # ops that may be on some members only
        self._resets: dict[tuple[int, ...], bool] = {}  # bdevs that are being reset
        self._looking: dict[int, Read] = {}  # reads of blocks whose changes had ended by then

    def take(self, entry: Entry) -> Finding | None:
        """Follow the next entry; return a finding if it is an answer that shows two orders."""
        # Classes are compared: isinstance asks a struct's metaclass, which is slow.
        if entry.__class__ is Completed:
            return self._answered(entry)
        if entry.__class__ is EngineEvent:
            if entry.event.name in RELEVANT:
                self._observe(entry)
        elif entry.__class__ is Invoked:
            self._invoked(entry)
        return None

    def _invoked(self, entry: Invoked) -> None:
        step = entry.step
        if step.__class__ in CHANGING:
            self._sent(step)
        elif step.__class__ is Read:
            if not self._changing() & _mask(step):
                self._looking[step.op] = step
        elif step.__class__ is Inject:
            self.away.injected(step)
        elif step.__class__ is Admin:
            if step.opcode == AdminOpcode.ABORT:
                self._disturbed[step.second] = True
        elif step.__class__ in (Kill, PowerLoss):
            self.members.take(entry)
            self._in_flight.clear()
            self._resets.clear()

    def _observe(self, entry: EngineEvent) -> None:
        event = entry.event
        if event.name == CONNECTION_ENDED:
            for op, step in list(self._in_flight.items()):
                if event.args == (step.connection,):
                    self._ended(op, is_whole=op not in self._disturbed)
            return
        if event.name in DISTURBING or _fails_a_write(event):
            self._disturb()
        if event.name == RESET_BEGINS:
            self._resets[event.args] = True
        elif event.name == RESET_ENDS:
            self._resets.pop(event.args, None)
        self.away.observe(event)
        if self.members.take(entry):
            self.groups.clear()  # what came before the array was down, such as a kill, may have cut changes short

    def _disturb(self) -> None:
        self._disturbed |= dict.fromkeys(self._in_flight, True)

    # Changes.

    def _sent(self, step: Changing) -> None:
        mask, changing = _mask(step), self._changing()
        for lba in _span(step):
            if changing >> lba & 1:
                self._join(lba, step.op)
            else:
                self.groups.pop(lba, None)
        self._in_flight[step.op] = step
        if self._resets:
            self._disturbed[step.op] = True
        self._looking = {op: read for op, read in self._looking.items() if not _mask(read) & mask}

    def _join(self, lba: int, op: int) -> None:
        """Put a change into the group of those in flight there."""
        if lba not in self.groups:
            there = [other for other, step in self._in_flight.items() if lba in _span(step)]
            self.groups[lba] = Group(there)
        self.groups[lba].ops.append(op)

    def _ended(self, op: int, *, is_whole: bool) -> None:
        step = self._in_flight.pop(op)
        for lba in () if is_whole else _span(step):
            if lba in self.groups:
                self.groups[lba].ops.remove(op)
                self.groups[lba].is_whole = False

    def _changing(self) -> int:
        """Return a bit for each block with a change in flight."""
        changing = 0
        for step in self._in_flight.values():
            changing |= _mask(step)
        return changing

    # What shows their order.

    def _answered(self, entry: Completed) -> Finding | None:
        step = self._in_flight.get(entry.op)
        if step is not None:
            self._ended(entry.op, is_whole=entry.status == SUCCESS)
            return self._acknowledged(entry, step) if entry.copies != NOT_LOOKED else None
        read = self._looking.pop(entry.op, None)
        if read is None:
            return None
        for lba, value in zip(_span(read), entry.values, strict=False):
            group = self.groups.get(lba)
            if group is None or value not in group.ops:
                continue
            if not group.shown:
                group.shown, group.shown_by = value, read.op
            elif value != group.shown:
                return _flipped(read, entry, lba, value, group)
        return None

    def _acknowledged(self, entry: Completed, step: Changing) -> Finding | None:
        """Judge a change that met others: where all have ended, it is on all members now, or on none."""
        groups = [self.groups[lba] for lba in _span(step) if lba in self.groups]
        if not all(group.is_whole for group in groups) or self._changing() & _mask(step):
            return None
        holds = {disk: entry.copies >> disk & 1 for disk in self._disks()}
        if groups and len(set(holds.values())) > 1:
            return _holds_partly(step, groups, holds, entry.number)
        return None

    def _disks(self) -> list[int]:
        """Return the members whose content proves something."""
        return [disk for disk in sorted(self.members.disks) if disk not in self.away]

    def compare(self, contents: list[list[int]], when: str, number: int) -> Finding | None:
        """Return the first block whose members don't agree on the last of several changes that have ended."""
        disks, changing = self._disks(), self._changing()
        for lba, group in sorted(self.groups.items()):
            held = {disk: contents[disk][lba] for disk in disks}
            last = dict.fromkeys(value for value in held.values() if value in group.ops)
            if len(last) > 1 and not changing >> lba & 1:
                return _differs(lba, group, held, when, number)
        return None


def check_order(execution: Execution) -> list[Finding]:
    """Judge each block that two changes in flight at the same time have changed."""
    order = Order()
    for entry in execution.history:
        if _is_silent(entry):
            return []  # from now on a member may lack a change, though no fault is the target's
        finding = order.take(entry)
        if entry.__class__ is Compared:
            finding = order.compare(entry.blocks, "end of a rebuild", entry.number)
        if finding is not None:
            return [finding]
    if not execution.settled:
        return []  # a removal that hangs leaves the array with a member that misses changes
    found = order.compare(execution.disks, "end of run", execution.steps)
    return [] if found is None else [found]


def _is_silent(entry: Entry) -> bool:
    """Return whether a disk begins to change data silently."""
    return (
        entry.__class__ is Invoked
        and entry.step.__class__ is Inject
        and entry.step.fault in SILENT_FAULTS
    )


def _fails_a_write(event: Event) -> bool:
    return (
        event.name in FAILING
        and event.args[1] == FAILING[event.name]
        and event.args[2] == IoType.WRITE
    )


def _flipped(read: Read, entry: Completed, lba: int, value: int, group: Group) -> Finding:
    return Finding(
        check="order",
        kind="flipped",
        shape="read",
        summary=(
            f"read op {read.op} of host {read.host} got op {value} in block {lba}, but op {group.shown_by} had read "
            f"op {group.shown} there when both writes had ended"
        ),
        step=entry.number,
        verdict=Verdict.INVALID,
        ops=[value, group.shown, group.shown_by, read.op],
        blocks=(lba, lba),
    )


def _differs(lba: int, group: Group, values: dict[int, int], when: str, number: int) -> Finding:
    shown = ", ".join(f"disk {disk}: op {value}" for disk, value in values.items())
    return Finding(
        check="order",
        kind="divergence",
        shape=when,
        summary=(
            f"block {lba} was changed by {_named(group.ops)}, in flight together; all have ended, and the members "
            f"don't agree which came last: {shown}"
        ),
        step=number,
        verdict=Verdict.INVALID,
        ops=list(group.ops),
        blocks=(lba, lba),
    )


def _holds_partly(
    step: Changing, groups: list[Group], holds: dict[int, int], number: int
) -> Finding:
    others = list(dict.fromkeys(op for group in groups for op in group.ops if op != step.op))
    shown = ", ".join(f"disk {disk} {'holds' if it else 'lacks'} it" for disk, it in holds.items())
    return Finding(
        check="order",
        kind="divergence",
        shape="acknowledgement",
        summary=(
            f"op {step.op} ({blocks(step.slba, step.blocks)}) was in flight together with {_named(others)}; all have "
            f"ended, and the members don't agree whether it came last: {shown}"
        ),
        step=number,
        verdict=Verdict.INVALID,
        ops=[*others, step.op],
        blocks=(step.slba, step.slba + step.blocks - 1),
    )


def _named(ops: list[int]) -> str:
    return ", ".join(f"op {op}" for op in ops)


def _mask(step: Changing | Read) -> int:
    """Return a bit for each of its blocks."""
    return ((1 << step.blocks) - 1) << step.slba


def _span(step: Changing | Read) -> range:
    return range(step.slba, step.slba + step.blocks)
