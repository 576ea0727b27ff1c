"""Steps: the atoms of a run. A recorded schedule replays without its seed, so a step carries all it needs.

The engine's own steps (deliver, finish_io, fire_timer) are defined by the engine; those of hosts, the operator
and the nemesis are here. ``op`` is the number under which an answer comes back, and a write's sequence number.
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


class Read(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="read"):
    """A host reads blocks [slba, slba + blocks) of namespace 1."""

    op: int
    host: int
    connection: int
    thread: int
    slba: int
    blocks: int


class Write(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="write"):
    """A host writes blocks [slba, slba + blocks); the data says host, op and LBA."""

    op: int
    host: int
    connection: int
    thread: int
    slba: int
    blocks: int


class Flush(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="flush"):
    """A host flushes namespace 1."""

    op: int
    host: int
    connection: int
    thread: int


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
    """The nemesis breaks or heals something on a disk; see ``chaos/faults.py``."""

    op: int
    fault: str
    disk: int
    args: tuple[int, ...]


class Stall(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="stall"):
    """The nemesis stops a reactor's process for a while (realtime only)."""

    op: int
    reactor: int
    milliseconds: int


class Kill(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="kill"):
    """The nemesis kills the whole target and starts it again (realtime only)."""

    op: int
    members: tuple[int, ...]


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="mark"):
    """A phase of the run begins: chaos, heal, audit, done."""

    phase: str


HostStep = Open | Connect | Read | Write | Flush | Disconnect
OutsideStep = HostStep | Operate | Inject | Stall | Kill | Mark
Step = EngineStep | OutsideStep

__all__ = [
    "Connect",
    "Deliver",
    "Disconnect",
    "EngineStep",
    "FinishIo",
    "FireTimer",
    "Flush",
    "HostStep",
    "Inject",
    "Kill",
    "Mark",
    "Open",
    "Operate",
    "OutsideStep",
    "Read",
    "Stall",
    "Step",
    "Write",
]
