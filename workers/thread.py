"""SPDK threads, messages, I/O channels and channel iteration. Mirrors lib/thread.

Flows are coroutines on a runtime of their own. A flow awaits futures. Resolving a future resumes the flow at once,
inside the same step. A flow has no ``finally`` that acts on the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import CoroutineType
from typing import Any, Protocol

from workers.core import Core
from workers.errors import OK
from workers.protocol import Argument

FlowCoroutine = Coroutine["Future", None, Any]
Wait = tuple["Future", str]  # a future, and the description of what will resolve it


class Future:
    """A value that a later step provides; at most one flow awaits it."""

    __slots__ = ("done", "value", "waiter")

    def __init__(self) -> None:
        self.done = False
        self.value: Any = None
        self.waiter: Flow | None = None

    def __await__(self) -> Generator[Future, None, Any]:
        if not self.done:
            yield self
        return self.value

    def resolve(self, value: Any = None) -> None:
        """Set the value and resume the waiting flow, now."""
        assert not self.done, "a future is resolved once"
        self.done = True
        self.value = value
        if self.waiter is not None:
            self.waiter.resume()


class Waiters:
    """Flows that wait for a change; the flow that makes the change wakes them all."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: list[Future] = []

    async def wait(self) -> None:
        """Wait for the next change; the caller checks its condition again afterwards."""
        future = Future()
        self._futures.append(future)
        await future

    def waits(self, what: str) -> list[Wait]:
        """Return the flows that wait here, with what they wait for."""
        return [(future, what) for future in self._futures]

    def wake(self) -> None:
        """Wake all waiting flows."""
        futures, self._futures = self._futures, []
        for future in futures:
            future.resolve()


class Flow:
    """A running coroutine; ``on_done`` gets its result."""

    __slots__ = ("coroutine", "on_done")

    def __init__(self, coroutine: FlowCoroutine, on_done: Callable[[Any], None] | None) -> None:
        self.coroutine = coroutine
        self.on_done = on_done

    def resume(self) -> None:
        try:
            future = self.coroutine.send(None)
        except StopIteration as stop:
            if self.on_done is not None:
                self.on_done(stop.value)
            return
        future.waiter = self


def run_flow(coroutine: FlowCoroutine, on_done: Callable[[Any], None] | None = None) -> None:
    """Start a flow and run it up to its first await."""
    Flow(coroutine, on_done).resume()


class ThreadCore(Core, Protocol):
    """A reactor as its threads see it."""

    threads: dict[int, SpdkThread]
    io_devices: IoDevices

    def exit_thread(self, thread: SpdkThread) -> None:
        """End a thread that has released everything."""


