"""The interface of a stepping driver: it performs steps, and decides nothing."""

from __future__ import annotations

from typing import Protocol

from workers.bdev.disk import Disk
from workers.protocol import DefectSource, EngineStep, Layout, Message, Outcome, WaitRow
from workers.shared import ControlBlock

Counts = list[tuple[str, str, int]]


class DriverError(Exception):
    """The driver itself broke (for example, a worker was killed from outside); the message is one sentence."""


class WorkerLostError(DriverError):
    """A process of the target was killed from outside, so nothing is known of this run; it can be run again."""


class SteppingDriver(Protocol):
    """``sim`` and ``lockstep``: the engine performs exactly the steps it is given."""

    name: str

    @property
    def block(self) -> ControlBlock:
        """Return what the target's reactors share."""

    @property
    def disks(self) -> list[Disk]:
        """Return the disks of the target."""

    def start(self, layout: Layout, defects: tuple[DefectSource, ...]) -> None:
        """Start a new target with blank disks."""

    def restart(self) -> None:
        """Start a new target, as its layout says: the old one is gone, with everything but its disks."""

    def perform(self, step: EngineStep) -> Outcome:
        """Perform one step; raise StepNotPossibleError where it isn't possible."""

    def send(self, message: Message) -> None:
        """Hand a message from outside to its reactor."""

    def census(self) -> Counts:
        """Return what is alive on all reactors."""

    def waits(self) -> list[WaitRow]:
        """Return what waits for what on all reactors."""

    def close(self) -> None:
        """End processes and free memory."""
