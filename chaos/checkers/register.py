"""Every block is a register: a read returns the newest acknowledged write, or one that may still land.

The check is linear in the history, because values are unique. The values that a read may return are fixed when it is sent:
the writes that no later acknowledged write has superseded by then. A write sent while the read is in flight may also be
returned. The promise is regularity, not atomicity: during a write a mirror may answer with old or new data, which no RAID1
prevents.

Power loss reverts acknowledged data that is not durable, by a flush or FUA. From then on a block may hold any write that no
durable one has superseded. Silent corruption taints a block until it is overwritten.

The kinds of wrong data (the first that applies):

* **short**: another number of blocks than requested
* **torn**: a block of two writes' data
* **misdirected**: data that was written for another block
* **foreign**: data that no write of this block has ever carried
* **lost**: zeroes, though a write was acknowledged and nothing has zeroed the block since
* **resurrected**: a write's data that was replaced, after an earlier read had seen the replacement
* **stale**: a write's data that an acknowledged one has replaced, while no read had seen that yet
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from chaos.checkers.contradictions import Kind, Look, Wrong, explain, seen_by
from chaos.checkers.finding import Finding
from chaos.checkers.registers import Change, Registers
from chaos.plan.namespaces import blocks_of
from chaos.plan.plan import Plan
from chaos.run.execution import Execution
from chaos.steps.history import CONNECTION_ENDED, Completed, EngineEvent, Entry, History, Invoked
from chaos.steps.payload import MISDIRECTED, NEVER_WRITTEN, TORN
from chaos.steps.schedule import (
    CompareAndWrite,
    Flush,
    Inject,
    Kill,
    OutsideStep,
    PowerLoss,
    Read,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.nvmf.status import NvmeStatus
from workers.protocol import Event

# Every entry is compared with these, and an enum's member is slow to look up. So they are plain numbers.
SUCCESS = int(NvmeStatus.SUCCESS)
COMPARE_FAILURE = int(NvmeStatus.COMPARE_FAILURE)
RELEVANT = frozenset((CONNECTION_ENDED, "disk.misdirected"))


# A read in flight: the history index of its beginning, the read, its blocks' data then, and the tainted blocks. There is one
# for every read, so it is a plain tuple.
Looking = tuple[int, Look, list[int], tuple[int, ...]]


def check_register(execution: Execution) -> list[Finding]:
    """Judge every read of the history."""
    history, plan = execution.history, execution.plan
    reader = read_history(history, plan)
    return explain(
        reader.wrongs, reader.registers, history, plan, execution.schedule, execution.notes
    )


def judge_reads(history: History, plan: Plan) -> tuple[Registers, list[Finding]]:
    """Return the final registers and the findings; without a schedule, so no finding names a disk."""
    reader = read_history(history, plan)
    registers = reader.registers
    return registers, explain(reader.wrongs, registers, history, plan, [], [])


def read_history(history: History, plan: Plan) -> Reader:
    """Read a whole history from its beginning."""
    reader = Reader(plan, tracks_power=False)
    reader.take_all(0, history)
    if (
        reader.power_was_lost
    ):  # seldom, so a second pass then is cheaper than tracking durability always
        reader = Reader(plan, tracks_power=True)
        reader.take_all(0, history)
    return reader


def reader_for(execution: Execution) -> Reader:
    """Return a reader that has read nothing yet, for checks that use the registers on the way."""
    power_is_lost = any(
        entry.__class__ is Invoked and entry.step.__class__ is PowerLoss
        for entry in execution.history
    )
    return Reader(execution.plan, tracks_power=power_is_lost)


class Reader:
    """Reads a history and judges the reads in it."""

    def __init__(self, plan: Plan, *, tracks_power: bool) -> None:
        self.registers = Registers(
            max(plan.blocks, plan.layout.capacity - plan.data_offset),
            data_offset=plan.data_offset,
            tracks_power=tracks_power,
        )
        self.wrongs: list[Wrong] = []  # one per block, in order
        self.power_was_lost = False
        self._looking: dict[int, Looking] = {}
        self._flushes: dict[int, tuple[int, range]] = {}
        self._layout = plan.layout

    def take(self, index: int, entry: Entry) -> None:
        """Read the next entry."""
        self.take_all(index, (entry,))

    def take_all(self, first: int, entries: Iterable[Entry]) -> None:
        """Read the next entries; ``first`` is the index of the first of them."""
        registers, looking, flushes = self.registers, self._looking, self._flushes
        held, tainted, in_flight = registers.held, registers.tainted, registers.in_flight
        # isinstance calls a struct's metaclass, which is slow, so classes are compared.
        for index, entry in enumerate(entries, first):
            if entry.__class__ is EngineEvent:
                if entry.event.name in RELEVANT:
                    self._happened(index, entry.event)
            elif entry.__class__ is Completed:
                op = entry.op
                looked = looking.pop(op, None)
                if looked is not None:
                    if entry.status == SUCCESS and entry.values != looked[2]:
                        self._judge(looked, entry)
                    if looked[1].__class__ is Read:
                        continue
                change = in_flight.get(op)
                if change is not None:
                    if entry.status == SUCCESS:
                        registers.acknowledged(index, change)
                    else:
                        self._change_failed(index, change, entry.status)
                elif op in flushes:
                    self._flush_answered(op, entry.status)
            elif entry.__class__ is Invoked:
                step = entry.step
                if step.__class__ is Read:
                    slba = step.slba
                    rotten = tuple(tainted) if tainted else ()
                    looking[step.op] = (index, step, held[slba : slba + step.blocks], rotten)
                elif step.__class__ is Write:
                    registers.sent(index, step)
                else:
                    self._took(index, step)

    def _took(self, index: int, step: OutsideStep) -> None:
        registers = self.registers
        match step:
            case CompareAndWrite():
                held = registers.held[step.slba : step.slba + step.blocks]
                self._looking[step.op] = (index, step, held, tuple(registers.tainted))
                registers.sent(index, step)
            case Unmap() | WriteZeroes():
                registers.sent(index, step)
            case Flush():
                there = blocks_of(self._layout, step.namespace, self.registers.blocks)
                self._flushes[step.op] = (index, there)
            case Kill():
                self._forget_requests()
                registers.target_killed(index)
            case PowerLoss():
                self.power_was_lost = True
                self._forget_requests()
                registers.power_lost(index)
            case Inject(fault="bit_rot", args=(block, *_)):
                registers.taint(index, block)
            case _:
                pass

    def _forget_requests(self) -> None:
        """Drop all requests, since no connection is left that could answer."""
        self._looking.clear()
        self._flushes.clear()

    def _happened(self, index: int, event: Event) -> None:
        if event.name == CONNECTION_ENDED:
            (connection,) = event.args
            self.registers.connection_ended(index, connection)
        else:
            _, wanted, landed, count = event.args
            self.registers.taint(index, wanted, count)
            self.registers.taint(index, landed, count)

    def _change_failed(self, index: int, change: Change, status: int) -> None:
        if status == COMPARE_FAILURE and isinstance(change.step, CompareAndWrite):
            self.registers.never_landed(index, change)
        else:
            self.registers.ended(index, change)

    def _flush_answered(self, op: int, status: int) -> None:
        sent, there = self._flushes.pop(op)
        if status == SUCCESS:
            self.registers.flushed(sent, there)

    def _judge(self, looked: Looking, entry: Completed) -> None:
        """Judge a read that did not return just the data of its blocks at the time it was sent."""
        sent, step, held_then, tainted = looked
        values = seen_by(step, entry)
        if len(values) != step.blocks:
            self.wrongs.append(Wrong("short", step, sent, entry, step.slba, NEVER_WRITTEN))
            return
        for lba, value, held in zip(count(step.slba), values, held_then, strict=False):
            # The block was tainted when the read was sent, or when it was answered, so it may have seen anything.
            if lba in tainted or self.registers.may_return(lba, value, sent, held):
                continue
            kind = self._kind(lba, value)
            self.wrongs.append(Wrong(kind, step, sent, entry, lba, value))

    def _kind(self, lba: int, value: int) -> Kind:
        if value == NEVER_WRITTEN:
            return "lost"
        if value == TORN:
            return "torn"
        if value == MISDIRECTED:
            return "misdirected"
        if not self.registers.covers(value, lba):
            return "foreign"
        return "stale"
