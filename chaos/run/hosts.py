"""Hosts: each connects its queues, does I/O, disconnects, and begins again."""

from __future__ import annotations

from enum import Enum

from chaos.base.prng import Stream
from chaos.plan.namespaces import all_namespaces, first_block
from chaos.plan.plan import Plan
from chaos.run.avoidance import holds_channels
from chaos.run.host_io import HostIo
from chaos.run.link import NO_THREAD, Link, LinkState
from chaos.run.model import Model
from chaos.steps.schedule import Admin, Connect, Disconnect, HostStep, Impair, Open, OutsideStep
from workers.nvmf.controller import ADMIN_QID
from workers.nvmf.status import CHANGED_NAMESPACE_LIST, AdminOpcode

GIVE_UP_ONE_IN = 100
ASK_FOR_SIZE_ONE_IN = 30  # turns, where disks can grow
REPLACE_ONE_IN = 40
EVENT_REQUESTS = 2
LEAVE_ONE_IN = 6  # event requests after the first event of a session
MICROSECONDS_PER_MS = 1_000


class HostState(Enum):
    """The activity of a host."""

    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"
    CLOSING = "closing"
    CUT = "cut"  # off the network


# A name of its own, since the lookup of a member in its class costs more than a comparison.
DOWN, CONNECTING, UP, CLOSING, CUT = HostState


