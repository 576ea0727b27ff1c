"""A reactor running free: real clock, real concurrency, one order for all steps that touch shared memory.

Every step runs whole under one file lock and takes its ticket there: the schedule of a free run is serial, and
the step records (program order, senders' step numbers, tickets) give it back. The kernel frees the lock of a
killed process.
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
    Message,
    Outcome,
    Pause,
    Run,
    Stepped,
    StepRecord,
    command_decoder,
)
from workers.shared import Globals

if TYPE_CHECKING:
    from workers.main import WorkerProcess

REPORT_STEPS_MAX = 64
MESSAGE_BATCH = 8  # as many as SPDK handles in one poll of a thread
IDLE_WAIT_SECONDS_MAX = 0.05
MICROSECONDS = 1_000_000


class FreeRun:
    """One free run of a worker, until Pause."""

    def __init__(self, process: WorkerProcess, command: Run) -> None:
        self.process = process
        self.number = process.spec.number
        self.reactor = process.worker.reactor
        self.globals = process.block.globals
        self.latencies_us = command.latencies_us
        self._next_latency = 0
        self._steps = 0
        self._records: list[StepRecord] = []
        self._due_ios: deque[tuple[float, FinishIo]] = deque()
        self._deliveries: deque[Deliver] = deque()
        self._timers: list[FireTimer] = []
        self._causes: dict[Deliver, deque[int]] = {}
        self._lock_file = os.open(process.spec.lock_path, os.O_RDWR)
        self._crashed = False

    def serve(self) -> None:
        """Poll like a reactor: messages, disk completions, timers; report; wait when idle."""
        for step in self.reactor.pending():
            if step.__class__ is Deliver:
                self._deliveries.append(step)
        while True:
            idle = not self._poll()
            if self._records and (idle or len(self._records) >= REPORT_STEPS_MAX):
                self._report()
            if not self._take_frames(idle):
                break
        self._report()
        os.close(self._lock_file)

    def _poll(self) -> bool:
        if self._crashed:
            return False
        acted = False
        for _ in range(min(MESSAGE_BATCH, len(self._deliveries))):
            self._step(self._deliveries.popleft())
            acted = True
            if self._crashed:
                return True
        now = time.monotonic()
        while self._due_ios and self._due_ios[0][0] <= now and not self._crashed:
            self._step(self._due_ios.popleft()[1])
            acted = True
        if self._timers and self._timers[0].deadline_us <= self._clock_us() and not self._crashed:
            self._step(self._timers.pop(0))
            acted = True
        return acted

    def _step(self, step: EngineStep) -> None:
        counters = self.globals.words
        place = Globals.FIRST_COUNTER + 2 * self.number
        fcntl.lockf(self._lock_file, fcntl.LOCK_EX)
        if self.globals.crashed:
            # An assertion on another reactor has killed the process that all of them are threads of.
            self._crashed = True
            fcntl.lockf(self._lock_file, fcntl.LOCK_UN)
            return
        self._steps += 1
        counters[place] = self._steps  # begun
        ticket = self.process.block.take_ticket()
        self.globals.clock_us = self._clock_us()
        outcome = self.process.worker.perform(step)
        self.globals.crashed = int(outcome.crash is not None)
        counters[place + 1] = self._steps  # done
        fcntl.lockf(self._lock_file, fcntl.LOCK_UN)
        causes = self._causes.get(step) if step.__class__ is Deliver else None
        self._records.append(
            StepRecord(self._steps, ticket, step, causes.popleft() if causes else 0, outcome)
        )
        self._absorb(outcome)

    def _absorb(self, outcome: Outcome) -> None:
        if outcome.crash is not None:
            self._crashed = True
            self._report()
            return
        for posted in outcome.posted:
            if posted.reactor == self.number:
                self._deliveries.append(posted)
                if posted in self._causes:
                    self._causes[posted].append(0)
        by_reactor: dict[int, list[Message]] = {}
        for message in outcome.outgoing:
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
        # The machine's monotonic clock: the same for all reactors, so that deadlines mean the same.
        return int(time.monotonic() * MICROSECONDS)

    def _report(self) -> None:
        if self._records:
            self.process.reply(Stepped(self.number, self._records))
            self._records = []

    def _take_frames(self, idle: bool) -> bool:
        """Take in what has arrived; False: the run is over."""
        inbox = self.process.inbox
        if idle:
            # ZeroMQ's own poll counts in milliseconds. Its descriptor is edge-triggered, but the inbox was
            # drained to the end after the last edge, and nothing is ever sent on it.
            select.select([inbox.fileno()], [], [], self._wait_seconds())
        while True:
            try:
                command = command_decoder.decode(inbox.recv(zmq.NOBLOCK))
            except zmq.Again:
                return True
            match command:
                case Frame():
                    self._take_in(command)
                case Pause():
                    return False
                case _:
                    raise AssertionError(f"{type(command).__name__} came during a free run")

    def _take_in(self, frame: Frame) -> None:
        if frame.epoch != self.process.epoch:
            return
        for message in frame.messages:
            self.reactor.receive(message)
            step = Deliver(self.number, message.sender, message.receiver)
            self._deliveries.append(step)
            self._causes.setdefault(step, deque()).append(max(frame.step_number, 0))

    def _wait_seconds(self) -> float:
        """Until the next completion or timer."""
        if self._crashed:
            return IDLE_WAIT_SECONDS_MAX
        waits = [IDLE_WAIT_SECONDS_MAX]
        if self._due_ios:
            waits.append(self._due_ios[0][0] - time.monotonic())
        if self._timers:
            waits.append((self._timers[0].deadline_us - self._clock_us()) / MICROSECONDS)
        return max(0.0, min(waits))
