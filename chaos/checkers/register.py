"""Every block is a register: a read returns the newest acknowledged write, or one that may still land.

Linear in the history, because values are unique. What a read may return is fixed when it is sent: the writes
that no later acknowledged write has superseded by then; and any write sent while the read is out. It promises
regularity, not atomicity: during a write a mirror may answer with old or new data, which no RAID1 prevents.
"""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.controller import Execution
from chaos.history import Completed, Happened, History, Invoked, Restarted
from chaos.payload import FOREIGN, MISDIRECTED, NEVER_WRITTEN, TORN
from chaos.schedule import Read, Write
from workers.nvmf.status import NvmeStatus

UNFINISHED = None
BEFORE_ALL = -1


class Registers:
    """Per block, the writes whose value it may hold: op -> history index of the write's end."""

    def __init__(self, blocks: int) -> None:
        self.candidates: list[dict[int, int | None]] = [
            {NEVER_WRITTEN: BEFORE_ALL} for _ in range(blocks)
        ]
        self.newest_acknowledged = [NEVER_WRITTEN] * blocks
        self.begun: dict[int, int] = {NEVER_WRITTEN: BEFORE_ALL}
        self.writes: dict[int, Write] = {}
        self._open: dict[int, dict[int, Write]] = {}  # connection -> op -> unfinished write

    def write_sent(self, index: int, write: Write) -> None:
        """From now on the write may land."""
        self.begun[write.op] = index
        self.writes[write.op] = write
        self._open.setdefault(write.connection, {})[write.op] = write
        for lba in range(write.slba, write.slba + write.blocks):
            self.candidates[lba][write.op] = UNFINISHED

    def write_ended(self, index: int, write: Write, *, acknowledged: bool) -> None:
        """The write won't land any more; an acknowledged one supersedes all that ended before it began."""
        self._open[write.connection].pop(write.op, None)
        begun = self.begun[write.op]
        for lba in range(write.slba, write.slba + write.blocks):
            candidates = self.candidates[lba]
            candidates[write.op] = index
            if acknowledged:
                self.newest_acknowledged[lba] = write.op
                if len(candidates) > 1:
                    superseded = [
                        op for op, end in candidates.items() if end is not None and end < begun
                    ]
                    for op in superseded:
                        del candidates[op]

    def connection_ended(self, index: int, connection: int) -> None:
        """What the connection's unanswered writes have not done by now, they never will."""
        for write in list(self._open.pop(connection, {}).values()):
            self._open.setdefault(connection, {})
            self.write_ended(index, write, acknowledged=False)

    def all_connections_ended(self, index: int) -> None:
        """The target was killed."""
        for connection in sorted(self._open):
            for write in self._open[connection].values():
                for lba in range(write.slba, write.slba + write.blocks):
                    # Killed in the middle of a copy; it ends like the write, when something supersedes it.
                    self.candidates[lba][TORN] = index
            self.connection_ended(index, connection)


def check_register(execution: Execution) -> list[Finding]:
    """Judge every read of the history."""
    _, findings = judge_reads(execution.history, execution.plan.layout.disk_blocks)
    return findings


def judge_reads(history: History, blocks: int) -> tuple[Registers, list[Finding]]:
    """The registers as they are at the end, and what was found on the way."""
    registers = Registers(blocks)
    allowed: dict[int, tuple[int, Read, list[tuple[int, ...]]]] = {}
    findings: list[Finding] = []
    for index, entry in enumerate(history):
        if entry.__class__ is Invoked:
            step = entry.step
            if step.__class__ is Write:
                registers.write_sent(index, step)
            elif step.__class__ is Read:
                span = registers.candidates[step.slba : step.slba + step.blocks]
                allowed[step.op] = (index, step, [tuple(candidates) for candidates in span])
        elif entry.__class__ is Completed:
            write = registers.writes.get(entry.op)
            if write is not None:
                acknowledged = entry.status == NvmeStatus.SUCCESS
                registers.write_ended(index, write, acknowledged=acknowledged)
            elif entry.op in allowed:
                findings += _judge(registers, *allowed.pop(entry.op), entry)
        elif entry.__class__ is Happened:
            event = entry.event
            if event.name == "nvmf.qpair_destroyed":
                registers.connection_ended(index, event.args[0])
        elif entry.__class__ is Restarted:
            registers.all_connections_ended(index)
    return registers, findings


def _judge(
    registers: Registers, sent: int, read: Read, allowed: list[tuple[int, ...]], entry: Completed
) -> list[Finding]:
    if entry.status != NvmeStatus.SUCCESS:
        return []
    if len(entry.values) != read.blocks:
        return [_finding("short", read, read.slba, entry, 0, 0)]
    for offset, value in enumerate(entry.values):
        lba = read.slba + offset
        if value in allowed[offset]:
            continue
        write = registers.writes.get(value)
        covers = write is not None and write.slba <= lba < write.slba + write.blocks
        if covers and registers.begun[value] > sent:
            continue
        kind = _kind(value, known=covers)
        return [_finding(kind, read, lba, entry, value, registers.newest_acknowledged[lba])]
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


def _finding(kind: str, read: Read, lba: int, entry: Completed, value: int, newest: int) -> Finding:
    got = f"op {value}" if value > 0 else "blocks never written" if value == 0 else "garbage"
    return Finding(
        check="register",
        kind=kind,
        shape="read",
        summary=(
            f"{kind} data: read op {read.op} of host {read.host} got {got} in block {lba}, "
            f"but write op {newest} of that block was acknowledged before the read was sent"
            if newest
            else f"{kind} data: read op {read.op} of host {read.host} got {got} in block {lba}"
        ),
        step=entry.number,
        verdict=Verdict.INVALID,
        ops=[op for op in (newest, value, read.op) if op > 0],
    )
