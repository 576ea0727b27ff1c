"""Changes that were in flight together come to all members in one order (C16).

A host that has lost its session may change blocks again while its old request still waits in the target. Then both orders
are right. But when both have ended, the members must agree, and once a read has shown which change came last, no later
read may show the other. Only changes are judged that were acknowledged, or that nothing can have kept from some members.
"""

from __future__ import annotations

import msgspec

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import MOVES, Members
from chaos.checkers.pulled_disks import PulledDisks
from chaos.run.execution import Execution
from chaos.steps.history import Compared, Completed, EngineEvent, Entry, Invoked
from chaos.steps.payload import NEVER_WRITTEN
from chaos.steps.schedule import (
    CHANGING,
    Admin,
    Changing,
    Inject,
    Kill,
    PowerLoss,
    Read,
    Unmap,
    WriteZeroes,
)
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType
from workers.nvmf.status import AdminOpcode, NvmeStatus
from workers.protocol import Event

CONNECTION_ENDED = "nvmf.qpair_destroyed"
BROKEN = -1  # before any step that disturbs
LEAVING = ("disk_pull", "bdev_delete")
SUCCESS = int(NvmeStatus.SUCCESS)
# After one of these, a change in flight may fail on some members, or on all.
DISTURBING = frozenset(
    ("bdev.resetting", "bdev.unregistering", "raid.member_failed", "raid.removing_member")
)
FAILING = {"disk.fault": FaultKind.ERROR, "bdev.error_injected": ErrorType.FAILURE}
CORRUPTING = "disk.misdirected"
RELEVANT = DISTURBING | MOVES | FAILING.keys() | {CORRUPTING, CONNECTION_ENDED}
ZEROING = (Unmap, WriteZeroes)


class Group(msgspec.Struct, gc=False):
    """The changes of a block that were in flight together."""

    ops: list[int]
    values: list[int]  # what the blocks hold after each of them
    in_flight: int
    is_whole: bool = True  # each is on all members or on none
    shown: int | None = None  # the value that a read has shown after their end
    shown_by: int = 0  # that read's op


class Order:
    """The groups of all blocks, followed along a history."""

    def __init__(self) -> None:
        self.members = Members()
        self.away = PulledDisks()
        self.groups: dict[int, Group] = {}  # LBA -> the changes that were in flight together last
        self._in_flight: dict[int, Changing] = {}
        self._changing = 0  # a bit for each block with a change in flight
        self._looking: dict[int, Read] = {}  # reads of blocks whose changes had ended by then
        self._disturbed = 0  # the last step that may have kept a change from some members
        self._begun: dict[
            int, int
        ] = {}  # op -> the step that sent it; BROKEN: an abort has named it

    def take(self, entry: Entry) -> Finding | None:
        """Follow the next entry; return a finding if it is a read that contradicts an earlier one."""
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
            self._sent(entry.number, step)
        elif step.__class__ is Read:
            if self.groups and not self._changing & _mask(step):
                self._looking[step.op] = step
        elif step.__class__ is Inject:
            self.away.injected(step)
            if step.fault in LEAVING:
                self._disturbed = entry.number
            if step.fault == "bit_rot":
                self.groups.clear()
        elif step.__class__ is Admin and step.opcode == AdminOpcode.ABORT:
            self._begun[step.second] = BROKEN
        elif step.__class__ in (Kill, PowerLoss):
            self.members.take(entry)
            self.groups.clear()
            self._in_flight.clear()
            self._looking.clear()
            self._changing = 0

    def _observe(self, entry: EngineEvent) -> None:
        event = entry.event
        if event.name == CONNECTION_ENDED:
            for op, step in list(self._in_flight.items()):
                if step.connection == event.args[0]:
                    self._ended(op, is_whole=self._disturbed < self._begun[op])
        elif event.name == CORRUPTING:
            self.groups.clear()
        else:
            if event.name in DISTURBING or self._fails_a_change(event):
                self._disturbed = entry.number
            self.members.take(entry)
            self.away.observe(event)

    @staticmethod
    def _fails_a_change(event: Event) -> bool:
        return (
            event.name in FAILING
            and event.args[1] == FAILING[event.name]
            and event.args[2] in (IoType.WRITE, IoType.UNMAP)
        )

    # Changes.

    def _sent(self, number: int, step: Changing) -> None:
        mask = _mask(step)
        if self._changing & mask or self.groups:
            for lba in _span(step):
                if self._changing >> lba & 1:
                    self._join(lba, step)
                else:
                    self.groups.pop(lba, None)
        self._changing |= mask
        self._in_flight[step.op] = step
        self._begun[step.op] = number
        self._looking = {
            op: read
            for op, read in self._looking.items()
            if read.slba >= step.slba + step.blocks or step.slba >= read.slba + read.blocks
        }

    def _join(self, lba: int, step: Changing) -> None:
        """Put a change into the group of those in flight there."""
        group = self.groups.get(lba)
        if group is None:
            there = [other for other in self._in_flight.values() if lba in _span(other)]
            ops, values = [other.op for other in there], [_value(other) for other in there]
            group = self.groups[lba] = Group(ops, values, len(there))
        group.ops.append(step.op)
        group.values.append(_value(step))
        group.in_flight += 1

    def _ended(self, op: int, *, is_whole: bool) -> None:
        step = self._in_flight.pop(op)
        self._changing = 0
        for other in self._in_flight.values():
            self._changing |= _mask(other)
        for lba in _span(step) if self.groups else ():
            group = self.groups.get(lba)
            if group is not None and op in group.ops:
                group.in_flight -= 1
                group.is_whole = group.is_whole and is_whole

    # What shows their order.

    def _answered(self, entry: Completed) -> Finding | None:
        if entry.op in self._in_flight:
            self._ended(entry.op, is_whole=entry.status == SUCCESS)
            return None
        read = self._looking.pop(entry.op, None)
        if read is None or entry.status != SUCCESS:
            return None
        for lba, value in zip(_span(read), entry.values, strict=False):
            group = self.groups.get(lba)
            if group is None or not _is_over(group) or value not in group.values:
                continue
            if group.shown is None:
                group.shown, group.shown_by = value, read.op
            elif value != group.shown and read.op > group.shown_by:
                return _flipped(read, entry, lba, value, group)
        return None

    def compare(self, entry: Compared) -> Finding | None:
        """Compare the members at the end of a rebuild."""
        there = [disk for disk in self.members.disks if disk not in self.away]
        return self.compare_disks(there, entry.blocks, "end of a rebuild", entry.number)

    def compare_disks(
        self, disks: list[int], contents: list[list[int]], when: str, number: int
    ) -> Finding | None:
        """Return the first block whose members don't agree on the last of several changes."""
        for lba, group in sorted(self.groups.items()):
            values = {disk: contents[disk][lba] for disk in sorted(disks)}
            held = list(values.values())
            is_one_of_them = all(value in group.values for value in held)
            if _is_over(group) and is_one_of_them and held.count(held[0]) < len(held):
                return _differs(lba, group, values, when, number)
        return None


