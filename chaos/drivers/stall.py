"""SIGSTOP of reactors that run free: one at a time, between two of its steps, and always followed by SIGCONT."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from chaos.drivers.processes import Processes
from chaos.run.driver import DriverError
from chaos.run.messages import message_of
from chaos.run.recorder import Recorder
from chaos.steps.schedule import Stall

LOCK_RETRY_SECONDS = 0.000_05
LOCK_SECONDS_MAX = 1.0
STOP_ATTEMPTS_MAX = 40_000
NO_DEADLINE = 1 << 62


@contextlib.asynccontextmanager
async def step_lock(path: Path) -> AsyncIterator[bool]:
    """Wait for a moment between two steps of all reactors; yield False if one has not ended its step for too long.

    The lock is the process's, not the task's: its holder must not let another task run.
    """
    descriptor = os.open(path, os.O_RDWR)
    is_held = False
    last = trio.current_time() + LOCK_SECONDS_MAX
    try:
        while not is_held and trio.current_time() < last:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_held = True
            except OSError:
                await trio.sleep(LOCK_RETRY_SECONDS)
        yield is_held
    finally:
        os.close(descriptor)  # this also releases the lock


class Stalls:
    """The reactor that is stopped now, if one is."""

    def __init__(self, processes: Processes, recorder: Recorder) -> None:
        self.processes = processes
        self.recorder = recorder
        self.reactor: int | None = None
        self._awaited: list[int] = []  # the ops without an answer from it when it was stopped

    def begin(self, step: Stall, nursery: trio.Nursery) -> None:
        """Begin a stall that was recorded; a task stops the reactor and continues it."""
        self.recorder.model.stalled = (step.reactor, NO_DEADLINE)  # the stall ends by wall clock
        # The target may end before the task runs, and the next target must not be stopped.
        nursery.start_soon(self._stall, step, self.processes.epoch)

    async def _stall(self, step: Stall, epoch: int) -> None:
        async with step_lock(self.processes.lock_path) as is_held:
            if is_held and epoch == self.processes.epoch:
                self._stop(step.reactor)
        await trio.sleep(step.length / 1_000)
        if epoch == self.processes.epoch:
            self.end()
            self.recorder.model.stalled = None

    def _stop(self, reactor: int) -> None:
        """Stop the reactor, with the lock held, since a stopped holder would stop all reactors.

        The reactor must stand still before the lock is released: a signal that was sent may not have arrived yet.
        """
        assert self.reactor is None, "of two reactors that are stopped only one would be continued"
        self.reactor = reactor
        layout = self.recorder.plan.layout
        self._awaited = [
            op
            for op, step in self.recorder.model.ledger.outstanding.items()
            if (message := message_of(step, layout)) is not None and message.reactor == reactor
        ]
        self.processes.signal_worker(reactor, signal.SIGSTOP)
        for _ in range(STOP_ATTEMPTS_MAX):
            if self.processes.stands_still(reactor):
                return
            time.sleep(LOCK_RETRY_SECONDS)
        raise DriverError(f"the process of reactor {reactor} doesn't stop")

    def end(self) -> None:
        """Continue the reactor that is stopped."""
        if self.reactor is not None:
            outstanding = self.recorder.model.ledger.outstanding
            if any(op in outstanding for op in self._awaited):
                self.recorder.held_up()
            self.processes.signal_worker(self.reactor, signal.SIGCONT)
            self.reactor = None
