"""The connections of hosts, and the steps that are possible on each of them now.

A recorded step is replayed only where a host can take it: a read on a queue that is connected, a Connect on a
connection that was accepted. Thread and controller come from the target's present answers.
"""

from __future__ import annotations

import msgspec

from chaos.plan.faults import HOST_HEALS
from chaos.run.link import BEGUN, CLOSABLE, Link, LinkState
from chaos.steps.schedule import Admin, Connect, Disconnect, HostStep, Impair, Open, OutsideStep
from workers.nvmf.controller import ADMIN_QID


class Sessions:
    """All connections, by number."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.slow: list[int] = []  # hosts that take no steps
        self.cut: list[int] = []  # hosts off the network

    def admin_of(self, host: int) -> Link | None:
        """Return the host's newest admin queue, if it is connected."""
        for link in reversed(self.links.values()):
            if link.host == host and link.qid == ADMIN_QID and link.state is LinkState.CONNECTED:
                return link
        return None

    def of(self, host: int) -> list[Link]:
        """Return the connections a host knows of, oldest first."""
        return [
            link
            for link in self.links.values()
            if link.host == host and link.state is not LinkState.LOST
        ]

    def heals(self) -> list[tuple[str, int]]:
        """Return what is still to be healed: (heal, host)."""
        return [(HOST_HEALS["network_cut"], host) for host in self.cut] + [
            (HOST_HEALS["host_slow"], host) for host in self.slow
        ]

    def may(self, step: HostStep) -> bool:
        """Return whether the host could take this step now."""
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
        """Return whether this can happen to the host now."""
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
        """Return the step with the thread, and the controller, that the target has answered."""
        if isinstance(step, Open):
            return step
        step = msgspec.structs.replace(step, thread=self.links[step.connection].thread)
        if isinstance(step, Connect) and step.qid != ADMIN_QID:
            admin = self.admin_of(step.host)
            assert admin is not None, "an I/O queue is connected when the admin queue is"
            step = msgspec.structs.replace(step, cntlid=admin.cntlid)
        return step

    # Steps and answers.

    def took(self, step: OutsideStep) -> None:
        """Record an outside step."""
        match step:
            case Open():
                self.links[step.connection] = Link(step.connection, step.host)
            case Connect():
                self.links[step.connection].connects(step.qid)
            case Disconnect():
                self.links[step.connection].closes()
            case Impair():
                self._impaired(step)
            case _:
                pass

    def _impaired(self, step: Impair) -> None:
        links = self.of(step.host)
        match step.fault:
            case "host_slow":
                self.slow.append(step.host)
            case "host_ready":
                self.slow.remove(step.host)
            case "host_vanish":
                for link in links:
                    link.forgotten()
            case "network_cut":
                self.cut.append(step.host)
            case "network_heal":
                self.cut.remove(step.host)
                for link in links:
                    link.reset()
            case _:
                pass

    def answered(self, step: OutsideStep, status: int, value: int) -> None:
        """Record an answer to one of the hosts' steps."""
        if not isinstance(step, (Open, Connect)) or step.connection not in self.links:
            return
        link = self.links[step.connection]
        if isinstance(step, Connect):
            link.answered(status, value)
        elif status == 0:
            link.accepted(value)
        else:
            del self.links[step.connection]

    def ended(self, connection: int) -> None:
        """Drop a connection that the target has destroyed."""
        self.links.pop(connection, None)

    def target_lost(self) -> None:
        """Drop all connections: the target died."""
        self.links.clear()