def check_order(execution: Execution) -> list[Finding]:
    """Judge each block that two changes in flight at the same time have changed."""
    order = Order()
    for entry in execution.history:
        finding = order.take(entry)
        if entry.__class__ is Compared and entry.after == "rebuild.finished":
            finding = order.compare(entry)
        if finding is not None:
            return [finding]
    if not execution.settled:
        return []
    disks = order.members.disks
    found = order.compare_disks(disks, execution.disks, "end of run", execution.steps)
    return [] if found is None else [found]


def _value(step: Changing) -> int:
    """Return what its blocks hold afterwards."""
    return NEVER_WRITTEN if step.__class__ in ZEROING else step.op


def _words(value: int | None) -> str:
    return f"op {value}" if value else "zeroes"


def _is_over(group: Group) -> bool:
    return group.is_whole and group.in_flight == 0


def _flipped(read: Read, entry: Completed, lba: int, value: int, group: Group) -> Finding:
    return Finding(
        check="order",
        kind="flipped",
        shape="read",
        summary=(
            f"read op {read.op} of host {read.host} got {_words(value)} in block {lba}, but op {group.shown_by} had read "
            f"{_words(group.shown)} there when all changes had ended"
        ),
        step=entry.number,
        verdict=Verdict.INVALID,
        ops=[*group.ops, group.shown_by, read.op],
        blocks=(lba, lba),
    )


def _differs(lba: int, group: Group, values: dict[int, int], when: str, number: int) -> Finding:
    shown = ", ".join(f"disk {disk}: {_words(value)}" for disk, value in values.items())
    ops = ", ".join(f"op {op}" for op in group.ops)
    return Finding(
        check="order",
        kind="divergence",
        shape=when,
        summary=(
            f"block {lba} was changed by {ops}, in flight together; all have ended, and the members "
            f"don't agree which came last: {shown}"
        ),
        step=number,
        verdict=Verdict.INVALID,
        ops=list(group.ops),
        blocks=(lba, lba),
    )


def _mask(step: Changing | Read) -> int:
    """Return a bit for each of its blocks."""
    return ((1 << step.blocks) - 1) << step.slba


def _span(step: Changing | Read) -> range:
    return range(step.slba, step.slba + step.blocks)