class Host:
    """One NVMe-oF client. Queue 0 is the admin queue; a queue is opened, then connected."""

    def __init__(self, number: int, plan: Plan, model: Model, stream: Stream) -> None:
        self.number = number
        self.plan = plan
        self.model = model
        self.stream = stream
        self._keep_alive_us = plan.keep_alive_ms * MICROSECONDS_PER_MS // 2  # 0: there is none
        self.io = HostIo(number, plan, model, stream)
        self._last_namespace = all_namespaces(plan.layout)[-1]  # the one that grows with the array
        self._asks_for_size = plan.layout.capacity > plan.layout.disk_blocks
        self.state = DOWN
        self.is_slow = False
        self.ios_left = 0
        self.forget()

    def forget(self) -> None:
        """Forget all of its sessions."""
        self.links: list[Link] = []  # by qid
        self._to_close: list[Link] = []
        self._hurries = False  # it connects again before its old queues are gone
        self._event_requests = 0
        self._has_heard = False  # of an event in this session
        self._must_read_log = False
        self._must_identify = False
        self._kept_alive_us = 0

    # The next step, if there is one.

    def next_step(self, *, new_work: bool, gives_up: bool = False) -> HostStep | None:
        """Return the host's next step; without new work it only goes on with what it has begun.

        A host that gives up may close its connections at any point of their set-up.
        """
        state = self.state
        if self.is_slow or state is CUT:
            return None
        if state is UP:
            admin = (self._keep_alive() if self._keep_alive_us else None) or self._admin()
            return admin or (self._work() if new_work else None)
        if state is CONNECTING:
            if gives_up and self._accepted() and self.stream.chance(1, GIVE_UP_ONE_IN):
                return self.disconnect()
            return (self._keep_alive() if self._keep_alive_us else None) or self._connect_on()
        if state is CLOSING:
            step = self._close_on()
            # A host that is down by now can begin again at once, so the answer must not be that no step is possible.
            if step is not None or self.state is CLOSING:
                return step
        return self._begin() if new_work and not holds_channels(self.model) else None

    def _begin(self) -> HostStep:
        self.forget()
        self.state = CONNECTING
        self.ios_left = self.stream.between(*self.plan.ios_per_connection)
        return self._open()

    def _open(self) -> HostStep:
        link = Link(self.model.ledger.new_connection(), self.number)
        self.links.append(link)
        return Open(self.model.ledger.new_op(), self.number, link.number)

    def _connect_on(self) -> HostStep | None:
        link = self.links[-1]
        if link.awaits or holds_channels(self.model):
            return None
        if link.state is not LinkState.ACCEPTED:
            return self._open()
        qid = len(self.links) - 1
        link.connects(qid)
        return Connect(
            self.model.ledger.new_op(),
            self.number,
            link.number,
            link.thread,
            qid,
            self.links[ADMIN_QID].cntlid,
            self.plan.keep_alive_ms if qid == ADMIN_QID else 0,
        )

    def _accepted(self) -> list[Link]:
        """Return its accepted connections; one that is not accepted yet is the newest."""
        links = self.links
        return links if links and links[-1].thread != NO_THREAD else links[:-1]

    # Admin commands.

    def _keep_alive(self) -> HostStep | None:
        """Return a keep-alive where one is due: at each half of the time-out, once the admin queue is connected."""
        if not self.links or not self.links[ADMIN_QID].cntlid:
            return None
        if self.model.clock_us < self._kept_alive_us + self._keep_alive_us:
            return None
        self._kept_alive_us = self.model.clock_us
        return self._command(AdminOpcode.KEEP_ALIVE)

    def _admin(self) -> HostStep | None:
        if self._must_read_log:
            self._must_read_log = False
            self._must_identify = True
            return self._command(AdminOpcode.GET_LOG_PAGE, CHANGED_NAMESPACE_LIST)
        if self._must_identify:
            self._must_identify = False
            return self._command(AdminOpcode.IDENTIFY, 0, self._last_namespace)
        if self._asks_for_size and self.stream.chance(1, ASK_FOR_SIZE_ONE_IN):
            return self._command(AdminOpcode.IDENTIFY, 0, self._last_namespace)
        if self.plan.event_requests and self._event_requests < EVENT_REQUESTS:
            self._event_requests += 1
            if self._has_heard and self.stream.chance(1, LEAVE_ONE_IN):
                self.ios_left = 0
            return self._command(AdminOpcode.ASYNC_EVENT_REQUEST)
        return None

    def _command(self, opcode: AdminOpcode, first: int = 0, second: int = 0) -> HostStep:
        link = self.links[ADMIN_QID]
        op = self.model.ledger.new_op()
        return Admin(op, self.number, link.number, link.thread, int(opcode), first, second)

    # I/O.

    def _work(self) -> HostStep | None:
        if self.ios_left <= 0:
            return self.disconnect()
        qid = self.stream.between(1, len(self.links) - 1)
        link = self.links[qid]
        outstanding = self.model.ledger.connections[link.number]
        if outstanding and self.plan.abort_share and self.stream.chance(self.plan.abort_share, 100):
            return self._command(AdminOpcode.ABORT, qid, self.stream.choice(sorted(outstanding)))
        served = self.io.namespaces_on(link.thread)
        if not served or len(outstanding) >= self.plan.queue_depth:
            return None
        if self.plan.hurry_share and self.stream.chance(1, REPLACE_ONE_IN):
            return self._replace_queue()
        self.ios_left -= 1
        return self.io.next_step(link, served)

    def _replace_queue(self) -> HostStep:
        """Close the last I/O queue and connect another one with its id, while the old one may still drain."""
        self.state = CONNECTING
        return self._disconnect(self.links.pop())

    # Closing.

    def disconnect(self) -> HostStep | None:
        """Close all queues, in a drawn order."""
        self.begin_closing()
        return self._close_on()

    def begin_closing(self) -> None:
        """Close all queues that have not ended, from the next step on."""
        self.state = CLOSING
        self._hurries = self.plan.hurry_share > 0 and self.stream.chance(self.plan.hurry_share, 100)
        order = self.stream.shuffled(self._accepted())
        self._to_close = [link for link in order if link.state is not LinkState.ENDED]

    def _close_on(self) -> HostStep | None:
        if self._to_close:
            return self._disconnect(self._to_close.pop(0))
        if (self._hurries or not self._drains()) and not (self.links and self.links[-1].awaits):
            self.state = DOWN
        return None

    def _drains(self) -> bool:
        """Return whether the target has yet to destroy one of its connections."""
        return any(link.state is not LinkState.ENDED for link in self._accepted())

    def _disconnect(self, link: Link) -> Disconnect:
        link.closes()
        return Disconnect(self.model.ledger.new_op(), self.number, link.number, link.thread)

    def adopt(self, links: list[Link]) -> None:
        """Take over connections that it has not made itself; a set without a whole session can only be closed."""
        self.forget()
        opening = [link for link in links if link.state is LinkState.OPENING]
        closing = [link for link in links if link.state is LinkState.CLOSING]
        usable = [link for link in links if link not in opening and link not in closing]
        self.links = [*usable, *closing, *opening]
        connected = [LinkState.CONNECTED] * (self.plan.io_queues + 1)
        if links and [link.state for link in links] == connected:
            self.state = UP
        elif links:
            self.begin_closing()
            self._to_close = [link for link in self._to_close if link in usable]
            self._hurries = False

    # The nemesis's effects on it.

    @property
    def may_be_cut(self) -> bool:
        """Return whether it can lose the network, so that the tester can still end its connections afterwards."""
        begun = (LinkState.ACCEPTED, LinkState.CONNECTING)
        connecting = self.state is CONNECTING and bool(self.links) and self.links[-1].state in begun
        return not self.is_slow and (self.state is UP or connecting)

    @property
    def may_vanish(self) -> bool:
        """Return whether it can vanish, so that the target's keep-alive ends all its connections."""
        return self.state is UP and self.plan.keep_alive_ms > 0 and not self.is_slow

    def impair(self, step: Impair) -> None:
        """Carry out a fault or its heal."""
        match step.fault:
            case "host_vanish":
                self._lose_connections()
                self.forget()
                self.state = DOWN
            case "network_cut":
                self._lose_connections()
                self.state = CUT
            case "network_heal":
                # TCP has given up by now, so the rest of the old connections is reset.
                for link in self.links:
                    link.reset()
                self.begin_closing()
            case "host_slow":
                self.is_slow = True
            case "host_ready":
                self.is_slow = False
            case _:
                pass

    def _lose_connections(self) -> None:
        self.model.ledger.lost_connections.update(link.number for link in self.links)

    # The target's answers and events.

    def answered(self, step: OutsideStep, status: int, value: int) -> None:
        """Handle an answer to one of this host's steps."""
        match step:
            case Open() if self._is_newest(step.connection):
                self._opened(self.links[-1], status, value)
            case Connect() if self._is_newest(step.connection):
                self._connected(self.links[-1], step.qid, status, value)
            case Admin(opcode=AdminOpcode.ASYNC_EVENT_REQUEST) if self._is_admin(step.connection):
                self._event_requests -= 1
                self._must_read_log = True
                self._has_heard = True
            case Admin(opcode=AdminOpcode.IDENTIFY) if status == 0 and value:
                self.model.grown(first_block(self.plan.layout, self._last_namespace) + value)
            case _:
                pass

    def _is_newest(self, connection: int) -> bool:
        return bool(self.links) and self.links[-1].number == connection

    def _is_admin(self, connection: int) -> bool:
        return bool(self.links) and self.links[ADMIN_QID].number == connection

    def _opened(self, link: Link, status: int, thread: int) -> None:
        # A thread that the engine can't have is the check's finding (see checkers/protocol.py); no request can reach it.
        is_reachable = self.plan.target is not None or 1 <= thread <= self.plan.layout.reactors
        if status != 0 or not is_reachable:
            self.links.pop()
            if self.state is CONNECTING:
                self.begin_closing()
            return
        link.accepted(thread)
        if self.state is CLOSING:
            self._to_close.append(link)

    def _connected(self, link: Link, qid: int, status: int, value: int) -> None:
        link.answered(status, value)
        if self.state is not CONNECTING:
            return
        if status != 0:
            # It was refused, so end this session and close its connections.
            self.begin_closing()
            return
        if qid == ADMIN_QID:
            self._kept_alive_us = self.model.clock_us
        if qid == self.plan.io_queues:
            self.state = UP
            self._must_identify = self.plan.event_requests

    def connection_ended(self, connection: int) -> None:
        """Handle the end of a connection; one that the target closed by itself ends the session."""
        link = next((link for link in self.links if link.number == connection), None)
        if link is None:
            return
        link.destroyed()
        if link in self._to_close:
            self._to_close.remove(link)
        elif self.state in (CONNECTING, UP):
            self.begin_closing()

    def target_lost(self) -> None:
        """Reset all connections, since the target died."""
        if self.state is CUT:
            self.links = []
            return
        self.forget()
        self.state = DOWN
