"""Which connections hosts have, and what a host could do on each of them now.

A recorded step is taken again only where a host could take it: a read on a queue that is connected, a Connect on a
connection that was accepted. Thread and controller are what the target has answered this time.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from chaos.plan.faults import HOST_HEALS
from chaos.steps.schedule import Admin, Connect, Disconnect, HostStep, Impair, Open, OutsideStep
from workers.nvmf.controller import ADMIN_QID


class LinkState(Enum):
    """A connection as its host sees it."""

    OPENING = "opening"
    ACCEPTED = "accepted"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REFUSED = "refused"
    CLOSING = "closing"
    LOST = "lost"  # the host has forgotten it


class Link:
    """One connection of a host."""

    __slots__ = ("cntlid", "host", "number", "qid", "state", "thread")

    def __init__(self, number: int, host: int) -> None:
        self.number = number
        self.host = host
        self.state = LinkState.OPENING
        self.thread = 0
        self.qid = -1
        self.cntlid = 0


BEGUN = (LinkState.OPENING, LinkState.ACCEPTED, LinkState.CONNECTING)
CLOSABLE = (LinkState.ACCEPTED, LinkState.CONNECTING, LinkState.CONNECTED, LinkState.REFUSED)


class Sessions:
    """All connections, by number."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.slow: list[int] = []  # hosts that do nothing
        self.cut: list[int] = []  # hosts off the network

    def admin_of(self, host: int) -> Link | None:
        """The host's newest admin queue, if it is connected."""
        for link in reversed(self.links.values()):
            if link.host == host and link.qid == ADMIN_QID and link.state is LinkState.CONNECTED:
                return link
        return None

    def of(self, host: int) -> list[Link]:
        """The connections a host knows of, oldest first."""
        return [
            link
            for link in self.links.values()
            if link.host == host and link.state is not LinkState.LOST
        ]

    def heals(self) -> list[tuple[str, int]]:
        """What is still to be healed: (heal, host)."""
        return [(HOST_HEALS["network_cut"], host) for host in self.cut] + [
            (HOST_HEALS["host_slow"], host) for host in self.slow
        ]

    def may(self, step: HostStep) -> bool:
        """Could the host take this step now?"""
        if step.host in self.slow or step.host in self.cut:
            return False
        if isinstance(step, Open):
            is_busy = any(link.state in BEGUN for link in self.of(step.host))
            return step.connection not in self.links and not is_busy
        link = self.links.get(step.connection)
        if link is None or link.host != step.host:
            return False
        match step:
            case Connect():
                has_admin = step.qid == ADMIN_QID or self.admin_of(step.host) is not None
                return link.state is LinkState.ACCEPTED and has_admin
            case Disconnect():
                return link.state in CLOSABLE
            case Admin():
                return link.state is LinkState.CONNECTED and link.qid == ADMIN_QID
            case _:
                return link.state is LinkState.CONNECTED and link.qid != ADMIN_QID

    def may_impair(self, step: Impair) -> bool:
        """Can this happen to the host now?"""
        states = [link.state for link in self.of(step.host)]
        match step.fault:
            case "host_vanish":
                return LinkState.CONNECTED in states and step.host not in self.slow
            case "network_cut":
                is_idle = step.host in self.slow or step.host in self.cut
                return any(state in CLOSABLE for state in states) and not is_idle
            case "network_heal":
                return step.host in self.cut
            case "host_slow":
                return step.host not in self.slow
            case _:
                return step.host in self.slow

    def bind(self, step: HostStep) -> HostStep:
        """The step with the thread, and the controller, that the target has answered."""
        if isinstance(step, Open):
            return step
        step = msgspec.structs.replace(step, thread=self.links[step.connection].thread)
        if isinstance(step, Connect) and step.qid != ADMIN_QID:
            admin = self.admin_of(step.host)
            assert admin is not None, "an I/O queue is connected when the admin queue is"
            step = msgspec.structs.replace(step, cntlid=admin.cntlid)
        return step

    # What was done and told.

    def took(self, step: OutsideStep) -> None:
        """A step from outside was taken."""
        match step:
            case Open():
                self.links[step.connection] = Link(step.connection, step.host)
            case Connect():
                link = self.links[step.connection]
                link.state, link.qid = LinkState.CONNECTING, step.qid
            case Disconnect():
                self.links[step.connection].state = LinkState.CLOSING
            case Impair():
                self._impaired(step)
            case _:
                pass

    def _impaired(self, step: Impair) -> None:
        links = self.of(step.host)
        if step.fault == "host_slow":
            self.slow.append(step.host)
        elif step.fault == HOST_HEALS["host_slow"]:
            self.slow.remove(step.host)
        elif step.fault == "host_vanish":
            for link in links:
                link.state = LinkState.LOST
        elif step.fault == "network_cut":
            self.cut.append(step.host)
        elif step.fault == HOST_HEALS["network_cut"]:
            self.cut.remove(step.host)
            for link in links:
                # TCP has given up by now: all it can still do is to close.
                link.state = LinkState.REFUSED

    def answered(self, step: OutsideStep, status: int, value: int) -> None:
        """An answer to one of the hosts' steps."""
        if isinstance(step, (Open, Connect)):
            link = self.links.get(step.connection)
            if link is None:
                return
            if isinstance(step, Open) and status != 0:
                del self.links[step.connection]
            elif isinstance(step, Open) and link.state is LinkState.OPENING:
                link.state, link.thread = LinkState.ACCEPTED, value
            elif isinstance(step, Connect) and link.state is LinkState.CONNECTING:
                link.state = LinkState.CONNECTED if status == 0 else LinkState.REFUSED
                if step.qid == ADMIN_QID and status == 0:
                    link.cntlid = value

    def ended(self, connection: int) -> None:
        """The target has destroyed a connection."""
        self.links.pop(connection, None)

    def target_lost(self) -> None:
        """The target died, and all connections with it."""
        self.links.clear()