class SpdkThread:
    """A green thread: its channels, and the calls whose answers it awaits. Its mailboxes are the reactor's."""

    __slots__ = ("calls", "channels", "id", "name", "reactor")

    def __init__(self, reactor: ThreadCore, thread_id: int, name: str) -> None:
        self.reactor = reactor
        self.id = thread_id
        self.name = name
        self.channels: dict[int, IoChannel] = {}
        self.calls: dict[int, Future] = {}

    def send(self, receiver: int, handler: str, *args: Argument) -> None:
        """Send a message without an answer (``spdk_thread_send_msg``)."""
        assert self.reactor.current_thread == self.id, f"{self.name} acts on another thread"
        self.reactor.send(self.id, receiver, handler, 0, args)

    def call(self, receiver: int, handler: str, *args: Argument) -> Future:
        """Send a message and await the number that its handler returns: one message there, one back."""
        assert self.reactor.current_thread == self.id, f"{self.name} acts on another thread"
        token = self.reactor.new_number()
        future = self.calls[token] = Future()
        self.reactor.send(self.id, receiver, handler, token, args)
        return future

    def emit(self, name: str, *args: int) -> None:
        """Emit an event on this thread."""
        self.reactor.emit(name, self.id, args)

    async def retire(self) -> None:
        """End this thread when its last channel is gone; all its references must have been put."""
        while self.channels:
            # Each round is a message of this thread to itself, behind the deferred destroys.
            await self.call(self.id, "io_device.still_here")
        self.reactor.exit_thread(self)

    def get_io_channel(self, device: IoDevice) -> Any:
        """Return a reference to this thread's channel of the device, or None (``spdk_get_io_channel``)."""
        assert self.reactor.current_thread == self.id, f"{self.name} acts on another thread"
        channel = self.channels.get(device.key)
        if channel is not None:
            channel.references += 1
            return channel
        record = self.reactor.block.devices[device.key]
        if not record.registered:
            return None
        channel = device.new_channel(self)
        # The channel is in the tree before its create callback runs, so an iteration that starts meanwhile sees it.
        self.channels[device.key] = channel
        record.channel_mask |= 1 << self.id
        if not channel.create():
            self.reactor.io_devices.forget_channel(self, channel)
            return None
        return channel

    def put_io_channel(self, channel: IoChannel) -> None:
        """Release a reference; the last one destroys the channel, by message (``spdk_put_io_channel``)."""
        assert self.reactor.current_thread == self.id, f"{self.name} acts on another thread"
        assert channel.references > 0, f"{channel} was put more often than it was got"
        channel.references -= 1
        if channel.references == 0:
            channel.destroys_queued += 1
            self.send(self.id, "io_device.destroy_channel", channel.device.key)

    def for_each_channel(self, device: IoDevice, method: str, *args: Argument) -> Future:
        """Call the method on every channel of the device, one thread after the other; the future resolves to a status."""
        token = self.reactor.new_number()
        future = self.calls[token] = Future()
        self.reactor.block.devices[device.key].iterations += 1
        self.reactor.io_devices.visit_next(self.id, device.key, -1, method, self.id, token, *args)
        return future


class IoDevice(Protocol):
    """The owner of channels: a key into the control block, and a factory of channels."""

    key: int
    name: str

    def new_channel(self, thread: SpdkThread) -> IoChannel: ...


class IoChannel:
    """A thread's own state of an io_device; subclasses create and destroy their parts."""

    __slots__ = ("destroys_queued", "device", "references", "thread")

    def __init__(self, device: Any, thread: SpdkThread) -> None:
        self.device = device
        self.thread = thread
        self.references = 1
        self.destroys_queued = 0

    def create(self) -> bool:
        """Acquire what the channel needs; return False if that failed and everything is released again."""
        return True

    def destroy(self) -> None:
        """Release what the channel holds."""

    def waits(self) -> list[Wait]:
        """Return the futures awaited on this channel, with what will resolve them (see ``workers/waits.py``)."""
        return []

    def __repr__(self) -> str:
        return f"channel of {self.device.name} on {self.thread.name}"


