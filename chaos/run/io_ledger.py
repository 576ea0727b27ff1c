"""The work in flight between hosts and target: requests, connections, and blocks that a write may still change."""

from __future__ import annotations

from collections.abc import Iterable

from chaos.steps.schedule import (
    CHANGING,
    Changing,
    CompareAndWrite,
    Connect,
    Disconnect,
    Flush,
    Io,
    Open,
    Operate,
    OutsideStep,
    Write,
)
from workers.protocol import FIRST_CONNECTION


class IoLedger:
    """Every outside step that expects an answer, until it is answered or can't be any more."""

    def __init__(self) -> None:
        self.outstanding: dict[int, OutsideStep] = {}  # op -> the step without an answer so far
        self.writing: dict[int, int] = {}  # LBA -> writes in flight
        self.newest: dict[int, Write | CompareAndWrite] = {}  # LBA -> the settled write that it has
        self.connections: dict[int, set[int]] = {}  # connection -> its outstanding ops
        self._closed: set[int] = set()  # by their hosts; only looked up
        self.lost_connections: set[int] = (
            set()
        )  # connections whose host doesn't receive anything any more
        # host -> connections since its newest session began
        self._sessions: dict[int, list[int]] = {}
        self._last_op = 0
        self._last_connection = FIRST_CONNECTION - 1

    # Numbers.

    def new_op(self) -> int:
        """Return a number for the next outside step."""
        self._last_op += 1
        return self._last_op

    def new_connection(self) -> int:
        """Return a number for the next connection."""
        self._last_connection += 1
        return self._last_connection

    def reserve(self, ops: Iterable[int], connections: Iterable[int]) -> None:
        """Reserve these numbers, since steps from elsewhere have them."""
        self._last_op = max(self._last_op, *ops, 0)
        self._last_connection = max(self._last_connection, *connections, 0)

    # Requests.

    def is_being_written(self, slba: int, blocks: int) -> bool:
        """Return whether a write of one of these blocks is in flight."""
        writing = self.writing
        return any(lba in writing for lba in range(slba, slba + blocks))

    def may_be_changed(self, slba: int, blocks: int) -> bool:
        """Return whether a host may change these blocks: every write in flight there is in doubt.

        Otherwise any order of the two would be right, and the members could differ. Real hosts, too, write blocks again
        while the fate of an older write is open.
        """
        if not self.is_being_written(slba, blocks):
            return True
        return all(
            self._is_in_doubt(step)
            for step in self.outstanding.values()
            if isinstance(step, CHANGING)
            and step.slba < slba + blocks
            and slba < step.slba + step.blocks
        )

    def in_doubt(self) -> list[Changing]:
        """Return the changes whose hosts won't learn how they end, while the target may still carry them out."""
        if not (self.lost_connections or self._closed):
            return []
        return [
            step
            for step in self.outstanding.values()
            if isinstance(step, CHANGING) and self._is_in_doubt(step)
        ]

    def _is_in_doubt(self, step: Changing) -> bool:
        return step.connection in self.lost_connections or step.connection in self._closed

    def is_flushing(self) -> bool:
        """Return whether a host's flush is in flight."""
        return any(isinstance(step, Flush) for step in self.outstanding.values())

    def requests(self) -> list[Operate]:
        """Return the RPCs that are not answered yet."""
        return [step for step in self.outstanding.values() if isinstance(step, Operate)]

    def sent_io(self, step: Io) -> None:
        """Record a request for blocks, or a flush."""
        self.connections[step.connection].add(step.op)
        if step.__class__ in CHANGING:
            self._hold(step, 1)
        self.outstanding[step.op] = step

    def opened(self, step: Open) -> None:
        """Record a new connection of a host."""
        self.connections[step.connection] = set()
        session = self._sessions.get(step.host, [])
        # A queue that the host has closed and opens anew at once is no longer its own.
        kept = [each for each in session if each not in self._closed]
        self._sessions[step.host] = [*kept, step.connection]

    def closed(self, step: Disconnect) -> None:
        """Record that a host has closed a connection, which the target may still hold."""
        self._closed.add(step.connection)

    def connects(self, step: Connect) -> None:
        """Record that a queue is being connected; the admin queue is a session's first."""
        self.connections[step.connection].add(step.op)
        if step.qid == 0:
            self._sessions[step.host] = [step.connection]

    def lose_host(self, host: int) -> None:
        """Cut this host off: it receives nothing on its present connections."""
        mine = self._sessions.get(host, [])
        self.lost_connections.update(each for each in mine if each in self.connections)

    # Answers.

    def answered_io(self, step: Io, status: int) -> None:
        """Record the answer to a request for blocks; the blocks have the data of a write that succeeded."""
        self.connections[step.connection].discard(step.op)
        if step.__class__ not in CHANGING:
            return
        self._hold(step, -1)
        if status == 0 and step.__class__ in (Write, CompareAndWrite):
            for lba in range(step.slba, step.slba + step.blocks):
                if lba not in self.writing:
                    self.newest[lba] = step

    def _hold(self, step: Changing, change: int) -> None:
        for lba in range(step.slba, step.slba + step.blocks):
            self.newest.pop(lba, None)
            count = self.writing.get(lba, 0) + change
            if count:
                self.writing[lba] = count
            else:
                del self.writing[lba]

    def connection_ended(self, connection: int) -> None:
        """Drop a connection that the target has destroyed, with all its requests."""
        self.lost_connections.discard(connection)
        self._closed.discard(connection)
        for op in sorted(self.connections.pop(connection, ())):
            step = self.outstanding.pop(op, None)
            if isinstance(step, CHANGING):
                self._hold(step, -1)
        for op, step in list(self.outstanding.items()):
            if isinstance(step, (Open, Disconnect)) and step.connection == connection:
                del self.outstanding[op]

    def target_lost(self) -> None:
        """Drop everything, since the target can't answer any more."""
        for connection in sorted(self.connections):
            self.connection_ended(connection)
        self.outstanding.clear()
        self.writing.clear()
        self.newest.clear()
        self.lost_connections.clear()
