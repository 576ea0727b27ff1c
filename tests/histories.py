"""Small random histories of a mirrored register, drawn from a simulated pair of disks; and ways to corrupt them.

Independent of engine and check: each disk takes each block of a change when a coin says so, a read looks at either disk
whenever it likes, an acknowledged change is on both. Such histories are valid by construction.
"""

from __future__ import annotations

import msgspec

from chaos.base.prng import Stream
from chaos.steps.history import Completed, EngineEvent, Entry, History, Invoked
from chaos.steps.payload import FOREIGN, MISDIRECTED, NEVER_WRITTEN, TORN
from chaos.steps.schedule import (
    CHANGING,
    CompareAndWrite,
    Flush,
    Inject,
    Kill,
    PowerLoss,
    Read,
    Step,
    Unmap,
    Write,
)
from workers.nvmf.status import NvmeStatus
from workers.protocol import Event

BLOCKS = 2
UNKNOWN_OP = 77
STEPS = (12, 44)
ERROR = int(NvmeStatus.INTERNAL_DEVICE_ERROR)
MISCOMPARE = int(NvmeStatus.COMPARE_FAILURE)


class Disk:
    """The content of a medium, now and after a power loss."""

    def __init__(self) -> None:
        self.now = [NEVER_WRITTEN] * BLOCKS
        self.safe = [NEVER_WRITTEN] * BLOCKS


class Simulation:
    """Draws one history."""

    def __init__(self, stream: Stream, data_offset: int) -> None:
        self.stream = stream
        self.data_offset = data_offset
        self.history: History = []
        self.disks = (Disk(), Disk())
        self.pending: dict[int, Step] = {}
        self.connections = [1, 2]
        self.op = 0
        # The rare kinds come only a few times in each history, so that later ones don't cover their effects.
        self.kinds = [kind for kind in RARE if stream.chance(1, 4)]
        self.unanswered: dict[int, Step] = {}  # they may still land until their connection ends

    def run(self) -> History:
        for _ in range(self.stream.between(*STEPS)):
            self._act()
        return self.history

    def _act(self) -> None:
        stream = self.stream
        draw = stream.integer_below(20)
        if draw < 7 or not self.pending:
            self._send()
        elif draw < 11:
            for step in [*self.pending.values(), *self.unanswered.values()]:
                if isinstance(step, CHANGING) and stream.chance(1, 2):
                    self._land(step, whole=False)
        elif draw < 18:
            self._answer(stream.choice(list(self.pending)))
        elif self.kinds:
            getattr(self, "_" + stream.choice(self.kinds))()

    # Requests.

    def _send(self) -> None:
        self.op += 1
        stream, op = self.stream, self.op
        connection = stream.choice(self.connections)
        slba = stream.integer_below(BLOCKS)
        blocks = 1 + stream.integer_below(BLOCKS - slba)
        where = (op, 0, connection, 1, slba, blocks)
        draw = stream.integer_below(20)
        if draw < 9:
            step: Step = Read(*where)
        elif draw < 16:
            step = Write(*where, stream.chance(1, 4))
        elif draw < 18 and "unmap" in self.kinds:
            step = Unmap(*where)
        elif draw < 19 and "compare" in self.kinds:
            step = CompareAndWrite(*where, 0, max(0, stream.choice(self.disks).now[slba]))
        else:
            step = Flush(op, 0, connection, 1)
        self.pending[op] = step
        self._invoke(step)

    def _land(self, step: Step, *, whole: bool) -> None:
        """Write the operation to each disk, block by block."""
        if isinstance(step, CompareAndWrite):
            return  # performed at once, when it is answered
        value = NEVER_WRITTEN if isinstance(step, Unmap) else step.op
        self._store(step, value, whole=whole)

    def _store(self, step: Step, value: int, *, whole: bool) -> None:
        for disk in self.disks:
            for lba in range(step.slba, step.slba + step.blocks):
                if whole or self.stream.chance(1, 2):
                    disk.now[lba] = value
                    if getattr(step, "fua", False):
                        disk.safe[lba] = value

    def _answer(self, op: int) -> None:
        step = self.pending.pop(op)
        status, values = 0, []
        if self.stream.chance(1, 6):
            status = ERROR
        elif isinstance(step, Read):
            span = range(step.slba, step.slba + step.blocks)
            values = [self.stream.choice(self.disks).now[lba] for lba in span]
        elif isinstance(step, Flush):
            for disk in self.disks:
                disk.safe = list(disk.now)
        elif isinstance(step, CompareAndWrite):
            span = range(step.slba, step.slba + step.blocks)
            found = [self.stream.choice(self.disks).now[lba] for lba in span]
            if found == [step.expected_op] * step.blocks:
                self._store(step, op, whole=True)
            else:
                status = MISCOMPARE
        else:
            self._land(step, whole=True)
        self._add(Completed(self._number(), op, status, 0, values))

    # Rare events; each name begins as in RARE.

    def _unmap(self) -> None:
        """Only allow that unmaps are drawn."""

    def _compare(self) -> None:
        """Only allow that compare-and-writes are drawn."""

    def _destroy(self) -> None:
        connection = self.connections.pop(0)
        self.connections.append(connection + 2)
        self._add(EngineEvent(self._number(), Event("nvmf.qpair_destroyed", 1, (connection,))))
        for requests in (self.pending, self.unanswered):
            for op in [op for op, step in requests.items() if step.connection == connection]:
                del requests[op]

    def _lose(self) -> None:
        """Lose an answer."""
        op = self.stream.choice(list(self.pending))
        self.unanswered[op] = self.pending.pop(op)

    def _kill(self) -> None:
        self._cut_short()
        self._invoke(Kill(98, ()))

    def _power(self) -> None:
        self._cut_short()
        self._invoke(PowerLoss(99, (), ()))
        for disk in self.disks:
            for lba in range(BLOCKS):
                if self.stream.chance(1, 2):
                    disk.now[lba] = disk.safe[lba]

    def _cut_short(self) -> None:
        for step in [*self.pending.values(), *self.unanswered.values()]:
            if isinstance(step, CHANGING):
                self._land(step, whole=False)
                if self.stream.chance(1, 3):
                    self._store(step, TORN, whole=False)
        self.pending.clear()
        self.unanswered.clear()

    def _rot(self) -> None:
        lba, disk = self.stream.integer_below(BLOCKS), self.stream.choice(self.disks)
        disk.now[lba] = disk.safe[lba] = FOREIGN
        self._invoke(Inject(97, "bit_rot", 0, (lba + self.data_offset,)))

    def _number(self) -> int:
        return len(self.history) + 1

    def _invoke(self, step: Step) -> None:
        self._add(Invoked(self._number(), step))

    def _add(self, entry: Entry) -> None:
        self.history.append(entry)


