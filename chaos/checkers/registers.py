"""The possible data of each block of the namespace, from the changes that were sent, answered, or cut off.

A block is a register. Nearly always it holds the newest acknowledged change, with at most one more in flight. That is a number
in a list and a bit in a mask, and a request's blocks are compared with them as a whole. A block has a dict of candidates only
if more is possible: several changes in flight, one that failed or was never answered, a power loss. An acknowledged change
that supersedes all others ends that.
"""

from __future__ import annotations

import msgspec

from chaos.steps.payload import NEVER_WRITTEN, TORN
from chaos.steps.schedule import Changing, Unmap, Write, WriteZeroes

BEFORE_ALL = -1
ZEROING = (Unmap, WriteZeroes)  # the blocks read zero afterwards
Candidates = dict[int, int | None]  # op -> history index of its end; None: it may still land


class Change(msgspec.Struct, gc=False):
    """A request that changes blocks: the history indices of its beginning and its end (None: it may still land)."""

    begun: int
    step: Changing
    mask: int  # a bit for each of its blocks
    end: int | None = None
    is_void: bool = False  # its answer says that it has changed nothing


class Registers:
    """The changes whose value a block may hold, for each block."""

    def __init__(self, blocks: int, *, data_offset: int = 0, tracks_power: bool = True) -> None:
        self.blocks = blocks
        self.data_offset = data_offset
        self.changes: dict[int, Change] = {}  # all of them, by op
        self.in_flight: dict[int, Change] = {}
        # Per block the value of its newest acknowledged change: an op, or NEVER_WRITTEN.
        self.held = [NEVER_WRITTEN] * blocks
        self._changing = 0  # a bit for each block with a change in flight, or with candidates
        self._uncertain = 0  # a bit for each block that has candidates
        self.tainted: dict[int, int] = {}  # LBA -> history index
        self._several: dict[int, Candidates] = {}  # LBA -> candidates
        # Candidates where only durable changes supersede others; kept only if power is lost in this history.
        self._durable: list[Candidates] = (
            [{NEVER_WRITTEN: BEFORE_ALL} for _ in range(blocks)] if tracks_power else []
        )
        self._volatile: dict[int, int] = {}  # op -> acknowledged at, in this order
        self._last_taint: dict[int, int] = {}  # stays after the block has been overwritten
        self._superseded: dict[tuple[int, int], int] = {}  # (op, LBA) of a candidate -> when
        # Several ops leave zeroes: the newest acknowledged one that did, and when such a one was superseded.
        self._zeroed_by: dict[int, int] = {}
        self._zeroes_superseded: dict[int, int] = {}

    # Changes of blocks.

    def sent(self, index: int, step: Changing) -> None:
        """Start a change, which may land from now on."""
        op = step.op
        mask = ((1 << step.blocks) - 1) << step.slba
        if self._changing & mask:
            for lba in _span(step):
                if self._changing >> lba & 1:
                    self._spread(lba)[op] = None
        self._changing |= mask
        self.changes[op] = self.in_flight[op] = Change(index, step, mask)
        if self._durable:
            for lba in _span(step):
                self._durable[lba][op] = None

    def acknowledged(self, index: int, change: Change) -> None:
        """Acknowledge a change: it supersedes all that ended before it began."""
        step = change.step
        op = value = step.op
        del self.in_flight[op]
        change.end = index
        held, first = self.held, step.slba
        last = first + step.blocks
        if self._zeroed_by and NEVER_WRITTEN in held[first:last]:
            self._zeroes_went(index, range(first, last))
        if step.__class__ in ZEROING:
            value = NEVER_WRITTEN
            self._zeroed_by |= dict.fromkeys(range(first, last), op)
        for lba in range(first, last):
            held[lba] = value
        if self._uncertain & change.mask:
            for lba in _span(step):
                if self._uncertain >> lba & 1:
                    self._several[lba][op] = index
                    self._supersede(index, lba, change.begun)
                else:
                    self._changing &= ~(1 << lba)
        else:
            self._changing ^= change.mask
        if self._durable:
            self._acknowledged_volatile(index, op, change)
        elif self.tainted:
            self._cleanse(_span(step), change.begun)

    def ended(self, index: int, change: Change) -> None:
        """End a change without an acknowledgement: it may have landed, but can't land any more."""
        op = change.step.op
        for lba in _span(change.step):
            self._spread(lba)[op] = index
            if self._durable:
                self._durable[lba][op] = index
        del self.in_flight[op]
        change.end = index

    def never_landed(self, index: int, change: Change) -> None:
        """Drop a change whose answer says that it changed nothing (a compare that didn't match)."""
        op = change.step.op
        for lba in _span(change.step):
            del self._spread(lba)[op]
            self._settle(lba)
            if self._durable:
                del self._durable[lba][op]
        del self.in_flight[op]
        change.end, change.is_void = index, True

    def flushed(self, sent: int, there: range) -> None:
        """Make durable what had been acknowledged in these blocks when a flush of them that succeeded was sent."""
        acknowledged = [
            op
            for op, when in self._volatile.items()
            if when < sent and self.changes[op].step.slba in there
        ]
        for op in reversed(
            acknowledged
        ):  # the newest first, which leaves little to do for the others
            self._made_durable(op)

    def connection_ended(self, index: int, connection: int) -> None:
        """End the connection's unanswered changes: they can't land any more."""
        for change in list(self.in_flight.values()):
            if change.step.connection == connection:
                self.ended(index, change)

    def target_killed(self, index: int) -> None:
        """End all changes; one that was cut short may have left a torn block."""
        for change in list(self.in_flight.values()):
            self.ended(index, change)
            for lba in _span(change.step):
                self._several[lba][TORN] = index
                if self._durable:
                    self._durable[lba][TORN] = index

    def power_lost(self, index: int) -> None:
        """Make all changes that are not durable uncertain, until one supersedes them."""
        self.target_killed(index)
        self._volatile.clear()
        for lba, durable in enumerate(self._durable):
            self._spread(lba)
            self._several[lba] = dict(durable)
            self._settle(lba)

    def taint(self, index: int, disk_block: int, count: int = 1) -> None:
        """Taint silently corrupted blocks of a disk: reads of them may return anything."""
        first = disk_block - self.data_offset
        for lba in range(first, first + count):
            if lba in range(self.blocks):
                self.tainted[lba] = self._last_taint[lba] = index

    # Allowed values.

    def candidates_of(self, lba: int) -> Candidates:
        """Return the changes whose value the block may hold now."""
        if self._uncertain >> lba & 1:
            return self._several[lba]
        # A settled block's change ended before all changes in flight were sent, so any earlier index will do.
        settled: Candidates = {self._newest(lba): BEFORE_ALL}
        if self._changing >> lba & 1:
            writer = next(op for op, change in self.in_flight.items() if change.mask >> lba & 1)
            settled[writer] = None
        return settled

    @property
    def newest_acknowledged(self) -> list[int]:
        """The op acknowledged last, or NEVER_WRITTEN, per block."""
        return [self._newest(lba) for lba in range(self.blocks)]

    def allowed(self, lba: int) -> tuple[int, ...]:
        """Return the values that a read sent now may return; zeroing changes leave NEVER_WRITTEN."""
        values = (
            NEVER_WRITTEN if self._leaves_zeroes(op) else op for op in self.candidates_of(lba)
        )
        return tuple(dict.fromkeys(values))

    def may_return(self, lba: int, value: int, sent: int, held: int) -> bool:
        """Return whether a read answered now may return this value; it was sent at this index, when the block held ``held``."""
        if value == held or self._last_taint.get(lba, BEFORE_ALL) > sent:
            return True
        if value == NEVER_WRITTEN:
            return self._may_return_zeroes(lba, sent)
        if value != TORN:
            if not self.covers(value, lba):
                return False
            change = self.changes[value]
            if change.is_void:
                return False
            if change.begun > sent or (change.begun < sent and is_open_at(change, sent)):
                return True
        return (
            value in self._several.get(lba, ()) or self._superseded.get((value, lba), sent) > sent
        )

    def covers(self, op: int, lba: int) -> bool:
        """Return whether this op writes data to the block."""
        change = self.changes.get(op)
        return (
            change is not None
            and change.step.__class__ not in ZEROING
            and lba in _span(change.step)
        )

    def _may_return_zeroes(self, lba: int, sent: int) -> bool:
        superseded = self._zeroes_superseded.get(lba, BEFORE_ALL)
        return superseded > sent or NEVER_WRITTEN in self.allowed(lba)

    # Candidates.

    def _newest(self, lba: int) -> int:
        return self.held[lba] or self._zeroed_by.get(lba, NEVER_WRITTEN)

    def _spread(self, lba: int) -> Candidates:
        """Give a settled block candidates, since more than one change may be in flight there."""
        candidates = self._several[lba] = self.candidates_of(lba)
        self._uncertain |= 1 << lba
        self._changing |= 1 << lba
        return candidates

    def _supersede(self, index: int, lba: int, begun: int) -> None:
        candidates = self._several[lba]
        for op in _ended_before(candidates, begun):
            del candidates[op]
            self._superseded[op, lba] = index
            if self._leaves_zeroes(op):
                self._zeroes_superseded[lba] = index
        self._settle(lba)

    def _settle(self, lba: int) -> None:
        if len(self._several[lba]) == 1:  # the acknowledged change alone is left
            del self._several[lba]
            self._uncertain &= ~(1 << lba)
            self._changing &= ~(1 << lba)

    def _zeroes_went(self, index: int, span: range) -> None:
        for lba in span:
            if self.held[lba] == NEVER_WRITTEN:
                self._zeroes_superseded[lba] = index

    def _leaves_zeroes(self, op: int) -> bool:
        return op == NEVER_WRITTEN or (op != TORN and self.changes[op].step.__class__ in ZEROING)

    # Durability, and the end of silent corruption.

    def _acknowledged_volatile(self, index: int, op: int, change: Change) -> None:
        for lba in _span(change.step):
            self._durable[lba][op] = index
        self._volatile[op] = index
        if isinstance(change.step, Write) and change.step.fua:
            self._made_durable(op)

    def _made_durable(self, op: int) -> None:
        del self._volatile[op]
        change = self.changes[op]
        for lba in _span(change.step):
            durable = self._durable[lba]
            for superseded in _ended_before(durable, change.begun):
                del durable[superseded]
        self._cleanse(
            _span(change.step), change.begun
        )  # not before, because a power loss would restore the corrupted data

    def _cleanse(self, span: range, begun: int) -> None:
        for lba in span:
            if self.tainted.get(lba, begun) < begun:
                del self.tainted[lba]


def is_open_at(change: Change, index: int) -> bool:
    """Return whether the change, begun before, had not ended by then."""
    return change.end is None or change.end > index


def _span(step: Changing) -> range:
    return range(step.slba, step.slba + step.blocks)


def _ended_before(candidates: Candidates, begun: int) -> list[int]:
    return [op for op, end in candidates.items() if end is not None and end < begun]
