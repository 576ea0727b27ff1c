"""Faults of hosts that had an effect: the target missed a host, or an answer did not reach one.

Injecting a fault does not count as an effect: a host that vanished idle, and came back before its keep-alive was due, is none.
"""

from __future__ import annotations

from collections import Counter

from chaos.plan.faults import FAULTS, HOST_FAULTS
from chaos.steps.history import Completed
from chaos.steps.schedule import (
    HOST_STEPS,
    Connect,
    Disconnect,
    HostStep,
    Impair,
    Open,
    OutsideStep,
)
from workers.nvmf.controller import ADMIN_QID
from workers.protocol import Event

_HOST_STEPS = frozenset(HOST_STEPS)


class Unseen:
    """A fault that counts once, when it has an effect."""

    def __init__(self, counts: Counter[str], fault: str) -> None:
        self._counts = counts
        self._name = FAULTS[fault].effect
        self._is_seen = False

    def see(self) -> None:
        """Count it, if this is the first time that something sees it."""
        self._counts[self._name] += not self._is_seen
        self._is_seen = True


class HostEffects:
    """Follows connections, controllers and answers along one history."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts
        self.forget()

    def forget(self) -> None:
        """Drop everything: the target has died, and all connections with it."""
        self.sent: dict[int, HostStep] = {}  # not answered yet
        self.hosts: dict[int, int] = {}  # open connection -> host
        self.controllers: dict[int, int] = {}  # open admin connection -> controller
        self.by_connection: dict[int, Unseen] = {}  # by connection: its host receives nothing
        self.by_controller: dict[int, Unseen] = {}  # by controller: its host has vanished
        self.slow: dict[int, Unseen] = {}  # by host

    def invoked(self, step: OutsideStep) -> None:
        """Take in a step from outside."""
        # Classes are compared: isinstance asks a struct's metaclass, which is slow.
        if step.__class__ in _HOST_STEPS:
            self.sent[step.op] = step
            if step.__class__ is Open:
                self.hosts[step.connection] = step.host
            elif step.__class__ is Disconnect:
                self._closed(step.connection)
        elif step.__class__ is Impair:
            self._impaired(step)

    def _closed(self, connection: int) -> None:
        self.hosts.pop(connection, None)
        self.controllers.pop(connection, None)

    def _impaired(self, step: Impair) -> None:
        if step.fault == "host_ready":
            self.slow.pop(step.host, None)
        if step.fault not in HOST_FAULTS:
            return
        fault = Unseen(self.counts, step.fault)
        if step.fault == "host_slow":
            self.slow[step.host] = fault
        for connection in [c for c, host in self.hosts.items() if host == step.host]:
            if step.fault == "network_cut":
                self.by_connection[connection] = fault
            if connection in self.controllers:
                self.by_controller[self.controllers[connection]] = fault
            if step.fault != "host_slow":
                self._closed(connection)

    def completed(self, entry: Completed) -> None:
        """Take in an answer that came to its host, though a slow one lets it wait."""
        step = self.sent.pop(entry.op, None)
        if step is None:
            return
        if step.__class__ is Connect and step.qid == ADMIN_QID and entry.status == 0:
            self.controllers[step.connection] = entry.value
        if step.host in self.slow:
            self.slow[step.host].see()

    def undelivered(self, op: int) -> None:
        """Take in an answer that did not reach its host; if its network is cut, that is the cut's effect."""
        step = self.sent.pop(op, None)
        if step is not None and step.connection in self.by_connection:
            self.by_connection[step.connection].see()

    def happened(self, event: Event) -> None:
        """Take in an event that the engine emitted."""
        if event.name == "nvmf.keep_alive_expired" and event.args[0] in self.by_controller:
            self.by_controller[event.args[0]].see()
        elif event.name == "nvmf.qpair_destroyed":
            self._closed(event.args[0])