RARE = ("unmap", "compare", "destroy", "lose", "kill", "power", "rot")


def corrupt(history: History, stream: Stream) -> History:
    """Change one entry in a drawn way; the history may stay valid."""
    way = stream.choice(WAYS)
    return [
        msgspec.structs.replace(entry, number=number)
        for number, entry in enumerate(way(list(history), stream), 1)
    ]


def _other_value(history: History, stream: Stream) -> History:
    reads = {e.step.op: e.step for e in history if isinstance(e, Invoked) and _is_read(e)}
    writes = [e.step for e in history if isinstance(e, Invoked) and isinstance(e.step, Write)]

    def change(entry: Completed) -> Completed:
        values = list(entry.values)
        offset = stream.integer_below(len(values))
        lba = reads[entry.op].slba + offset
        ops = [step.op for step in writes if step.slba <= lba < step.slba + step.blocks]
        others = [step.op for step in writes if step.op not in ops]
        strange = [NEVER_WRITTEN, TORN, FOREIGN, MISDIRECTED, UNKNOWN_OP, *others[:1]]
        values[offset] = stream.choice(ops if ops and stream.chance(4, 5) else strange)
        return msgspec.structs.replace(entry, values=values)

    return _change_one(history, stream, change, lambda entry: bool(entry.values))


def _is_read(entry: Invoked) -> bool:
    return isinstance(entry.step, Read)


def _other_count(history: History, stream: Stream) -> History:
    def change(entry: Completed) -> Completed:
        return msgspec.structs.replace(
            entry, values=[*entry.values, NEVER_WRITTEN][stream.integer_below(3) :]
        )

    return _change_one(history, stream, change, lambda entry: bool(entry.values))


def _other_status(history: History, stream: Stream) -> History:
    def change(entry: Completed) -> Completed:
        status = stream.choice([s for s in (0, ERROR, MISCOMPARE) if s != entry.status])
        return msgspec.structs.replace(entry, status=status)

    return _change_one(history, stream, change, lambda entry: not entry.values)


def _change_one(history: History, stream: Stream, change, wanted) -> History:
    places = [n for n, e in enumerate(history) if isinstance(e, Completed) and wanted(e)]
    if places:
        place = stream.choice(places)
        history[place] = change(history[place])
    return history


def _drop(history: History, stream: Stream) -> History:
    places = [n for n, e in enumerate(history) if not isinstance(e, Invoked) or _is_rare(e)]
    if places:
        del history[stream.choice(places)]
    return history


def _is_rare(entry: Invoked) -> bool:
    return isinstance(entry.step, (Kill, PowerLoss, Inject))


def _move(history: History, stream: Stream) -> History:
    """Move one entry to another place, but not past its answer or its request."""
    if not history:
        return history
    source, place = stream.integer_below(len(history)), stream.integer_below(len(history))
    low, high = min(source, place), max(source, place)
    ops = [_op(entry) for entry in history[low : high + 1]]
    if ops.count(_op(history[source])) > 1 and _op(history[source]) is not None:
        return history
    history.insert(place, history.pop(source))
    return history


def _op(entry: Entry) -> int | None:
    if isinstance(entry, Completed):
        return entry.op
    return entry.step.op if isinstance(entry, Invoked) and not _is_rare(entry) else None


WAYS = (*[_other_value] * 6, *[_other_status] * 2, _drop, *[_move] * 3, _other_count)
