"""The steps of a target in C that are possible now, from its records: messages, disk I/O, timers."""

from __future__ import annotations

from chaos.drivers.native.disk_queue import PendingIo
from workers.protocol import APP_THREAD, POLLERS, Deliver, FinishIo, FireTimer, Layout, Outcome
from workers.reactor import FIRST_DYNAMIC_THREAD, FIRST_POLL_GROUP_THREAD, StepNotPossibleError

FIRST_DELAY = (
    1 << 16
)  # timers that delay an I/O are numbered from here; those of the target by their thread


class Possible:
    """Adds what becomes possible to an outcome, and takes what is being done."""

    def __init__(self, layout: Layout) -> None:
        self._reactors = layout.reactors
        self._messages: dict[int, int] = {}  # thread -> messages of the target that wait
        self._deliveries: dict[int, Deliver] = {}
        self._ios: dict[FinishIo, PendingIo] = {}
        self._timers: dict[FireTimer, PendingIo | None] = {}
        self._last_number = FIRST_DELAY
        self.clock_us = 0

    def reactor_of(self, thread: int) -> int:
        """Return the reactor on which a thread counts as running, as in the engine."""
        if thread == APP_THREAD:
            return 0
        if thread < FIRST_DYNAMIC_THREAD:
            return min(thread - FIRST_POLL_GROUP_THREAD, self._reactors - 1)
        return thread % self._reactors

    # Messages.

    def posted(self, thread: int, outcome: Outcome) -> None:
        """Add a message of the target that waits for a thread."""
        self._messages[thread] = self._messages.get(thread, 0) + 1
        step = self._deliveries.get(thread)
        if step is None:
            step = self._deliveries[thread] = Deliver(self.reactor_of(thread), thread, thread)
        outcome.posted.append(step)

    def take_message(self, thread: int) -> None:
        """Take a message; raise StepNotPossibleError where none waits."""
        if not self._messages.get(thread):
            raise StepNotPossibleError(f"no message waits for thread {thread}")
        self._messages[thread] -= 1

    def poll(self, thread: int, outcome: Outcome) -> None:
        """Add a step of a thread's pollers, for which something waits."""
        outcome.posted.append(Deliver(self.reactor_of(thread), POLLERS, thread))

    # Disk I/O.

    def offer(self, ios: list[PendingIo], outcome: Outcome) -> None:
        """Let these I/Os end from now on, each by a step of its own."""
        for pending in ios:
            io, tag = pending.io, 0
            reactor = self.reactor_of(pending.thread)
            while True:
                step = FinishIo(
                    reactor, pending.thread, pending.disk, int(io.io_type), io.offset, io.count, tag
                )
                if step not in self._ios:
                    break
                tag += 1
            self._ios[step] = pending
            outcome.started.append(step)

    def take_io(self, step: FinishIo) -> PendingIo:
        """Take an I/O that is to end; raise StepNotPossibleError where it isn't in flight."""
        pending = self._ios.pop(step, None)
        if pending is None:
            raise StepNotPossibleError(f"no such I/O is in flight: {step}")
        return pending

    # Time.

    def armed(self, thread: int, deadline_us: int, outcome: Outcome) -> None:
        """Add a timer of the target's thread, due at this time."""
        timer = FireTimer(self.reactor_of(thread), deadline_us, thread, thread)
        if timer not in self._timers:
            self._timers[timer] = None
            outcome.armed.append(timer)

    def delay(self, pending: PendingIo, delay_us: int, outcome: Outcome) -> None:
        """Let an I/O end only after a delay."""
        self._last_number += 1
        reactor = self.reactor_of(pending.thread)
        deadline_us = self.clock_us + delay_us
        timer = FireTimer(reactor, deadline_us, pending.thread, self._last_number)
        self._timers[timer] = pending
        outcome.armed.append(timer)

    def take_timer(self, timer: FireTimer) -> PendingIo | None:
        """Let time pass to a timer; return the I/O that it delayed, or None: it is the target's own."""
        if timer not in self._timers:
            raise StepNotPossibleError(f"no such timer is armed: {timer}")
        self.clock_us = max(self.clock_us, timer.deadline_us)
        return self._timers.pop(timer)
