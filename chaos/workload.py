"""Hosts: each connects its queues, does I/O, disconnects, and begins again."""

from __future__ import annotations

from enum import Enum

from chaos.experiment import Plan
from chaos.model import Model
from chaos.prng import Stream
from chaos.schedule import Connect, Disconnect, Flush, HostStep, Open, OutsideStep, Read, Write

PLACE_ATTEMPTS = 4
GIVE_UP_ONE_IN = 100


class HostState(Enum):
    """What a host is about."""

    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"
    CLOSING = "closing"


class Host:
    """One NVMe-oF client. Queue 0 is the admin queue; a queue is opened, then connected."""

    def __init__(self, number: int, plan: Plan, model: Model, stream: Stream) -> None:
        self.number = number
        self.plan = plan
        self.model = model
        self.stream = stream
        self.state = HostState.DOWN
        self.ios_left = 0
        self._forget()

    def _forget(self) -> None:
        self.connections: list[int] = []  # by qid
        self.threads: list[int] = []
        self.cntlid = 0
        self.waiting = False  # for an answer of connection set-up
        self.accepted = False  # the newest connection; it is connected next
        self.to_close: list[int] = []
        self.closing: set[int] = set()

    # What it does next, if anything.

    def next_step(self, *, new_work: bool, gives_up: bool = False) -> HostStep | None:
        """The host's next step; without new work it only goes on with what it has begun.

        One that gives up may close its connections at any point of their set-up.
        """
        match self.state:
            case HostState.DOWN:
                return self._begin() if new_work else None
            case HostState.CONNECTING:
                if gives_up and self.threads and self.stream.chance(1, GIVE_UP_ONE_IN):
                    return self.disconnect()
                return self._connect_on()
            case HostState.UP:
                return self._work() if new_work else None
            case HostState.CLOSING:
                step = self._close_on()
                # The state may have moved on: whoever asks must not be told that nothing is possible.
                is_down = self.state is not HostState.CLOSING
                return self._begin() if step is None and is_down and new_work else step

    def _begin(self) -> HostStep:
        self._forget()
        self.state = HostState.CONNECTING
        self.ios_left = self.stream.between(*self.plan.ios_per_connection)
        return self._open()

    def _open(self) -> HostStep:
        self.waiting = True
        self.accepted = False
        self.connections.append(self.model.new_connection())
        return Open(self.model.new_op(), self.number, self.connections[-1])

    def _connect_on(self) -> HostStep | None:
        if self.waiting:
            return None
        if not self.accepted:
            return self._open()
        self.waiting = True
        qid = len(self.connections) - 1
        return Connect(
            self.model.new_op(),
            self.number,
            self.connections[qid],
            self.threads[qid],
            qid,
            self.cntlid,
        )

    def _work(self) -> HostStep | None:
        if self.ios_left <= 0:
            return self.disconnect()
        qid = self.stream.between(1, len(self.connections) - 1)
        connection = self.connections[qid]
        if (
            not self.model.namespace_attached
            or len(self.model.connections[connection]) >= self.plan.queue_depth
        ):
            return None
        self.ios_left -= 1
        return self._io(connection, self.threads[qid])

    def _io(self, connection: int, thread: int) -> HostStep:
        stream, plan = self.stream, self.plan
        if stream.chance(plan.flush_share, 100):
            return Flush(self.model.new_op(), self.number, connection, thread)
        blocks = stream.between(1, plan.blocks_per_io_max)
        slba = stream.below(plan.layout.disk_blocks - blocks + 1)
        if not stream.chance(plan.read_share, 100):
            # Hosts don't write blocks that a write is still out for: then any order would be right.
            for _ in range(PLACE_ATTEMPTS):
                if not self.model.is_being_written(slba, blocks):
                    return Write(self.model.new_op(), self.number, connection, thread, slba, blocks)
                slba = stream.below(plan.layout.disk_blocks - blocks + 1)
        return Read(self.model.new_op(), self.number, connection, thread, slba, blocks)

    def disconnect(self) -> HostStep | None:
        """Close all queues, in a drawn order."""
        self.begin_closing()
        return self._close_on()

    def begin_closing(self) -> None:
        """From the next step on, close all queues."""
        self.state = HostState.CLOSING
        self.to_close = self.stream.shuffled(range(len(self.threads)))
        self.closing = {self.connections[qid] for qid in self.to_close}

    def _close_on(self) -> HostStep | None:
        if not self.to_close:
            if not self.closing and not self.waiting:
                self.state = HostState.DOWN
            return None
        qid = self.to_close.pop(0)
        return Disconnect(
            self.model.new_op(), self.number, self.connections[qid], self.threads[qid]
        )

    # What it is told.

    def answered(self, step: OutsideStep, status: int, value: int) -> None:
        """An answer to one of this host's steps."""
        match step:
            case Open() if step.connection == self._newest():
                self.waiting = False
                self._opened(step.connection, status, value)
            case Connect() if step.connection == self._newest():
                self.waiting = False
                self._connected(step.qid, status, value)
            case _:
                pass

    def _opened(self, connection: int, status: int, thread: int) -> None:
        if status != 0:
            self.connections.pop()
            if self.state is HostState.CONNECTING:
                self.begin_closing()
            return
        self.accepted = True
        self.threads.append(thread)
        if self.state is HostState.CLOSING:
            self.to_close.append(len(self.threads) - 1)
            self.closing.add(connection)

    def _connected(self, qid: int, status: int, value: int) -> None:
        if self.state is not HostState.CONNECTING:
            return
        if status != 0:
            # Refused: give up this session and close what there is.
            self.begin_closing()
            return
        if qid == 0:
            self.cntlid = value
        if qid == self.plan.io_queues:
            self.state = HostState.UP
        else:
            self.accepted = False

    def connection_ended(self, connection: int) -> None:
        """The target has destroyed a connection; one it closed by itself ends the session."""
        if connection not in self.connections:
            return
        self.closing.discard(connection)
        if connection == self._newest():
            self.waiting = False
        qid = self.connections.index(connection)
        if qid in self.to_close:
            self.to_close.remove(qid)
        elif self.state in (HostState.CONNECTING, HostState.UP):
            self.begin_closing()
            self.closing.discard(connection)
            self.to_close = [qid for qid in self.to_close if self.connections[qid] != connection]

    def target_lost(self) -> None:
        """The target died: all connections are reset."""
        self._forget()
        self.state = HostState.DOWN

    def _newest(self) -> int:
        return self.connections[-1] if self.connections else -1
