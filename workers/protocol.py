"""All values that cross the border of a reactor: messages, steps, outcomes, commands and replies.

This is the only wire format between the controller and its workers, and among workers. All values are immutable data,
so that ``sim``, which passes them by reference, and processes, which encode them, cannot differ.
"""

from __future__ import annotations

from typing import Any

import msgspec

APP_THREAD = 0
POLLERS = 999  # the sender of a step in which a thread's pollers run; only targets in C have it
OPERATOR = 1_000  # senders from here on are outside the target
NEMESIS = 1_001
FIRST_CONNECTION = 1_010

# A number, a string, bytes or None: msgspec can't tell str from bytes in a union, so the type is left open.
Argument = Any


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message to an SPDK thread; a non-zero token asks for an answer."""

    reactor: int
    sender: int
    receiver: int
    handler: str
    token: int
    args: tuple[Argument, ...]


class Deliver(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="deliver"):
    """Step: the receiver handles the oldest message from this sender."""

    reactor: int
    sender: int
    receiver: int


class FinishIo(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="finish_io"):
    """Step: a disk I/O takes effect and completes. ``tag_number`` tells equal ones apart."""

    reactor: int
    thread: int
    disk: int
    io_type: int
    offset: int
    count: int
    tag_number: int


class FireTimer(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="fire_timer"):
    """Step: virtual time moves to the deadline (microseconds) and the timer fires."""

    reactor: int
    deadline_us: int
    thread: int
    number: int


EngineStep = Deliver | FinishIo | FireTimer
WaitRow = tuple[str, str, str]  # the waiter, how it waits, what it waits for


class Answer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The answer to a command from outside: NVMe status or errno, a value, and data."""

    status: int
    value: int = 0
    data: bytes = b""


