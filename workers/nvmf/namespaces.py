"""Changes of the subsystem, which are namespaces and listeners: pause, change, resume. Mirrors ``subsystem.c``."""

from __future__ import annotations

from workers.bdev.layer import BdevLayer, Descriptor
from workers.errors import EEXIST, EINVAL, ENODEV, ENOENT, OK
from workers.nvmf.target import NvmfTarget
from workers.protocol import APP_THREAD
from workers.services import EngineCore
from workers.shared import NAMESPACES_MAX, NO_NAMESPACE
from workers.thread import Future, SpdkThread, Wait


class Namespaces:
    """Service ``namespaces``, on the subsystem thread."""

    def __init__(self, reactor: EngineCore, layer: BdevLayer, target: NvmfTarget) -> None:
        self.reactor = reactor
        self.layer = layer
        self.target = target
        self.record = target.subsystem
        self.descriptors: dict[int, tuple[int, Descriptor]] = {}
        self._attached = 0  # numbers attachments, so that a late REMOVE applies only to its own
        self.listeners: list[int] = []  # besides the one that hosts use
        self._changing = False
        self._queue: list[Future] = []

    async def add(self, thread: SpdkThread, nsid: int, bdev_id: int) -> int:
        """Attach a bdev as a namespace; every poll group then gets a channel of it."""
        if not 1 <= nsid <= NAMESPACES_MAX:
            return EINVAL
        await self._begin_change(thread, nsid)
        status = self._attach(nsid, bdev_id)
        await self._end_change(thread)
        if status == OK:
            thread.emit("nvmf.namespace_attached", nsid, bdev_id)
            self._tell_hosts(thread)
        return status

    def _attach(self, nsid: int, bdev_id: int) -> int:
        if nsid in self.descriptors:
            return EEXIST
        bdev = self.layer.bdevs[bdev_id]
        self._attached += 1
        attachment = self._attached
        descriptor = self.layer.open(
            bdev,
            f"namespace {nsid}",
            lambda app: app.send(APP_THREAD, "namespaces.bdev_removed", nsid, attachment),
            lambda app: app.send(APP_THREAD, "namespaces.bdev_resized", nsid, attachment),
        )
        if not isinstance(descriptor, Descriptor):
            return descriptor
        self.descriptors[nsid] = (attachment, descriptor)
        self.record.set_bdev(nsid, bdev_id)
        return OK

    async def remove(self, thread: SpdkThread, nsid: int) -> int:
        """Detach a namespace; every poll group puts its channel."""
        await self._begin_change(thread, nsid)
        attached = self.descriptors.pop(nsid, None)
        self.record.set_bdev(nsid, None)
        await self._end_change(thread)
        if attached is None:
            return ENODEV
        self.layer.close(attached[1])
        thread.emit("nvmf.namespace_detached", nsid)
        self._tell_hosts(thread)
        return OK

    # A pause for a listener concerns no namespace: I/O goes on, admin commands and connects wait.

    async def add_listener(self, thread: SpdkThread, listener: int) -> int:
        """Listen at one more address."""
        await self._begin_change(thread, NO_NAMESPACE)
        status = EEXIST if listener in self.listeners else OK
        if status == OK:
            self.listeners.append(listener)
            thread.emit("nvmf.listener_changed", listener, 1)
        await self._end_change(thread)
        return status

    async def remove_listener(self, thread: SpdkThread, listener: int) -> int:
        """Stop listening at an address."""
        await self._begin_change(thread, NO_NAMESPACE)
        status = OK if listener in self.listeners else ENOENT
        if status == OK:
            self.listeners.remove(listener)
            thread.emit("nvmf.listener_changed", listener, 0)
        await self._end_change(thread)
        return status

    async def bdev_removed(self, thread: SpdkThread, nsid: int, attachment: int) -> None:
        """Detach a namespace whose bdev goes away (message)."""
        if nsid in self.descriptors and self.descriptors[nsid][0] == attachment:
            await self.remove(thread, nsid)

    async def bdev_resized(self, thread: SpdkThread, nsid: int, attachment: int) -> None:
        """Update a namespace whose bdev has grown; every poll group sees it at the resume (message)."""
        if nsid in self.descriptors and self.descriptors[nsid][0] == attachment:
            await self._begin_change(thread, nsid)
            await self._end_change(thread)
            thread.emit("nvmf.namespace_resized", nsid)
            self._tell_hosts(thread)

    def waits(self) -> list[Wait]:
        """Return the queued changes."""
        return [(turn, "the change of the namespaces") for turn in self._queue]

    def _tell_hosts(self, thread: SpdkThread) -> None:
        """Send an asynchronous event to every controller."""
        for cntlid, controller_thread in self.target.controller_threads.items():
            thread.send(controller_thread, "nvmf.namespace_changed", cntlid)

    async def _begin_change(self, thread: SpdkThread, nsid: int) -> None:
        # A subsystem changes its state for one request at a time, so the others queue up.
        shown = 0 if nsid == NO_NAMESPACE else nsid
        while self._changing:
            thread.emit("nvmf.pause_queued", shown)
            turn = Future()
            self._queue.append(turn)
            await turn
        self._changing = True
        self.record.paused = nsid
        thread.emit("nvmf.pausing", shown)
        await thread.for_each_channel(self.target, "pause", nsid)

    async def _end_change(self, thread: SpdkThread) -> None:
        self.record.paused = 0
        await thread.for_each_channel(self.target, "resume")
        thread.emit("nvmf.resumed")
        self._changing = False
        if self._queue:
            self._queue.pop(0).resolve()
