"""What a stepping driver is: it turns the crank, and decides nothing."""

from __future__ import annotations

from typing import Protocol

from workers.bdev.disk import Disk
from workers.protocol import DefectSource, EngineStep, Layout, Message, Outcome, WaitRow
from workers.shared import ControlBlock

Counts = list[tuple[str, str, int]]


class DriverError(Exception):
    """The driver itself broke (a worker was killed from outside, say), in one sentence."""


class SteppingDriver(Protocol):
    """``sim`` and ``lockstep``: the engine performs exactly the steps it is told."""

    name: str

    @property
    def block(self) -> ControlBlock:
        """What the target's reactors share."""

    @property
    def disks(self) -> list[Disk]:
        """The disks of the target."""

    def start(self, layout: Layout, defects: tuple[DefectSource, ...]) -> None:
        """Blank disks and a new target."""

    def restart(self) -> None:
        """The target is gone, with everything but its disks; a new one begins, as its layout says."""

    def perform(self, step: EngineStep) -> Outcome:
        """Perform one step; raises StepNotPossibleError."""

    def send(self, message: Message) -> None:
        """A message from outside reaches its reactor."""

    def census(self) -> Counts:
        """What is alive on all reactors."""

    def waits(self) -> list[WaitRow]:
        """What waits for what on all reactors."""

    def close(self) -> None:
        """End processes, free memory."""
