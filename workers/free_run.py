"""A reactor running free: real clock, real concurrency, one order for all steps that touch shared memory.

Every step runs whole under one file lock and takes its ticket there. So the schedule of a free run is serial, and the step
log records it. The kernel frees the lock of a killed process, and the next reactor that takes it sees that the target is
dead.
"""

from __future__ import annotations

import fcntl
import os
import select
import time
from collections import deque
from typing import TYPE_CHECKING

import zmq

from workers.protocol import (
    Deliver,
    EngineStep,
    FinishIo,
    FireTimer,
    Frame,
    GaveUp,
    Message,
    Outcome,
    OutOfMemory,
    Pause,
    Run,
    Stepped,
    command_decoder,
)
from workers.step_log import StepLog

if TYPE_CHECKING:
    from workers.main import WorkerProcess

REPORT_STEPS_MAX = 64
MESSAGE_BATCH = 8  # SPDK handles as many in one poll of a thread
IDLE_WAIT_SECONDS_MAX = 0.05
MICROSECONDS = 1_000_000


class FreeRun:
    """The free run of one target's reactor, between each Run and Pause."""

    def __init__(self, process: WorkerProcess, command: Run, log: StepLog) -> None:
        self.process = process
        self.number = process.spec.number
        self.reactor = process.worker.reactor
        self.globals = process.block.globals
        self.latencies_us = command.latencies_us
        self.log = log
        self._next_latency = 0
        self._steps = 0
        self._unreported: list[tuple[EngineStep, Outcome]] = []
        self._due_ios: deque[tuple[float, FinishIo]] = deque()
        self._deliveries: deque[Deliver] = deque(
            step for step, mailbox in self.reactor.mailboxes.items() for _ in mailbox
        )
        self._timers: list[FireTimer] = []
        self._causes: dict[Deliver, deque[int]] = {}
        self._lock_file = os.open(process.spec.lock_path, os.O_RDWR)
        self._is_dead = False  # the target is dead, and this reactor stops

    def close(self) -> None:
        """Release the lock file, before another target."""
        os.close(self._lock_file)

    def serve(self) -> None:
        """Poll like a reactor: handle messages, disk completions and timers, report, and wait when idle."""
        while True:
            idle = not self._poll()
            if idle or len(self._unreported) >= REPORT_STEPS_MAX:
                self._report()
            if not self._take_frames(idle):
                break
        self._report()

    def _poll(self) -> bool:
        if self._is_dead:
            return False
        acted = False
        for _ in range(min(MESSAGE_BATCH, len(self._deliveries))):
            self._step(self._deliveries.popleft())
            acted = True
            if self._is_dead:
                return True
        now = time.monotonic()
        while self._due_ios and self._due_ios[0][0] <= now and not self._is_dead:
            self._step(self._due_ios.popleft()[1])
            acted = True
        if self._timers and self._timers[0].deadline_us <= self._clock_us() and not self._is_dead:
            self._step(self._timers.pop(0))
            acted = True
        return acted

    def _step(self, step: EngineStep) -> None:
        shared = self.globals
        causes = self._causes.get(step) if step.__class__ is Deliver else None
        cause = causes.popleft() if causes else 0
        fcntl.lockf(self._lock_file, fcntl.LOCK_EX)
        if shared.step_under_way:
            # Another reactor has crashed, or was killed in the middle of a step: no SPDK target outlives that.
            ticket = shared.step_under_way
            fcntl.lockf(self._lock_file, fcntl.LOCK_UN)
            self._is_dead = True
            # The controller must know of the crash or the kill; if there was none, raidstorm's own locking broke.
            self.process.reply(GaveUp(self.number, self.process.epoch, ticket))
            return
        self._steps += 1
        shared.step_under_way = ticket = self.process.block.take_ticket()
        self.log.begin(self._steps, ticket, step, cause)
        shared.clock_us = self._clock_us()
        worker = self.process.worker
        disk = worker.disks[step.disk] if step.__class__ is FinishIo else None
        if disk is not None:
            disk.begin_step()
        try:
            outcome = worker.perform(step)
        except MemoryError:
            # The step stays begun: to the others the target is dead.
            fcntl.lockf(self._lock_file, fcntl.LOCK_UN)
            self._is_dead = True
            self.process.reply(OutOfMemory(self.number))
            return
        if disk is not None:
            disk.end_step()
        self.log.done(outcome)
        if outcome.crash is None:
            shared.step_under_way = 0
        fcntl.lockf(self._lock_file, fcntl.LOCK_UN)
        self._absorb(step, outcome)

    def _absorb(self, step: EngineStep, outcome: Outcome) -> None:
        outgoing, outcome.outgoing = outcome.outgoing, []  # the controller doesn't use them
        self._unreported.append((step, outcome))
        if outcome.crash is not None:
            self._is_dead = True
            self._report()
            return
        for posted in outcome.posted:
            if posted.reactor == self.number:
                self._deliveries.append(posted)
                if posted in self._causes:
                    self._causes[posted].append(0)
        by_reactor: dict[int, list[Message]] = {}
        for message in outgoing:
            by_reactor.setdefault(message.reactor, []).append(message)
        for reactor, messages in by_reactor.items():
            self.process.peer(reactor)(
                Frame(self.number, self._steps, self.process.epoch, messages)
            )
        if outcome.started:
            now = time.monotonic()
            for started in outcome.started:
                self._due_ios.append((now + self._latency_us() / MICROSECONDS, started))
            self._due_ios = deque(sorted(self._due_ios, key=lambda due: due[0]))
        if outcome.armed:
            self._timers = sorted([*self._timers, *outcome.armed], key=lambda t: t.deadline_us)
        if outcome.replies:
            self._report()  # a host waits

    def _latency_us(self) -> int:
        latency = self.latencies_us[self._next_latency % len(self.latencies_us)]
        self._next_latency += 1
        return latency

    def _clock_us(self) -> int:
        # The machine's monotonic clock is the same for all reactors, so they agree on deadlines.
        return int(time.monotonic() * MICROSECONDS)

    def _report(self) -> None:
        if self._unreported:
            self.process.reply(Stepped(self.number, self._unreported))
            self._unreported = []

    def _take_frames(self, idle: bool) -> bool:
        """Receive frames; return False if the run is over."""
        inbox = self.process.inbox
        if idle:
            # ZeroMQ's own poll counts in milliseconds, so this uses the descriptor. It is edge-triggered, but the inbox was
            # drained to the end after the last edge, and nothing is ever sent on it.
            select.select([inbox.fileno()], [], [], self._wait_seconds())
        while True:
            try:
                command = command_decoder.decode(inbox.recv(zmq.NOBLOCK))
            except zmq.Again:
                return True
            match command:
                case Frame():
                    self.take_in(command)
                case Pause():
                    return False
                case _:
                    raise AssertionError(f"{type(command).__name__} came during a free run")

    def take_in(self, frame: Frame) -> None:
        """Receive a frame's messages, also while nothing runs."""
        if frame.epoch != self.process.epoch:
            return
        for message in frame.messages:
            self.reactor.receive(message)
            step = Deliver(self.number, message.sender, message.receiver)
            self._deliveries.append(step)
            self._causes.setdefault(step, deque()).append(max(frame.step_number, 0))

    def _wait_seconds(self) -> float:
        """Return the seconds until the next completion or timer."""
        if self._is_dead:
            return IDLE_WAIT_SECONDS_MAX
        waits = [IDLE_WAIT_SECONDS_MAX]
        if self._due_ios:
            waits.append(self._due_ios[0][0] - time.monotonic())
        if self._timers:
            waits.append((self._timers[0].deadline_us - self._clock_us()) / MICROSECONDS)
        return max(0.0, min(waits))
