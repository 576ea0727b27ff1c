"""The interface of a stepping driver: it performs steps, and decides nothing."""

from __future__ import annotations

from typing import Protocol

from workers.bdev.disk import Disk
from workers.protocol import DefectSource, EngineStep, Layout, Message, Outcome, WaitRow
from workers.shared import ControlBlock

Counts = list[tuple[str, str, int]]


class DriverError(Exception):
    """The driver itself broke (for example, a worker was killed from outside); the message is one sentence."""


class SteppingDriver(Protocol):
    """The interface of ``sim`` and ``lockstep``: the engine performs exactly the given steps."""

    name: str

    @property
    def block(self) -> ControlBlock:
        """The shared memory of the target's reactors."""

    @property
    def disks(self) -> list[Disk]:
        """The disks of the target."""

    def start(self, layout: Layout, defects: tuple[DefectSource, ...]) -> None:
        """Make blank disks and a new target."""

    def restart(self) -> None:
        """Start a new target on the disks of the old one, as its layout says."""

    def perform(self, step: EngineStep) -> Outcome:
        """Perform one step; raise StepNotPossibleError where it isn't possible."""

    def send(self, message: Message) -> None:
        """Deliver a message from outside to its reactor."""

    def census(self) -> Counts:
        """Count the live objects on all reactors."""

    def waits(self) -> list[WaitRow]:
        """Return the waits of all reactors."""

    def close(self) -> None:
        """End processes and free memory."""
