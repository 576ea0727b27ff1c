"""Executions written by hand, one call for each entry."""

from __future__ import annotations

from msgspec import structs

from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from chaos.run.execution import Execution, RunEnd
from chaos.steps.history import (
    NOT_LOOKED,
    Completed,
    Crashed,
    EngineEvent,
    Entry,
    History,
    Invoked,
    Seen,
    Written,
)
from chaos.steps.schedule import (
    CompareAndWrite,
    Deliver,
    FinishIo,
    Flush,
    Inject,
    Kill,
    Operate,
    PowerLoss,
    Read,
    Step,
    Unmap,
    Write,
)
from workers.bdev.io import IoType
from workers.nvmf.status import NvmeStatus
from workers.protocol import Crash, Event

ERROR = int(NvmeStatus.INTERNAL_DEVICE_ERROR)
MISCOMPARE = int(NvmeStatus.COMPARE_FAILURE)
PLAN = resolve(Experiment(name="register", blocks=8, blocks_per_io=1, superblock_share=0), 0)
PLAN_OF_TWO_NAMESPACES = structs.replace(
    PLAN, layout=structs.replace(PLAN.layout, namespaces=2, partition_blocks=4)
)
PLAN_WITH_SUPERBLOCK = resolve(
    Experiment(name="register", blocks=8, blocks_per_io=1, superblock_share=100), 0
)
ENGINE_STEP = Deliver(0, 1, 1)
CRASH = Crash(1, 2, "AssertionError", "no channel", "raid1.py:read", "")
READER = 2  # the thread that reads go through


def observed(execution: Execution) -> Execution:
    """Return the same story, observed between its steps."""
    nothing_yet = Seen(0, 0, 0, 0, 0, 0, [])
    return structs.replace(execution, history=[nothing_yet, *execution.history])


class Story:
    """A history with its schedule: each entry is a step of its own."""

    def __init__(self, plan=PLAN):
        self.plan = plan
        self.history: History = []
        self.schedule: list[Step] = []
        self.notes: list[str] = []

    def execution(self, **fields):
        """Return the execution; without other values it came to its end with nothing left."""
        known = {
            "plan": self.plan,
            "history": self.history,
            "schedule": self.schedule,
            "notes": self.notes,
            "fingerprint": "",
            "steps": len(self.schedule),
            "crash": None,
            "end": RunEnd.SETTLED,
            "disks": [],
            "census": [],
        }
        return Execution(**known | fields)

    def _add(self, step: Step, entry: Entry | None, note=""):
        self.schedule.append(step)
        self.notes.append(note)
        if entry is not None:
            self.history.append(entry)
        return self

    def _number(self):
        return len(self.schedule) + 1

    def add(self, step):
        return self._add(step, Invoked(self._number(), step))

    def answer(self, op, *values, status=0, copies=NOT_LOOKED, value=0):
        answer = Completed(self._number(), op, status, value, list(values), copies)
        return self._add(ENGINE_STEP, answer)

    def happen(self, name, *args, thread=1):
        return self._add(ENGINE_STEP, EngineEvent(self._number(), Event(name, thread, args)))

    def observe(self, kind, *args):
        """Observe an entry of this kind, in a step of its own."""
        return self._add(ENGINE_STEP, kind(self._number(), *args))

    def crash(self, kind=CRASH.kind, where=CRASH.where, message=CRASH.message):
        crash = Crash(1, 2, kind, message, where, "")
        return self._add(ENGINE_STEP, Crashed(self._number(), crash))

    def serve(self, disk, offset=0, count=1, *, thread=READER, io_type=IoType.READ, note=""):
        """Finish an I/O of a disk."""
        return self._add(FinishIo(0, thread, disk, io_type, offset, count, 0), None, note)

    # Requests.

    def send_write(self, op, slba=0, blocks=1, connection=1):
        return self.add(Write(op, 0, connection, 1, slba, blocks))

    def send_read(self, op, slba=0, blocks=1):
        return self.add(Read(op, 0, 2, READER, slba, blocks))

    def write(self, op, **where):
        return self.send_write(op, **where).answer(op)

    def read(self, op, *values, slba=0):
        return self.send_read(op, slba, len(values)).answer(op, *values)

    def write_fua(self, op):
        return self.add(Write(op, 0, 1, 1, 0, 1, True)).answer(op)

    def send_flush(self, op, namespace=1):
        return self.add(Flush(op, 0, 1, 1, namespace))

    def flush(self, op, namespace=1):
        return self.send_flush(op, namespace).answer(op)

    def send_unmap(self, op, slba=0, blocks=1):
        return self.add(Unmap(op, 0, 1, 1, slba, blocks))

    def unmap(self, op, **where):
        return self.send_unmap(op, **where).answer(op)

    def send_compare(self, op, expected):
        return self.add(CompareAndWrite(op, 0, 1, 1, 0, 1, 0, expected))

    def compare(self, op, expected, *, status=0):
        return self.send_compare(op, expected).answer(op, status=status)

    # Other events.

    def inject(self, fault, disk, *args):
        return self.add(Inject(96, fault, disk, args))

    def operate(self, op, method, *args):
        return self.add(Operate(op, method, args))

    def write_superblock(self, disk, sequence, configured=3, *, array=1, blocks=8, named=3):
        """Observe that a disk has got a superblock of an array of two disks, unless another one is given."""
        return self.observe(Written, disk, True, sequence, array, configured, False, blocks, named)

    def end(self, connection):
        return self.happen("nvmf.qpair_destroyed", connection)

    def kill(self):
        return self.add(Kill(99, ()))

    def lose_power(self):
        return self.add(PowerLoss(98, (), ()))

    def rot(self, block):
        return self.add(Inject(97, "bit_rot", 0, (block,)))
