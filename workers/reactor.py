"""A reactor: SPDK threads, their mailboxes, timers and disk I/O in flight. Mirrors lib/event.

It never acts on its own: :meth:`Reactor.pending` returns the possible steps, and :meth:`Reactor.perform` performs
one of them. Which steps are possible depends on the reactor's own heap alone, never on shared memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from types import CoroutineType
from typing import Any

from workers.bdev.disk import Disk
from workers.bdev.media import DiskIo
from workers.engine import EngineClasses, Services, build_services
from workers.errors import EIO, OK
from workers.protocol import (
    APP_THREAD,
    OPERATOR,
    Answer,
    Argument,
    Deliver,
    EngineStep,
    Event,
    FinishIo,
    FireTimer,
    Layout,
    Message,
    Outcome,
    Reply,
)
from workers.shared import THREADS_MAX, ControlBlock
from workers.thread import Future, SpdkThread, run_flow

FIRST_POLL_GROUP_THREAD = 1
FIRST_DYNAMIC_THREAD = 16
CREATE_THREAD = "reactor.create_thread"
# The receiving thread may have exited by the time these arrive.
MAY_COME_TOO_LATE = ("nvmf.disconnect", "nvmf.namespace_changed", "rebuild.stop_requested")


class StepNotPossibleError(Exception):
    """The requested step is not possible now; nothing has changed."""


class Reactor:
    """One core of the target. ``number`` 0 also carries the app thread."""

    def __init__(
        self,
        number: int,
        block: ControlBlock,
        disks: list[Disk],
        layout: Layout,
        classes: EngineClasses,
    ) -> None:
        self.number = number
        self.block = block
        self.disks = disks
        self.layout = layout
        self.classes = classes
        self.threads: dict[int, SpdkThread] = {}
        self.mailboxes: dict[Deliver, deque[Message]] = {}
        self.ios: dict[FinishIo, DiskIo] = {}
        self.timers: dict[FireTimer, Future] = {}
        self._last_number = 0
        self._deliveries: dict[tuple[int, int], Deliver] = {}
        self._handlers: dict[str, Callable[..., Any]] = {}
        self.current_thread = -1
        self.outcome = Outcome([], [], [], [], [], [])
        self.io_devices = classes.io_devices(self)
        if number == 0:
            self.add_thread(APP_THREAD, "app_thread")
        self.services: Services = build_services(self)

    # Threads.

    def add_thread(self, thread_id: int, name: str) -> SpdkThread:
        """Create a thread on this reactor."""
        thread = self.threads[thread_id] = SpdkThread(self, thread_id, name)
        shared = self.block.globals
        shared.thread_mask |= 1 << thread_id
        shared.born_mask |= 1 << thread_id
        return thread

    def exit_thread(self, thread: SpdkThread) -> None:
        """End a thread that has released everything (``spdk_thread_exit``)."""
        assert not thread.channels, f"{thread.name} exits with {list(thread.channels.values())}"
        assert not thread.calls, f"{thread.name} exits while it awaits answers"
        del self.threads[thread.id]
        self.block.globals.thread_mask &= ~(1 << thread.id)

    def take_thread_id(self) -> int:
        """Reserve the lowest free thread id, for a thread that is about to be created."""
        mask = self.block.globals.thread_mask
        for thread_id in range(FIRST_DYNAMIC_THREAD, THREADS_MAX):
            if not mask >> thread_id & 1:
                self.block.globals.thread_mask |= 1 << thread_id
                return thread_id
        raise AssertionError("no thread id is free")

    def reactor_of(self, thread_id: int) -> int:
        """Return the reactor of a thread."""
        if thread_id == APP_THREAD:
            return 0
        if thread_id < FIRST_DYNAMIC_THREAD:
            return thread_id - FIRST_POLL_GROUP_THREAD
        # SPDK's scheduler spreads new threads over the reactors, so a rebuild's thread is placed by its id.
        return thread_id % self.layout.reactors

    @staticmethod
    def poll_group_thread(reactor: int) -> int:
        """Return the thread that carries a reactor's NVMe-oF poll group."""
        return FIRST_POLL_GROUP_THREAD + reactor

    # From the engine to the outside.

    def new_number(self) -> int:
        """Return a number that this reactor uses once, never 0."""
        self._last_number += 1
        return self._last_number

    def send(
        self, sender: int, receiver: int, handler: str, token: int, args: tuple[Argument, ...]
    ) -> None:
        """Post a message to a thread, here or on another reactor."""
        pair = (sender, receiver)
        step = self._deliveries.get(pair)
        if step is None:
            self._assert_exists(receiver, handler)
            step = self._deliveries[pair] = Deliver(self.reactor_of(receiver), sender, receiver)
        message = Message(step.reactor, sender, receiver, handler, token, args)
        if step.reactor == self.number:
            self.receive(message, step)
        else:
            self.outcome.outgoing.append(message)
        self.outcome.posted.append(step)

    def _assert_exists(self, thread_id: int, handler: str) -> None:
        """Assert that a thread gets its first message from another one after it was created (``spdk_thread_send_msg``)."""
        has_place = (
            0 <= thread_id < THREADS_MAX and self.reactor_of(thread_id) < self.layout.reactors
        )
        exists = has_place and self.block.globals.born_mask >> thread_id & 1
        assert exists or (has_place and handler == CREATE_THREAD), (
            f"spdk_thread_send_msg: {handler} is sent to thread {thread_id}, which doesn't exist"
        )

    def emit(self, name: str, thread: int, args: tuple[int, ...]) -> None:
        """Emit an event."""
        self.outcome.events.append(Event(name, thread, args))

    def start_io(self, io: DiskIo) -> None:
        """Put a disk I/O in flight; it takes effect at its completion step."""
        tag_number = 0
        request, thread, disk = io.io, io.channel.thread.id, io.disk.number
        while True:
            step = FinishIo(
                self.number,
                thread,
                disk,
                request.io_type,
                request.offset,
                request.count,
                tag_number,
            )
            if step not in self.ios:
                break
            tag_number += 1
        self.ios[step] = io
        self.outcome.started.append(step)

    def sleep(self, thread: int, delay_us: int) -> Future:
        """Arm a timer; the future resolves when it fires."""
        step = FireTimer(
            self.number, self.block.globals.clock_us + delay_us, thread, self.new_number()
        )
        future = self.timers[step] = Future()
        self.outcome.armed.append(step)
        return future

    # From the outside to the engine.

    def receive(self, message: Message, step: Deliver | None = None) -> None:
        """Put a message into its mailbox, so that its delivery becomes possible."""
        if step is None:
            step = Deliver(self.number, message.sender, message.receiver)
        mailbox = self.mailboxes.get(step)
        if mailbox is None:
            mailbox = self.mailboxes[step] = deque()
        mailbox.append(message)

    def pending(self) -> list[EngineStep]:
        """Return all steps possible now: one per mailbox with a message, per I/O, and per timer."""
        deliveries: list[EngineStep] = [step for step, box in self.mailboxes.items() if box]
        return [*deliveries, *self.ios, *self.timers]

    def perform(self, step: EngineStep) -> Outcome:
        """Perform one step and return its outcome.

        Raise StepNotPossibleError before anything has changed; any other exception is a crash of the target.
        """
        # This is the hottest line of the simulator, so it tests classes instead of matching.
        kind = step.__class__
        if kind is Deliver:
            mailbox = self.mailboxes.get(step)  # type: ignore[arg-type]
            if not mailbox:
                raise StepNotPossibleError(f"no message waits for {step}")
            self._deliver(mailbox.popleft())
        elif kind is FinishIo:
            io = self.ios.pop(step, None)  # type: ignore[arg-type]
            if io is None:
                raise StepNotPossibleError(f"no such I/O is in flight: {step}")
            self.current_thread = step.thread  # type: ignore[union-attr]
            if not io.finish():
                self.outcome.note = "failed"
        else:
            future = self.timers.pop(step, None)  # type: ignore[arg-type]
            if future is None:
                raise StepNotPossibleError(f"no such timer is armed: {step}")
            self.current_thread = step.thread  # type: ignore[union-attr]
            # A replay may fire timers out of the order of deadlines, but time must never go back.
            shared = self.block.globals
            shared.clock_us = max(shared.clock_us, step.deadline_us)  # type: ignore[union-attr]
            future.resolve()
        outcome = self.outcome  # as take_outcome does, without the call
        self.outcome = Outcome([], [], [], [], [], [])
        return outcome

    def take_outcome(self) -> Outcome:
        """Return what has happened since the last outcome was taken."""
        outcome = self.outcome
        self.outcome = Outcome([], [], [], [], [], [])
        return outcome

    def _deliver(self, message: Message) -> None:
        receiver = message.receiver
        thread = self.threads.get(receiver)
        self.current_thread = receiver
        handler = message.handler
        self.outcome.note = handler
        if thread is None:
            self._deliver_to_nobody(message)
            return
        if handler == "reply":
            thread.calls.pop(message.token).resolve(message.args[0])
            return
        function = self._handlers.get(handler)
        if function is None:
            service, _, method = handler.partition(".")
            owner = self.io_devices if service == "io_device" else getattr(self.services, service)
            function = self._handlers[handler] = getattr(owner, method)
        result = function(thread, *message.args)
        if result.__class__ is CoroutineType:
            run_flow(result, partial(self.answer, message))
        elif message.token and result is not None:
            self.answer(message, result)

    def _deliver_to_nobody(self, message: Message) -> None:
        """Handle a message to a thread that has exited, or does not exist yet."""
        receiver, handler = message.receiver, message.handler
        if handler == CREATE_THREAD:
            self.add_thread(receiver, message.args[0])
            self.answer(message, OK)
        elif handler == "io_device.visit":
            self.io_devices.visit_exited(receiver, message.args)
        elif message.sender >= OPERATOR or handler in MAY_COME_TOO_LATE:
            pass  # a host's message to a poll group that is gone is lost with the connection
        else:
            what = f"{handler} was sent to thread {receiver}, which has exited"
            assert message.token, what
            assert handler != "reply", what
            self.answer(message, EIO)

    def answer(self, message: Message, value: Any) -> None:
        """Answer a handled message; None means no answer."""
        if not message.token or value is None:
            return
        if message.sender < OPERATOR:
            # The answer comes from the thread that handled the message.
            pair_sender, receiver = message.receiver, message.sender
            self.send(pair_sender, receiver, "reply", message.token, (value,))
        elif value.__class__ is Answer:
            self.outcome.replies.append(
                Reply(message.sender, message.token, value.status, value.value, value.data)
            )
        else:
            self.outcome.replies.append(Reply(message.sender, message.token, value, 0, b""))

    def census(self) -> list[tuple[str, str, int]]:
        """Return what is alive on this reactor: (kind, owner, count), sorted by kind and owner."""
        rows = [
            ("channel", f"{channel.device.name} on {thread.name}", channel.references)
            for thread in self.threads.values()
            for channel in thread.channels.values()
        ]
        rows += [("thread", thread.name, 1) for thread in self.threads.values()]
        rows += [
            ("awaited call", thread.name, len(thread.calls)) for thread in self.threads.values()
        ]
        rows.append(("disk I/O", f"reactor {self.number}", len(self.ios)))
        rows.append(
            ("message", f"reactor {self.number}", sum(len(box) for box in self.mailboxes.values()))
        )
        rows.append(("timer", f"reactor {self.number}", len(self.timers)))
        rows += self.services.census()
        return sorted(row for row in rows if row[2])
