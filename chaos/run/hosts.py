"""Hosts: each connects its queues, does I/O, disconnects, and begins again."""

from __future__ import annotations

from enum import Enum

from chaos.base.prng import Stream
from chaos.plan.plan import Plan
from chaos.run.model import Model
from chaos.run.placement import placement_of
from chaos.steps.schedule import (
    OF_BLOCKS,
    Admin,
    CompareAndWrite,
    Connect,
    Disconnect,
    Flush,
    HostStep,
    Impair,
    Open,
    OutsideStep,
    Read,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.nvmf.controller import ADMIN_QID
from workers.nvmf.status import CHANGED_NAMESPACE_LIST, AdminOpcode

PLACE_ATTEMPTS = 4
GIVE_UP_ONE_IN = 100
REPLACE_ONE_IN = 40
COMPARED_BLOCKS_MAX = 4
EVENT_REQUESTS = 2
MICROSECONDS_PER_MS = 1_000


class HostState(Enum):
    """What a host is about."""

    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"
    CLOSING = "closing"
    CUT = "cut"  # off the network


class Host:
    """One NVMe-oF client. Queue 0 is the admin queue; a queue is opened, then connected."""

    def __init__(self, number: int, plan: Plan, model: Model, stream: Stream) -> None:
        self.number = number
        self.plan = plan
        self.model = model
        self.stream = stream
        self._strategic_place = placement_of(plan.strategies)
        self.state = HostState.DOWN
        self.is_slow = False
        self.ios_left = 0
        self.forget()

    def forget(self) -> None:
        """Nothing is left of its sessions."""
        self.connections: list[int] = []  # by qid
        self.threads: list[int] = []
        self.cntlid = 0
        self.waiting = False  # for an answer of connection set-up
        self.accepted = False  # the newest connection; it is connected next
        self.to_close: list[int] = []
        self.closing: set[int] = set()
        self.gone: list[int] = []  # connections that ended while the host was off the network
        self.hurries = False  # it connects again before the target is done with its old queues
        self.event_requests = 0
        self.must_read_log = False
        self.must_identify = False
        self.kept_alive_us = 0

    # What it does next, if anything.

    def next_step(self, *, new_work: bool, gives_up: bool = False) -> HostStep | None:
        """The host's next step; without new work it only goes on with what it has begun.

        One that gives up may close its connections at any point of their set-up.
        """
        if self.is_slow:
            return None
        match self.state:
            case HostState.DOWN:
                return self._begin() if new_work else None
            case HostState.CONNECTING:
                if gives_up and self.threads and self.stream.chance(1, GIVE_UP_ONE_IN):
                    return self.disconnect()
                return self._keep_alive() or self._connect_on()
            case HostState.UP:
                admin = self._keep_alive() or self._admin()
                return admin or (self._work() if new_work else None)
            case HostState.CLOSING:
                step = self._close_on()
                # The state may have moved on: whoever asks must not be told that nothing is possible.
                is_down = self.state is not HostState.CLOSING
                return self._begin() if step is None and is_down and new_work else step
            case HostState.CUT:
                return None

    def _begin(self) -> HostStep:
        self.forget()
        self.state = HostState.CONNECTING
        self.ios_left = self.stream.between(*self.plan.ios_per_connection)
        return self._open()

    def _open(self) -> HostStep:
        self.waiting = True
        self.accepted = False
        self.connections.append(self.model.ledger.new_connection())
        return Open(self.model.ledger.new_op(), self.number, self.connections[-1])

    def _connect_on(self) -> HostStep | None:
        if self.waiting:
            return None
        if not self.accepted:
            return self._open()
        self.waiting = True
        qid = len(self.connections) - 1
        return Connect(
            self.model.ledger.new_op(),
            self.number,
            self.connections[qid],
            self.threads[qid],
            qid,
            self.cntlid,
            self.plan.keep_alive_ms if qid == ADMIN_QID else 0,
        )

    # Admin commands.

    def _keep_alive(self) -> HostStep | None:
        """Due each half of the time-out, once the admin queue is connected."""
        if not self.plan.keep_alive_ms or not self.cntlid:
            return None
        due_us = self.kept_alive_us + self.plan.keep_alive_ms * MICROSECONDS_PER_MS // 2
        if self.model.clock_us < due_us:
            return None
        self.kept_alive_us = self.model.clock_us
        return self._command(AdminOpcode.KEEP_ALIVE)

    def _admin(self) -> HostStep | None:
        if self.must_read_log:
            self.must_read_log = False
            self.must_identify = True
            return self._command(AdminOpcode.GET_LOG_PAGE, CHANGED_NAMESPACE_LIST)
        if self.must_identify:
            self.must_identify = False
            return self._command(AdminOpcode.IDENTIFY, 0, 1)
        if self.plan.event_requests and self.event_requests < EVENT_REQUESTS:
            self.event_requests += 1
            return self._command(AdminOpcode.ASYNC_EVENT_REQUEST)
        return None

    def _command(self, opcode: AdminOpcode, first: int = 0, second: int = 0) -> HostStep:
        return Admin(
            self.model.ledger.new_op(),
            self.number,
            self.connections[ADMIN_QID],
            self.threads[ADMIN_QID],
            int(opcode),
            first,
            second,
        )

    # I/O.

    def _work(self) -> HostStep | None:
        if self.ios_left <= 0:
            return self.disconnect()
        qid = self.stream.between(1, len(self.connections) - 1)
        connection = self.connections[qid]
        outstanding = self.model.ledger.connections[connection]
        if outstanding and self.plan.abort_share and self.stream.chance(self.plan.abort_share, 100):
            return self._command(AdminOpcode.ABORT, qid, self.stream.choice(sorted(outstanding)))
        if not self._is_served(self.threads[qid]) or len(outstanding) >= self.plan.queue_depth:
            return None
        if self.plan.hurry_share and self.stream.chance(1, REPLACE_ONE_IN):
            return self._replace_queue()
        self.ios_left -= 1
        return self._io(connection, self.threads[qid])

    def _is_served(self, thread: int) -> bool:
        """Does it find the namespace? Who aims its I/O doesn't wait to be told of an attachment."""
        model = self.model
        if model.service.namespace_attached or self._strategic_place is None:
            return model.service.namespace_attached
        return thread in model.service.served_threads

    def _replace_queue(self) -> HostStep:
        """Give the last I/O queue up and connect another one with its id, while the old one may still drain."""
        self.state = HostState.CONNECTING
        self.accepted = self.waiting = False
        connection, thread = self.connections.pop(), self.threads.pop()
        return Disconnect(self.model.ledger.new_op(), self.number, connection, thread)

    def _io(self, connection: int, thread: int) -> HostStep:
        stream, plan, model = self.stream, self.plan, self.model
        if stream.chance(plan.flush_share, 100):
            return Flush(model.ledger.new_op(), self.number, connection, thread)
        blocks = stream.between(1, plan.blocks_per_io_max)
        slba = self._place(blocks)
        if not stream.chance(plan.read_share, 100):
            # Hosts don't change blocks that a change is still out for: then any order would be right.
            for _ in range(PLACE_ATTEMPTS):
                if not model.ledger.is_being_written(slba, blocks):
                    return self._change(connection, thread, slba, blocks)
                slba = self._place(blocks)
        return Read(model.ledger.new_op(), self.number, connection, thread, slba, blocks)

    def _place(self, blocks: int) -> int:
        """Where an I/O goes: anywhere, or where the plan's strategy wants it."""
        if self._strategic_place is not None:
            slba = self._strategic_place(self.stream, self.model, blocks)
            if slba is not None:
                return slba
        if self.plan.meet_share and self.stream.chance(self.plan.meet_share, 100):
            busy = [
                step.slba
                for step in self.model.ledger.outstanding.values()
                if isinstance(step, OF_BLOCKS)
            ]
            if busy:
                return min(self.stream.choice(busy), self.model.blocks - blocks)
        return self.stream.integer_below(self.model.blocks - blocks + 1)

    def _change(self, connection: int, thread: int, slba: int, blocks: int) -> HostStep:
        stream, plan, op = self.stream, self.plan, self.model.ledger.new_op()
        where = (op, self.number, connection, thread, slba, blocks)
        if plan.unmap_share and stream.chance(plan.unmap_share, 100):
            return Unmap(*where)
        if plan.write_zeroes_share and stream.chance(plan.write_zeroes_share, 100):
            return WriteZeroes(*where)
        if plan.compare_share and stream.chance(plan.compare_share, 100):
            held = self.model.ledger.newest.get(slba)
            if held is not None:
                return self._compare(where, held)
        fua = plan.fua_share > 0 and stream.chance(plan.fua_share, 100)
        return Write(*where, fua)

    def _compare(
        self, where: tuple[int, int, int, int, int, int], held: Write | CompareAndWrite
    ) -> HostStep:
        """Of as many blocks as are known to hold the same write; now and then it expects another one."""
        op, host, connection, thread, slba, blocks = where
        count = 1
        while (
            count < min(blocks, COMPARED_BLOCKS_MAX)
            and self.model.ledger.newest.get(slba + count) is held
        ):
            count += 1
        expected = held.op if self.stream.chance(3, 4) else held.op + 1
        return CompareAndWrite(op, host, connection, thread, slba, count, held.host, expected)

    # Closing.

    def disconnect(self) -> HostStep | None:
        """Close all queues, in a drawn order."""
        self.begin_closing()
        return self._close_on()

    def begin_closing(self) -> None:
        """From the next step on, close all queues."""
        self.state = HostState.CLOSING
        self.hurries = self.plan.hurry_share > 0 and self.stream.chance(self.plan.hurry_share, 100)
        self.to_close = self.stream.shuffled(range(len(self.threads)))
        self.closing = {self.connections[qid] for qid in self.to_close}

    def _close_on(self) -> HostStep | None:
        if not self.to_close:
            if (self.hurries or not self.closing) and not self.waiting:
                self.state = HostState.DOWN
            return None
        qid = self.to_close.pop(0)
        return Disconnect(
            self.model.ledger.new_op(), self.number, self.connections[qid], self.threads[qid]
        )

    # What the nemesis does to it.

    @property
    def may_be_cut(self) -> bool:
        """Can it lose the network, so that the tester can still end its connections afterwards?"""
        connecting = self.state is HostState.CONNECTING and self.accepted
        return not self.is_slow and (self.state is HostState.UP or connecting)

    @property
    def may_vanish(self) -> bool:
        """Can it vanish, so that the target's keep-alive ends all its connections?"""
        return self.state is HostState.UP and self.plan.keep_alive_ms > 0 and not self.is_slow

    def impair(self, step: Impair) -> None:
        """Carry out a fault or its heal."""
        match step.fault:
            case "host_vanish":
                self.model.ledger.lost_connections.update(self.connections)
                self.forget()
                self.state = HostState.DOWN
            case "network_cut":
                self.model.ledger.lost_connections.update(self.connections)
                self.state = HostState.CUT
            case "network_heal":
                # TCP has given up by now: what is left of the old connections is reset.
                self.waiting = False
                self.begin_closing()
                self.closing.difference_update(self.gone)
                self.to_close = [
                    qid for qid in self.to_close if self.connections[qid] not in self.gone
                ]
            case "host_slow":
                self.is_slow = True
            case "host_ready":
                self.is_slow = False
            case _:
                pass

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
            case Admin(opcode=AdminOpcode.ASYNC_EVENT_REQUEST) if self._is_admin(step.connection):
                self.event_requests -= 1
                self.must_read_log = True
            case Admin(opcode=AdminOpcode.IDENTIFY) if status == 0 and value:
                self.model.grown(value)
            case _:
                pass

    def _is_admin(self, connection: int) -> bool:
        return self.connections[:1] == [connection]

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
        if qid == ADMIN_QID:
            self.cntlid = value
            self.kept_alive_us = self.model.clock_us
        if qid == self.plan.io_queues:
            self.state = HostState.UP
            self.must_identify = self.plan.event_requests
        else:
            self.accepted = False

    def connection_ended(self, connection: int) -> None:
        """The target has destroyed a connection; one it closed by itself ends the session."""
        if connection not in self.connections:
            return
        self.closing.discard(connection)
        if self.state is HostState.CUT:
            self.gone.append(connection)
            return
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
        if self.state is HostState.CUT:
            self.connections, self.threads, self.cntlid = [], [], 0
            return
        self.forget()
        self.state = HostState.DOWN

    def _newest(self) -> int:
        return self.connections[-1] if self.connections else -1
