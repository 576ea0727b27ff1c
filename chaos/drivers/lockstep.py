"""The driver ``lockstep``: one process per reactor, one grant at a time over ZeroMQ.

The controller chooses every step, as in ``sim``, and sees the same run: the fingerprints are equal.
"""

from __future__ import annotations

from chaos.base.interrupt import Lookout
from chaos.drivers.processes import CONTROLLER, Processes
from chaos.run.driver import Counts, DriverError
from workers.bdev.disk import Disk
from workers.protocol import (
    DefectSource,
    EngineStep,
    Frame,
    Layout,
    Message,
    NotPossible,
    Outcome,
    Perform,
    Performed,
    WaitRow,
)
from workers.reactor import StepNotPossibleError
from workers.shared import ControlBlock


class LockstepDriver:
    """Grants steps to worker processes and carries messages between them."""

    name = "lockstep"

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self._lookout = Lookout(processes.gives_up)
        self._inboxes: list[list[Message]] = []
        self._defects: tuple[DefectSource, ...] = ()

    @property
    def block(self) -> ControlBlock:
        """Return the control block, in shared memory."""
        return self.processes.block

    @property
    def disks(self) -> list[Disk]:
        """Return the disks, in shared memory."""
        return self.processes.disks

    def start(self, layout: Layout, defects: tuple[DefectSource, ...]) -> None:
        self._inboxes = [[] for _ in range(layout.reactors)]
        self._defects = defects
        self.processes.start_target(layout, defects)

    def restart(self) -> None:
        # A killed process and one that is reset between two steps leave the same state: that of the disks.
        assert self.processes.layout is not None, "a target is started before it is restarted"
        self._inboxes = [[] for _ in self._inboxes]
        self.processes.start_target(self.processes.layout, self._defects, new_disks=False)

    def perform(self, step: EngineStep) -> Outcome:
        self._lookout.look()
        reactor = step.reactor
        # Messages for a reactor wait here and travel with its next grant: a step is one round trip.
        inbox, self._inboxes[reactor] = self._inboxes[reactor], []
        self.processes.send(reactor, Perform(step, inbox))
        reply = self.processes.receive()
        if isinstance(reply, Performed):
            for message in reply.outcome.outgoing:
                self._inboxes[message.reactor].append(message)
            return reply.outcome
        if isinstance(reply, NotPossible):
            raise StepNotPossibleError(reply.sentence)
        raise DriverError(f"a worker answered a grant with {type(reply).__name__}")

    def send(self, message: Message) -> None:
        self._inboxes[message.reactor].append(message)

    def census(self) -> Counts:
        self._hand_over()
        return self.processes.census()

    def waits(self) -> list[WaitRow]:
        self._hand_over()
        return self.processes.waits()

    def _hand_over(self) -> None:
        """Deliver the messages that no grant has carried yet."""
        for reactor, inbox in enumerate(self._inboxes):
            if inbox:
                self.processes.send(reactor, Frame(CONTROLLER, 0, self.processes.epoch, inbox))
        self._inboxes = [[] for _ in self._inboxes]

    def close(self) -> None:
        self.processes.close()
