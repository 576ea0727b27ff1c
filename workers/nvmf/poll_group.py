"""A poll group: one thread's share of the target, its qpairs and its channels of the namespaces.

Mirrors ``nvmf.c`` (poll groups, sgroups) and the I/O path of ``ctrlr_bdev.c``.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from workers.bdev.bdev import BdevChannel
from workers.bdev.io import BdevIo, IoStatus, IoType
from workers.nvmf.status import NvmeStatus, Opcode
from workers.protocol import Answer
from workers.shared import NAMESPACES_MAX
from workers.thread import Future, IoChannel

if TYPE_CHECKING:
    from workers.nvmf.target import NvmfTarget

IO_TYPES = {
    Opcode.READ: IoType.READ,
    Opcode.WRITE: IoType.WRITE,
    Opcode.FLUSH: IoType.FLUSH,
}
INVALID_NAMESPACE = Answer(NvmeStatus.INVALID_NAMESPACE)
LBA_OUT_OF_RANGE = Answer(NvmeStatus.LBA_OUT_OF_RANGE)
INTERNAL_DEVICE_ERROR = Answer(NvmeStatus.INTERNAL_DEVICE_ERROR)
INVALID_FIELD = Answer(NvmeStatus.INVALID_FIELD)


class QpairState(Enum):
    """A qpair's life in its poll group."""

    CONNECTING = "connecting"
    ENABLED = "enabled"
    DEACTIVATING = "deactivating"


class Qpair:
    """One queue pair: a connection from a host, for life in one poll group."""

    __slots__ = (
        "cntlid",
        "connection",
        "controller_thread",
        "drained",
        "outstanding",
        "qid",
        "state",
    )

    def __init__(self, connection: int) -> None:
        self.connection = connection
        self.state = QpairState.CONNECTING
        self.outstanding = 0  # requests, those that wait for a resume included
        self.drained: Future | None = None
        self.qid = -1
        self.cntlid = 0
        self.controller_thread = -1

    def is_leaving(self) -> bool:
        """Has the connection been closed?"""
        return self.state is QpairState.DEACTIVATING

    def complete(self) -> bool:
        """A request is over; False: nobody is there to be answered."""
        self.outstanding -= 1
        if self.outstanding == 0 and self.drained is not None:
            self.drained.resolve()
        return not self.is_leaving()


class NamespaceChannel:
    """A poll group's channel of one namespace, and the I/O it has there."""

    __slots__ = ("bdev_channel", "bdev_id", "io_outstanding", "num_blocks")

    def __init__(self, bdev_id: int, bdev_channel: BdevChannel, num_blocks: int) -> None:
        self.bdev_id = bdev_id
        self.bdev_channel = bdev_channel
        self.io_outstanding = 0
        self.num_blocks = num_blocks


class PollGroup(IoChannel):
    """The target's io_channel on one thread."""

    __slots__ = (
        "_drained",
        "management_outstanding",
        "namespaces",
        "paused",
        "qpairs",
        "queued",
    )
    device: NvmfTarget

    def create(self) -> bool:
        """A new poll group gets a channel of every namespace at once."""
        self.qpairs: dict[int, Qpair] = {}
        self.namespaces: dict[int, NamespaceChannel] = {}
        self.management_outstanding = 0
        self.paused = self.device.subsystem.paused
        self.queued: list[Future] = []
        self._drained: Future | None = None
        self._get_namespace_channels()
        return True

    # Visits of channel iterations: pause and resume of the subsystem.

    async def pause(self, nsid: int) -> None:
        """Queue new management commands and I/O of this namespace; wait for those under way."""
        self.paused = nsid
        if not self._is_drained():
            self._drained = Future()
            await self._drained

    async def resume(self) -> None:
        """Follow the subsystem's namespaces, then let go on what was queued."""
        for nsid, channel in list(self.namespaces.items()):
            if self.device.subsystem.bdev_of(nsid) != channel.bdev_id:
                del self.namespaces[nsid]
                self.thread.put_io_channel(channel.bdev_channel)
        self._get_namespace_channels()
        self.paused = 0
        queued, self.queued = self.queued, []
        for waiting in queued:
            waiting.resolve()

    def _get_namespace_channels(self) -> None:
        for nsid in range(1, NAMESPACES_MAX + 1):
            bdev_id = self.device.subsystem.bdev_of(nsid)
            if bdev_id is None or nsid in self.namespaces:
                continue
            bdev = self.thread.reactor.services.bdev.bdevs[bdev_id]
            channel = self.thread.get_io_channel(bdev)
            if channel is None:
                self.thread.emit("nvmf.namespace_channel_failed", nsid)
                continue
            self.namespaces[nsid] = NamespaceChannel(bdev_id, channel, bdev.record.num_blocks)
            raid = self.thread.reactor.block.raid
            born_in_rebuild = int(raid.process_state != 0)
            self.thread.emit(
                "nvmf.namespace_channel_created", nsid, born_in_rebuild, raid.window_offset
            )

    def _is_drained(self) -> bool:
        paused = self.namespaces.get(self.paused)
        return self.management_outstanding == 0 and (paused is None or paused.io_outstanding == 0)

    def check_drained(self) -> None:
        """Something ended; a pause may have waited for it."""
        if self._drained is not None and self._is_drained():
            drained, self._drained = self._drained, None
            drained.resolve()

    async def while_paused(self, nsid: int) -> None:
        """Wait while commands for this namespace (0: management) are queued."""
        while self.paused and nsid in (0, self.paused):
            waiting = Future()
            self.queued.append(waiting)
            await waiting

    # Host I/O.

    async def execute(
        self, qpair: Qpair, opcode: int, nsid: int, slba: int, blocks: int, data: bytes
    ) -> Answer | None:
        """One NVM command of a host; None when the host has gone meanwhile."""
        qpair.outstanding += 1
        if self.paused:
            await self.while_paused(nsid)
        answer = await self._execute_on_namespace(opcode, nsid, slba, blocks, data)
        if self._drained is not None:
            self.check_drained()
        return answer if qpair.complete() else None

    async def _execute_on_namespace(
        self, opcode: int, nsid: int, slba: int, blocks: int, data: bytes
    ) -> Answer:
        namespace = self.namespaces.get(nsid)
        io_type = IO_TYPES.get(opcode)  # type: ignore[call-overload]
        if namespace is None:
            return INVALID_NAMESPACE
        if io_type is None:
            return INVALID_FIELD
        if io_type is IoType.FLUSH:
            slba, blocks = 0, namespace.num_blocks
        elif slba + blocks > namespace.num_blocks:
            return LBA_OUT_OF_RANGE
        namespace.io_outstanding += 1
        completion = await namespace.bdev_channel.submit(BdevIo(io_type, slba, blocks, data))
        namespace.io_outstanding -= 1
        if completion.status is not IoStatus.SUCCESS:
            return INTERNAL_DEVICE_ERROR
        return Answer(NvmeStatus.SUCCESS, 0, completion.data)
