"""A general search for linearizations, slow and plain: the measure for the register check."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.steps.history import Completed, EngineEvent, History, Invoked
from chaos.steps.payload import NEVER_WRITTEN, TORN
from chaos.steps.schedule import (
    CHANGING,
    CompareAndWrite,
    Flush,
    Inject,
    Kill,
    PowerLoss,
    Read,
    Unmap,
    WriteZeroes,
)
from workers.nvmf.status import NvmeStatus

NEVER = 1 << 60


@dataclass
class Operation:
    """A change of a range of blocks, or a read of it, from its beginning to its end."""

    step: object
    value: int
    begin: int
    end: int = NEVER
    status: int | None = None
    durable: int = NEVER
    values: list[int] | None = None

    def covers(self, lba: int) -> bool:
        return self.step.slba <= lba < self.step.slba + self.step.blocks

    @property
    def acknowledged(self) -> bool:
        return self.status == NvmeStatus.SUCCESS


@dataclass
class Past:
    """A history as operations."""

    changes: list[Operation]
    looks: list[Operation]
    power_losses: list[int]
    taints: list[tuple[int, int]]  # (when, LBA)

    def is_mandatory(self, change: Operation, at: int) -> bool:
        """Return whether an order that explains a read sent then must contain this change."""
        lost = any(change.end < loss < at and change.durable > loss for loss in self.power_losses)
        return change.acknowledged and not lost

    def is_tainted(self, lba: int, begin: int, end: int) -> bool:
        if any(begin < when < end for when, tainted in self.taints if tainted == lba):
            return True
        latest = max(
            (when for when, tainted in self.taints if tainted == lba and when < begin), default=None
        )
        if latest is None:
            return False
        return not any(
            change.covers(lba)
            and change.acknowledged
            and change.begin > latest
            and (change.durable if self.power_losses else change.end) < begin
            for change in self.changes
        )


def wrong_blocks(history: History, data_offset: int) -> list[tuple[int, int]]:
    """Return (op, LBA) of all values that no order explains; the first LBA for a read of too few or too many blocks."""
    past = _operations(history, data_offset)
    wrong = []
    for look in past.looks:
        if not look.acknowledged:
            continue
        if len(look.values) != look.step.blocks:
            wrong.append((look.step.op, look.step.slba))
            continue
        for lba, value in enumerate(look.values, look.step.slba):
            if not past.is_tainted(lba, look.begin, look.end) and not _explains(
                past, look, lba, value
            ):
                wrong.append((look.step.op, lba))
    return wrong


def _explains(past: Past, look: Operation, lba: int, wanted: int) -> bool:
    """Return whether there is an order in which the read returns this value."""
    changes = [
        change
        for change in past.changes
        if change.covers(lba) and change.begin < look.end and change.step is not look.step
    ]
    mandatory = [past.is_mandatory(change, look.begin) for change in changes]
    open_ = [(frozenset(), NEVER_WRITTEN, -1)]
    seen = set(open_)
    while open_:
        placed, value, latest_begin = open_.pop()
        waiting = [number for number in range(len(changes)) if number not in placed]
        first_end = min((changes[n].end for n in waiting if mandatory[n]), default=NEVER)
        if value == wanted and first_end > look.begin and latest_begin < look.end:
            return True
        for number in waiting:
            change = changes[number]
            if change.begin > first_end or change.end < latest_begin:
                continue
            state = (placed | {number}, change.value, max(latest_begin, change.begin))
            if state not in seen:
                seen.add(state)
                open_.append(state)
    return False


def _operations(history: History, data_offset: int) -> Past:
    past = Past([], [], [], [])
    under_way: dict[int, list[Operation]] = {}
    flushes: dict[int, int] = {}
    for index, entry in enumerate(history):
        if isinstance(entry, Completed):
            for operation in under_way.pop(entry.op, ()):
                _answer(past, operation, index, entry)
            if entry.op in flushes:
                sent = flushes.pop(entry.op)
                if entry.status == NvmeStatus.SUCCESS:
                    _flush(past, sent, index)
        elif isinstance(entry, EngineEvent) and entry.event.name == "nvmf.qpair_destroyed":
            _end_changes(past, under_way, index, entry.event.args[0])
        elif isinstance(entry, Invoked):
            match entry.step:
                case Flush() as step:
                    flushes[step.op] = index
                case Kill() | PowerLoss() as step:
                    torn = [change for change in past.changes if change.end == NEVER]
                    _end_changes(past, under_way, index, None)
                    past.changes += [Operation(change.step, TORN, index, index) for change in torn]
                    if isinstance(step, PowerLoss):
                        past.power_losses.append(index)
                    under_way.clear()
                    flushes.clear()
                case Inject(fault="bit_rot") as step:
                    past.taints.append((index, step.args[0] - data_offset))
                case step:
                    under_way[step.op] = _begin(past, step, index)
    return past


def _begin(past: Past, step: object, index: int) -> list[Operation]:
    """Begin a request; a compare-and-write is both, a read and a change."""
    begun = []
    if isinstance(step, CHANGING):
        zeroes = isinstance(step, (Unmap, WriteZeroes))
        begun.append(Operation(step, NEVER_WRITTEN if zeroes else step.op, index))
        past.changes += begun
    if isinstance(step, (Read, CompareAndWrite)):
        expected = [step.expected_op] * step.blocks if isinstance(step, CompareAndWrite) else None
        look = Operation(step, NEVER_WRITTEN, index, values=expected)
        past.looks.append(look)
        begun.append(look)
    return begun


def _flush(past: Past, sent: int, index: int) -> None:
    for change in past.changes:
        lost = any(change.end < loss < index for loss in past.power_losses)
        if change.end < sent and change.acknowledged and not lost:
            change.durable = min(change.durable, index)


def _answer(past: Past, operation: Operation, index: int, entry: Completed) -> None:
    operation.end, operation.status = index, entry.status
    if any(operation is look for look in past.looks):
        if operation.values is None:
            operation.values = entry.values
    elif isinstance(operation.step, CompareAndWrite) and entry.status == NvmeStatus.COMPARE_FAILURE:
        past.changes = [change for change in past.changes if change is not operation]
    elif getattr(operation.step, "fua", False) and operation.acknowledged:
        operation.durable = index


def _end_changes(
    past: Past, under_way: dict[int, list[Operation]], index: int, connection: int | None
) -> None:
    """End the unanswered changes of a connection (None: of all): they can't land any more, and answers don't count."""
    for change in past.changes:
        if change.end == NEVER and connection in (None, change.step.connection):
            change.end = index
            answered = under_way.get(change.step.op, [])
            under_way[change.step.op] = [one for one in answered if one is not change]