class Reply(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An answer on its way to a host connection or to the operator."""

    receiver: int
    token: int
    status: int
    value: int
    data: bytes


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event inside the engine, on an SPDK thread (see ``workers/probes.py``)."""

    name: str
    thread: int
    args: tuple[int, ...]


class Crash(msgspec.Struct, frozen=True, gc=False):
    """The target crashed: an assertion or exception inside the engine."""

    reactor: int
    thread: int
    kind: str
    message: str
    where: str  # file:function, without line numbers: part of the failure signature
    traceback: str


class Outcome(msgspec.Struct, array_like=True, gc=False):
    """All effects of one step of a reactor outside its heap.

    ``posted`` has a step for every message sent, and ``outgoing`` has the messages that leave this reactor.
    """

    posted: list[Deliver]
    outgoing: list[Message]
    started: list[FinishIo]
    armed: list[FireTimer]
    replies: list[Reply]
    events: list[Event]
    note: str = ""  # the message handled, or that an I/O failed: for people, never for a decision
    crash: Crash | None = None
    ends: list[
        Event
    ] = []  # ends of connections that follow the replies; only targets in C have them


class Layout(msgspec.Struct, frozen=True, array_like=True):
    """A target's configuration at its start; sizes in blocks."""

    reactors: int
    disks: int
    disk_blocks: int
    window_blocks: int
    capacity_blocks: int = 0  # the size to which disks can grow; 0: they can't
    disk_queue_depth: int = 64  # I/O that a thread can have in flight on a disk
    disk_io_blocks_max: int = 0  # larger I/O to a disk is split; 0: no bound
    io_pool: int = 64  # bdev_io objects of a channel
    # Per disk the bdevs that stand on it, a bit mask (see workers/bdev/stack.py). Empty: none on any disk.
    stacks: tuple[int, ...] = ()
    array_passthru: bool = False  # a passthru bdev stands on the array
    rebuild_blocks_per_ms: int = 0  # process_max_bandwidth; 0: no bound
    namespaces: int = (
        1  # more than one: each is a partition of the array (see workers/bdev/split.py)
    )
    partition_blocks: int = 0  # of each partition but the last
    auto_examine: bool = True  # bdevs are examined as they come, not only by RPC

    @property
    def capacity(self) -> int:
        """The blocks for which a disk's segment must have room."""
        return max(self.disk_blocks, self.capacity_blocks)


class DefectSource(msgspec.Struct, frozen=True, array_like=True):
    """A defect as workers receive it: the id of a built-in one, or the source text of another."""

    id: str
    source: str | None = None


# Commands, controller to worker.
class Reset(msgspec.Struct, frozen=True, array_like=True, tag="reset"):
    """Build this reactor of a new target; the control block has been cleared."""

    layout: Layout
    defects: tuple[DefectSource, ...]
    epoch: int  # of the target; frames of an earlier epoch are void


class Perform(msgspec.Struct, frozen=True, array_like=True, tag="perform", gc=False):
    """Receive these messages, then perform this step."""

    step: EngineStep
    inbox: list[Message]


class Census(msgspec.Struct, frozen=True, array_like=True, tag="census"):
    """Count what is alive."""


class GetWaits(msgspec.Struct, frozen=True, array_like=True, tag="get_waits"):
    """Report what waits for what; nothing runs meanwhile."""


class Run(msgspec.Struct, frozen=True, array_like=True, tag="run"):
    """Run free until a Pause; the latencies of disk I/O, in microseconds, are used in rotation."""

    latencies_us: tuple[int, ...]


class Frame(msgspec.Struct, frozen=True, array_like=True, tag="frame", gc=False):
    """Messages between reactors that run free, with the sender's step number."""

    sender: int  # reactor number, or -1: the controller
    step_number: int
    epoch: int
    messages: list[Message]


class Pause(msgspec.Struct, frozen=True, array_like=True, tag="pause"):
    """End the free run; the worker replies with Counted and waits for the next command."""


class Stop(msgspec.Struct, frozen=True, array_like=True, tag="stop"):
    """End the worker process."""


Command = Reset | Perform | Census | GetWaits | Run | Frame | Pause | Stop


# Replies, worker to controller.
class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """The worker has started, or a Reset is complete."""

    reactor: int
    pid: int


class Performed(msgspec.Struct, frozen=True, array_like=True, tag="performed", gc=False):
    """The outcome of the granted step."""

    reactor: int
    outcome: Outcome


class NotPossible(msgspec.Struct, frozen=True, array_like=True, tag="not_possible"):
    """The granted step was not possible: a replay has diverged."""

    reactor: int
    sentence: str


class Counted(msgspec.Struct, frozen=True, array_like=True, tag="counted"):
    """The census: (kind, owner, count), sorted."""

    reactor: int
    counts: list[tuple[str, str, int]]


class Waiting(msgspec.Struct, frozen=True, array_like=True, tag="waiting"):
    """What waits for what on a reactor: see ``workers/waits.py``."""

    reactor: int
    rows: list[WaitRow]


class StepRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One step of a free-running reactor: its number there, and its ticket in the one order of all.

    ``outcome`` None: the step began and did not complete, because the target was killed.
    """

    number: int
    ticket: int
    step: EngineStep
    # The sender's step number, for the delivery of a message from another reactor; 0 otherwise.
    cause: int
    outcome: Outcome | None


class Stepped(msgspec.Struct, frozen=True, array_like=True, tag="stepped", gc=False):
    """The steps of a free-running reactor since its last report; its log has them in full."""

    reactor: int
    steps: list[tuple[EngineStep, Outcome]]


class GaveUp(msgspec.Struct, frozen=True, array_like=True, tag="gave_up"):
    """A free-running reactor has stopped: the step of this ticket has not ended, so its target is dead."""

    reactor: int
    epoch: int
    ticket: int


class OutOfMemory(msgspec.Struct, frozen=True, array_like=True, tag="out_of_memory"):
    """A worker had too little memory for a step: it can't go on, and nothing is known of the engine."""

    reactor: int


WorkerReply = Ready | Performed | NotPossible | Counted | Waiting | Stepped | GaveUp | OutOfMemory

command_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
reply_decoder: msgspec.msgpack.Decoder[WorkerReply] = msgspec.msgpack.Decoder(WorkerReply)
encoder = msgspec.msgpack.Encoder()


def encode(value: Command | WorkerReply) -> bytes:
    """Encode a value as one frame."""
    return encoder.encode(value)
