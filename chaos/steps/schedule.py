"""Steps: the atoms of a run. A recorded schedule replays without its seed, so a step has all its arguments.

The engine's own steps (deliver, finish_io, fire_timer) are defined by the engine; those of hosts, the operator
and the nemesis are here. ``op`` numbers a request; its answer has the same number, and so has the data of a write.
"""

from __future__ import annotations

import msgspec

from workers.protocol import Deliver, EngineStep, FinishIo, FireTimer


class Open(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="open"):
    """A host opens a connection to the target."""

    op: int
    host: int
    connection: int


class Connect(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="connect"):
    """A host connects a queue over a connection: qid 0 is the admin queue."""

    op: int
    host: int
    connection: int
    thread: int
    qid: int
    cntlid: int
    keep_alive_ms: int = 0  # 0: the target doesn't watch for the host's keep-alives


class Read(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="read"):
    """A host reads blocks [slba, slba + blocks) of the array, in the namespace that has them."""

    op: int
    host: int
    connection: int
    thread: int
    slba: int
    blocks: int


class Write(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="write"):
    """A host writes blocks [slba, slba + blocks); the data has host, op and LBA."""

    op: int
    host: int
    connection: int
    thread: int
    slba: int
    blocks: int
    fua: bool = False


class Unmap(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="unmap"):
    """A host deallocates blocks [slba, slba + blocks); they read zero afterwards."""

    op: int
    host: int
    connection: int
    thread: int
    slba: int
    blocks: int


class WriteZeroes(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="write_zeroes"):
    """A host writes zeroes to blocks [slba, slba + blocks)."""

    op: int
    host: int
    connection: int
    thread: int
    slba: int
    blocks: int


class CompareAndWrite(
    msgspec.Struct, frozen=True, array_like=True, gc=False, tag="compare_and_write"
):
    """A host writes the blocks if they hold the data of ``expected_op`` of ``expected_host``."""

    op: int
    host: int
    connection: int
    thread: int
    slba: int
    blocks: int
    expected_host: int
    expected_op: int


class Admin(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="admin"):
    """A host sends a command on its admin queue; see :class:`~workers.nvmf.status.AdminOpcode`."""

    op: int
    host: int
    connection: int
    thread: int
    opcode: int
    first: int = 0
    second: int = 0


class Flush(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="flush"):
    """A host flushes a namespace."""

    op: int
    host: int
    connection: int
    thread: int
    namespace: int = 1


class Disconnect(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="disconnect"):
    """A host closes a connection."""

    op: int
    host: int
    connection: int
    thread: int


class Operate(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="operate"):
    """The operator sends an RPC."""

    op: int
    method: str
    args: tuple[int, ...]


class Inject(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="inject"):
    """The nemesis breaks or heals something on a disk; see ``chaos/plan/faults.py``."""

    op: int
    fault: str
    disk: int
    args: tuple[int, ...]


class Impair(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="impair"):
    """The nemesis breaks or heals something about a host; the fault itself sends nothing."""

    op: int
    fault: str
    host: int


class Stall(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="stall"):
    """The nemesis stops a reactor for a number of steps; in ``realtime`` its process, for milliseconds."""

    op: int
    reactor: int
    length: int


class Kill(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="kill"):
    """The target dies (SIGKILL) and is started again; disks and their caches keep their content.

    ``clones``: an array without superblock can't identify its members, so an operator copies the first of these
    disks onto the others. Empty with superblocks.
    """

    op: int
    clones: tuple[int, ...]


class PowerLoss(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="power_loss"):
    """The machine loses power: a kill, and each disk loses those of these blocks that are not flushed."""

    op: int
    clones: tuple[int, ...]
    lost: tuple[tuple[int, ...], ...]


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="mark"):
    """A phase of the run begins: chaos, alone, heal, audit, done; or the target has come to rest (RESTED)."""

    phase: str


RESTED = "rested"  # a Mark: the target has come to rest, and no RPC has helped it


class Rest(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="rest"):
    """In a script (see ``chaos/scripts/player.py``): the target comes to rest, or takes a number of steps, before the next item."""

    steps: int = 0  # 0: until it is at rest


class Late(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="late"):
    """In a script: ``skip`` steps like it are taken in their order, and the next one comes a number of steps late."""

    step: EngineStep
    skip: int
    steps: int


Changing = Write | Unmap | WriteZeroes | CompareAndWrite
CHANGING = (Write, Unmap, WriteZeroes, CompareAndWrite)
OfBlocks = Read | Changing
OF_BLOCKS = (Read, *CHANGING)
Io = Flush | OfBlocks
IO = (Read, Flush, *CHANGING)
HOST_STEPS = (Open, Connect, Disconnect, Admin, *IO)
HostStep = Open | Connect | Read | Changing | Flush | Admin | Disconnect
Restart = Kill | PowerLoss
OutsideStep = HostStep | Operate | Inject | Impair | Stall | Restart | Mark
Step = EngineStep | OutsideStep
Item = Step | Rest | Late
Script = list[Item]
ENGINE_STEPS = (Deliver, FinishIo, FireTimer)
ORDER = (Rest, Late, *ENGINE_STEPS)  # the items of a script that fix the order of steps

__all__ = [
    "CHANGING",
    "ENGINE_STEPS",
    "HOST_STEPS",
    "IO",
    "OF_BLOCKS",
    "ORDER",
    "RESTED",
    "Admin",
    "Changing",
    "CompareAndWrite",
    "Connect",
    "Deliver",
    "Disconnect",
    "EngineStep",
    "FinishIo",
    "FireTimer",
    "Flush",
    "HostStep",
    "Impair",
    "Inject",
    "Io",
    "Item",
    "Kill",
    "Late",
    "Mark",
    "OfBlocks",
    "Open",
    "Operate",
    "OutsideStep",
    "PowerLoss",
    "Read",
    "Rest",
    "Restart",
    "Script",
    "Stall",
    "Step",
    "Unmap",
    "Write",
    "WriteZeroes",
    "describe",
]


def describe(step: Step) -> str:
    """Write a step with its fields, for a sentence."""
    fields = ", ".join(f"{field}={getattr(step, field)}" for field in step.__struct_fields__)
    return f"{type(step).__name__}({fields})"
