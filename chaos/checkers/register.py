"""Every block is a register: a read returns the newest acknowledged write, or one that may still land.

Linear in the history, because values are unique. What a read may return is fixed when it is sent: the writes
that no later acknowledged write has superseded by then; and any write sent while the read is out. It promises
regularity, not atomicity: during a write a mirror may answer with old or new data, which no RAID1 prevents.

Power loss takes back what was acknowledged and not yet durable (flushed, or written with FUA): from then on a block
may hold any write that no durable one has superseded. Silent corruption taints a block until it is overwritten.
"""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.controller import Execution
from chaos.history import Completed, Happened, History, Invoked
from chaos.payload import FOREIGN, MISDIRECTED, NEVER_WRITTEN, TORN
from chaos.plan import Plan
from chaos.schedule import (
    CHANGING,
    Changing,
    CompareAndWrite,
    Flush,
    Inject,
    Kill,
    PowerLoss,
    Read,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.nvmf.status import NvmeStatus

UNFINISHED = None
BEFORE_ALL = -1
Candidates = dict[int, int | None]  # op -> history index of its end


class Registers:
    """Per block, the changes whose value it may hold."""

    def __init__(self, blocks: int, *, data_offset: int = 0, tracks_power: bool = True) -> None:
        self.candidates: list[Candidates] = [{NEVER_WRITTEN: BEFORE_ALL} for _ in range(blocks)]
        # The same, where only durable changes supersede; kept only if power is lost in this history.
        self.durable: list[Candidates] = (
            [{NEVER_WRITTEN: BEFORE_ALL} for _ in range(blocks)] if tracks_power else []
        )
        self.newest_acknowledged = [NEVER_WRITTEN] * blocks
        self.begun: dict[int, int] = {NEVER_WRITTEN: BEFORE_ALL}
        self.changes: dict[int, Changing] = {}
        self.zeroing: dict[int, bool] = {NEVER_WRITTEN: True}  # ops that leave zeroes
        self.tainted: dict[int, int] = {}  # LBA -> history index
        self.data_offset = data_offset
        self._newest_zeroing = [BEFORE_ALL] * blocks  # history index of its beginning
        self._open: dict[int, dict[int, Changing]] = {}  # connection -> op -> unfinished change
        self._volatile: dict[int, tuple[int, Changing]] = {}  # op -> (acknowledged at, change)

    # What happens to blocks.

    def sent(self, index: int, step: Changing) -> None:
        """From now on the change may land."""
        self.begun[step.op] = index
        self.changes[step.op] = step
        self._open.setdefault(step.connection, {})[step.op] = step
        zeroes = isinstance(step, (Unmap, WriteZeroes))
        if zeroes:
            self.zeroing[step.op] = True
        for lba in range(step.slba, step.slba + step.blocks):
            self.candidates[lba][step.op] = UNFINISHED
            if self.durable:
                self.durable[lba][step.op] = UNFINISHED
            if zeroes:
                self._newest_zeroing[lba] = index

    def ended(self, index: int, step: Changing, *, acknowledged: bool) -> None:
        """The change won't land any more; an acknowledged one supersedes all that ended before it began."""
        self._open.get(step.connection, {}).pop(step.op, None)
        begun = self.begun[step.op]
        for lba in range(step.slba, step.slba + step.blocks):
            self.candidates[lba][step.op] = index
            if self.durable:
                self.durable[lba][step.op] = index
            if acknowledged:
                self.newest_acknowledged[lba] = step.op
                _supersede(self.candidates[lba], begun)
                if not self.durable:
                    self._cleanse(lba, begun)
        if acknowledged and self.durable:
            self._volatile[step.op] = (index, step)
            if isinstance(step, Write) and step.fua:
                self._made_durable(step.op)

    def never_landed(self, step: Changing) -> None:
        """The target says that it has changed nothing (a compare that didn't match)."""
        self._open.get(step.connection, {}).pop(step.op, None)
        for lba in range(step.slba, step.slba + step.blocks):
            del self.candidates[lba][step.op]
            if self.durable:
                del self.durable[lba][step.op]

    def flushed(self, sent: int) -> None:
        """A flush sent at this index was acknowledged: what had been acknowledged by then is durable."""
        for op, (acknowledged, _) in list(self._volatile.items()):
            if acknowledged < sent:
                self._made_durable(op)

    def _made_durable(self, op: int) -> None:
        _, step = self._volatile.pop(op)
        for lba in range(step.slba, step.slba + step.blocks):
            _supersede(self.durable[lba], self.begun[op])
            self._cleanse(lba, self.begun[op])  # not before: power loss would bring it back

    def _cleanse(self, lba: int, begun: int) -> None:
        if self.tainted.get(lba, begun) < begun:
            del self.tainted[lba]

    def connection_ended(self, index: int, connection: int) -> None:
        """What the connection's unanswered changes have not done by now, they never will."""
        for step in list(self._open.pop(connection, {}).values()):
            self.ended(index, step, acknowledged=False)

    def target_killed(self, index: int) -> None:
        """All connections are over. A copy cut short in the middle leaves a torn block."""
        for connection in sorted(self._open):
            for step in self._open[connection].values():
                for lba in range(step.slba, step.slba + step.blocks):
                    self.candidates[lba][TORN] = index
            self.connection_ended(index, connection)

    def power_lost(self, index: int) -> None:
        """Whatever was not durable may be there or not, until something supersedes it."""
        for connection in sorted(self._open):
            self.connection_ended(index, connection)
        self._volatile.clear()
        for lba, durable in enumerate(self.durable):
            self.candidates[lba] = dict(durable)

    def taint(self, index: int, disk_block: int, count: int = 1) -> None:
        """Silent corruption of these blocks of a disk: reads may return anything."""
        for block in range(disk_block, disk_block + count):
            if 0 <= block - self.data_offset < len(self.candidates):
                self.tainted[block - self.data_offset] = index

    # What may be read.

    def allowed(self, lba: int) -> tuple[int, ...]:
        """The values a read sent now may return; zeroing changes leave NEVER_WRITTEN."""
        candidates = self.candidates[lba]
        if any(op in self.zeroing for op in candidates):
            return (NEVER_WRITTEN, *candidates)
        return tuple(candidates)

    def may_come_from_later(self, lba: int, value: int, sent: int) -> bool:
        """Was this value written by a change sent after the read?"""
        if value == NEVER_WRITTEN:
            return self._newest_zeroing[lba] > sent
        return self.covers(value, lba) and self.begun[value] > sent

    def covers(self, op: int, lba: int) -> bool:
        """Does this op write the block?"""
        step = self.changes.get(op)
        return step is not None and step.slba <= lba < step.slba + step.blocks


def _supersede(candidates: Candidates, begun: int) -> None:
    if len(candidates) > 1:
        superseded = [op for op, end in candidates.items() if end is not None and end < begun]
        for op in superseded:
            del candidates[op]


def check_register(execution: Execution) -> list[Finding]:
    """Judge every read of the history."""
    _, findings = judge_reads(execution.history, execution.plan)
    return findings


def judge_reads(history: History, plan: Plan) -> tuple[Registers, list[Finding]]:
    """The registers as they are at the end, and what was found on the way."""
    reader = Reader(plan, tracks_power=any_power_loss(history))
    for index, entry in enumerate(history):
        reader.take(index, entry)
    return reader.registers, reader.findings


def any_power_loss(history: History) -> bool:
    """Is power lost anywhere in this history?"""
    return any(
        entry.__class__ is Invoked and entry.step.__class__ is PowerLoss for entry in history
    )


class Reader:
    """Takes a history in, entry by entry, and judges the reads in it."""

    def __init__(self, plan: Plan, *, tracks_power: bool) -> None:
        self.registers = Registers(
            max(plan.blocks, plan.layout.capacity - plan.data_offset),
            data_offset=plan.data_offset,
            tracks_power=tracks_power,
        )
        self.findings: list[Finding] = []
        # What each read under way may return; None: anything.
        self._looking: dict[
            int, tuple[int, Read | CompareAndWrite, list[tuple[int, ...] | None]]
        ] = {}
        self._flushes: dict[int, int] = {}

    def take(self, index: int, entry: object) -> None:
        """The next entry."""
        if entry.__class__ is Invoked:
            self._invoked(index, entry.step)
        elif entry.__class__ is Completed:
            self._completed(index, entry)
        elif entry.__class__ is Happened:
            event = entry.event
            if event.name == "nvmf.qpair_destroyed":
                self.registers.connection_ended(index, event.args[0])
            elif event.name == "disk.misdirected":
                _, wanted, landed, count = event.args
                self.registers.taint(index, wanted, count)
                self.registers.taint(index, landed, count)

    def _invoked(self, index: int, step: object) -> None:
        registers = self.registers
        if isinstance(step, (Read, CompareAndWrite)):
            span = range(step.slba, step.slba + step.blocks)
            allowed = [None if lba in registers.tainted else registers.allowed(lba) for lba in span]
            self._looking[step.op] = (index, step, allowed)
        if isinstance(step, CHANGING):
            registers.sent(index, step)
        elif isinstance(step, Flush):
            self._flushes[step.op] = index
        elif isinstance(step, Kill):
            registers.target_killed(index)
        elif isinstance(step, PowerLoss):
            registers.power_lost(index)
        elif isinstance(step, Inject) and step.fault == "bit_rot":
            registers.taint(index, step.args[0])

    def _completed(self, index: int, entry: Completed) -> None:
        registers = self.registers
        succeeded = entry.status == NvmeStatus.SUCCESS
        change = registers.changes.get(entry.op)
        looked = self._looking.pop(entry.op, None)
        if succeeded and looked is not None:
            self.findings += self._judge(*looked, entry)
        if change is not None:
            if isinstance(change, CompareAndWrite) and entry.status == NvmeStatus.COMPARE_FAILURE:
                registers.never_landed(change)
            else:
                registers.ended(index, change, acknowledged=succeeded)
        flush = self._flushes.pop(entry.op, None)
        if flush is not None and succeeded and registers.durable:
            registers.flushed(flush)

    def _judge(
        self,
        sent: int,
        step: Read | CompareAndWrite,
        allowed: list[tuple[int, ...] | None],
        entry: Completed,
    ) -> list[Finding]:
        registers = self.registers
        if isinstance(step, CompareAndWrite):
            values = [step.expected_op] * step.blocks
        else:
            values = entry.values
        if len(values) != step.blocks:
            return [_finding("short", step, step.slba, entry, 0, 0)]
        for offset, value in enumerate(values):
            lba = step.slba + offset
            may_be = allowed[offset]
            # Tainted when it was sent, or by the time it was answered: it may have seen anything.
            if may_be is None or lba in registers.tainted or value in may_be:
                continue
            if registers.may_come_from_later(lba, value, sent):
                continue
            kind = _kind(value, known=registers.covers(value, lba))
            newest = registers.newest_acknowledged[lba]
            return [_finding(kind, step, lba, entry, value, newest)]
        return []


def _kind(value: int, *, known: bool) -> str:
    match value:
        case 0:
            return "lost"
        case _ if value == TORN:
            return "torn"
        case _ if value == MISDIRECTED:
            return "misdirected"
        case _ if value == FOREIGN or not known:
            return "foreign"
        case _:
            return "stale"


def _finding(
    kind: str, step: Read | CompareAndWrite, lba: int, entry: Completed, value: int, newest: int
) -> Finding:
    got = f"op {value}" if value > 0 else "blocks never written" if value == 0 else "garbage"
    how = "read" if isinstance(step, Read) else "compare-and-write"
    return Finding(
        check="register",
        kind=kind,
        shape=how,
        summary=(
            f"{kind} data: {how} op {step.op} of host {step.host} got {got} in block {lba}, "
            f"but write op {newest} of that block was acknowledged before the read was sent"
            if newest
            else f"{kind} data: {how} op {step.op} of host {step.host} got {got} in block {lba}"
        ),
        step=entry.number,
        verdict=Verdict.INVALID,
        ops=[op for op in (newest, value, step.op) if op > 0],
    )
