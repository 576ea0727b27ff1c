"""A worker without its process: command in, reply out. An engine exception becomes a crash here."""

from __future__ import annotations

import traceback
from pathlib import PurePath

from workers.bdev.disk import Disk
from workers.defects.loader import compose
from workers.errors import ANYTHING_RAISED
from workers.protocol import Crash, DefectSource, EngineStep, Layout, Outcome
from workers.reactor import Reactor, StepNotPossibleError
from workers.shared import ControlBlock


class Worker:
    """One reactor, rebuilt at each reset. The control block must have been cleared before the first one."""

    def __init__(self, number: int, block: ControlBlock, disks: list[Disk]) -> None:
        self.number = number
        self.block = block
        self.disks = disks
        self._reactor: Reactor | None = None

    @property
    def reactor(self) -> Reactor:
        """Return the reactor of the target that runs now."""
        assert self._reactor is not None, "a worker is reset before it is used"
        return self._reactor

    def reset(self, layout: Layout, defects: tuple[DefectSource, ...]) -> Outcome:
        """Start a new target on this reactor."""
        classes = compose(defects)
        self._reactor = Reactor(self.number, self.block, self.disks, layout, classes)
        return self.reactor.take_outcome()

    def perform(self, step: EngineStep) -> Outcome:
        """Perform a step; whatever the engine raises is the target crashing.

        But for MemoryError: it says nothing of the engine. The reactor is good for nothing after it.
        """
        reactor = self._reactor
        assert reactor is not None, "a worker is reset before it is used"
        try:
            return reactor.perform(step)
        except (StepNotPossibleError, MemoryError):
            raise
        except ANYTHING_RAISED as error:  # the edge: an exception inside the engine is a finding
            outcome = reactor.take_outcome()
            outcome.crash = describe_crash(reactor, error)
            return outcome


def describe_crash(reactor: Reactor, error: BaseException) -> Crash:
    """Describe a crash for the report."""
    frames = traceback.extract_tb(error.__traceback__)
    innermost = frames[-1]
    lines = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return Crash(
        reactor=reactor.number,
        thread=reactor.current_thread,
        kind=type(error).__name__,
        message=str(error),
        where=f"{_short(innermost.filename)}:{innermost.name}",
        traceback="\n".join(lines),
    )


def _short(filename: str) -> str:
    # The last two parts: no path of this machine gets into a report.
    return "/".join(PurePath(filename).parts[-2:])