class IoDevices:
    """Service ``io_device``: registration, deferred destroy and serial iteration, for one reactor."""

    def __init__(self, reactor: ThreadCore) -> None:
        self.reactor = reactor
        self.unregistering: dict[int, Future] = {}

    def register(self, device: IoDevice) -> None:
        """Register a device, so that threads can get channels of it."""
        record = self.reactor.block.devices[device.key]
        assert not record.registered, f"{device.name} is registered already"
        assert not record.channel_mask, f"{device.name} still has channels"
        record.registered = 1

    def unregister(self, thread: SpdkThread, device: IoDevice) -> Future:
        """Unregister a device: lookups fail from now on; the future resolves after the last channel and iteration."""
        record = self.reactor.block.devices[device.key]
        assert record.registered, f"{device.name} is not registered"
        record.registered = 0
        record.unregister_thread = thread.id + 1
        future = self.unregistering[device.key] = Future()
        self._check_unregistered(thread.id, device.key)
        return future

    def waits(self) -> list[Wait]:
        """Return the pending unregistrations, with what they wait for."""
        rows: list[Wait] = []
        for key, future in self.unregistering.items():
            record = self.reactor.block.devices[key]
            mask = record.channel_mask
            threads = [number for number in range(mask.bit_length()) if mask >> number & 1]
            has = f"channels on threads {threads}, {record.iterations} iterations"
            rows.append((future, f"the end of io_device {key} ({has})"))
        return rows

    def _check_unregistered(self, sender: int, key: int) -> None:
        record = self.reactor.block.devices[key]
        waiting = record.unregister_thread
        if waiting and not record.channel_mask and not record.iterations:
            record.unregister_thread = 0
            self.reactor.send(sender, waiting - 1, "io_device.unregistered", 0, (key,))

    def unregistered(self, thread: SpdkThread, key: int) -> None:
        """Complete an unregistration: the last channel is gone (message)."""
        self.unregistering.pop(key).resolve()

    def still_here(self, thread: SpdkThread) -> int:
        """Answer the thread's message to itself."""
        return OK

    def destroy_channel(self, thread: SpdkThread, key: int) -> None:
        """Destroy the channel, unless it was got again meanwhile (message)."""
        channel = thread.channels[key]
        channel.destroys_queued -= 1
        if channel.references or channel.destroys_queued:
            return
        channel.destroy()
        self.forget_channel(thread, channel)

    def forget_channel(self, thread: SpdkThread, channel: IoChannel) -> None:
        """Take a channel out of the tree."""
        key = channel.device.key
        del thread.channels[key]
        self.reactor.block.devices[key].channel_mask &= ~(1 << thread.id)
        self._check_unregistered(thread.id, key)

    def visit_next(
        self,
        here: int,
        key: int,
        position: int,
        method: str,
        origin: int,
        token: int,
        *args: Argument,
    ) -> None:
        """Continue with the first channel after the thread ``position``, looked up now."""
        later = self.reactor.block.devices[key].channel_mask >> (position + 1)
        if later == 0:
            self.reactor.send(here, origin, "io_device.iterated", 0, (key, token, OK))
            return
        receiver = position + (later & -later).bit_length()
        message = (key, method, origin, token, *args)
        self.reactor.send(here, receiver, "io_device.visit", 0, message)

    def visit(
        self, thread: SpdkThread, key: int, method: str, origin: int, token: int, *args: Argument
    ) -> None:
        """Visit this thread's channel in an iteration (message)."""
        channel = thread.channels.get(key)
        if channel is None:  # destroyed since; the iteration skips it
            self.visit_next(thread.id, key, thread.id, method, origin, token, *args)
            return
        result = getattr(channel, method)(*args)
        if result.__class__ is CoroutineType:
            run_flow(result, partial(self.visited, thread.id, key, method, origin, token, args))
        else:
            self.visited(thread.id, key, method, origin, token, args, result)

    def visit_exited(self, thread_id: int, args: tuple[Argument, ...]) -> None:
        """Skip a thread that has exited before the iteration reached it."""
        key, method, origin, token, *rest = args
        self.visit_next(thread_id, key, thread_id, method, origin, token, *rest)

    def visited(
        self,
        here: int,
        key: int,
        method: str,
        origin: int,
        token: int,
        args: tuple[Argument, ...],
        status: int | None,
    ) -> None:
        """Continue an iteration after a visit; a status of None is 0."""
        if status:
            # As in SPDK, a status other than 0 ends the iteration, and the visits made so far stand.
            self.reactor.send(here, origin, "io_device.iterated", 0, (key, token, status))
        else:
            self.visit_next(here, key, here, method, origin, token, *args)

    def iterated(self, thread: SpdkThread, key: int, token: int, status: int) -> None:
        """Complete an iteration (message)."""
        self.reactor.block.devices[key].iterations -= 1
        self._check_unregistered(thread.id, key)
        thread.calls.pop(token).resolve(status)
