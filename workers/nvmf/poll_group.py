"""A poll group: one thread's share of the target, its qpairs and its channels of the namespaces.

Mirrors ``nvmf.c`` (poll groups, sgroups) and the I/O path of ``ctrlr_bdev.c``.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from workers.bdev.bdev import BdevChannel
from workers.bdev.io import BdevIo, IoStatus, IoType
from workers.nvmf.status import NvmeStatus, Opcode
from workers.protocol import Answer
from workers.shared import NAMESPACES_MAX
from workers.thread import Future, IoChannel, Wait

if TYPE_CHECKING:
    from workers.nvmf.target import NvmfTarget

MANAGEMENT = 0  # instead of a namespace id
IO_TYPES = {
    Opcode.READ: IoType.READ,
    Opcode.WRITE: IoType.WRITE,
    Opcode.FLUSH: IoType.FLUSH,
    Opcode.COMPARE: IoType.COMPARE,
    Opcode.WRITE_ZEROES: IoType.WRITE_ZEROES,
    Opcode.DATASET_MANAGEMENT: IoType.UNMAP,
    Opcode.COMPARE_AND_WRITE: IoType.COMPARE_AND_WRITE,
}
ENDINGS = {
    IoStatus.FAILED: Answer(NvmeStatus.INTERNAL_DEVICE_ERROR),
    IoStatus.NOMEM: Answer(NvmeStatus.INTERNAL_DEVICE_ERROR),
    IoStatus.MISCOMPARE: Answer(NvmeStatus.COMPARE_FAILURE),
    IoStatus.ABORTED: Answer(NvmeStatus.ABORTED_BY_REQUEST),
}
INVALID_NAMESPACE = Answer(NvmeStatus.INVALID_NAMESPACE)
LBA_OUT_OF_RANGE = Answer(NvmeStatus.LBA_OUT_OF_RANGE)
UNMAP_OUT_OF_RANGE = Answer(NvmeStatus.INTERNAL_DEVICE_ERROR)
INVALID_OPCODE = Answer(NvmeStatus.INVALID_OPCODE)
SQ_DELETED = Answer(NvmeStatus.ABORTED_SQ_DELETION)


class QpairState(Enum):
    """The states of a qpair in its poll group."""

    CONNECTING = "connecting"
    ENABLED = "enabled"
    DEACTIVATING = "deactivating"


class Qpair:
    """A queue pair: a host's connection, which stays in one poll group for life."""

    __slots__ = (
        "cntlid",
        "connection",
        "controller_thread",
        "drained",
        "outstanding",
        "qid",
        "requests",
        "state",
    )

    def __init__(self, connection: int) -> None:
        self.connection = connection
        self.state = QpairState.CONNECTING
        self.outstanding = 0  # requests, including those that wait for a resume
        self.requests: dict[int, BdevIo] = {}  # those submitted to the bdev, by command id
        self.drained: Future | None = None
        self.qid = -1
        self.cntlid = 0
        self.controller_thread = -1

    def is_leaving(self) -> bool:
        """Return whether the connection has been closed."""
        return self.state is QpairState.DEACTIVATING

    def complete(self) -> bool:
        """Count a request as complete; return False if the host has left and gets no answer."""
        self.outstanding -= 1
        if self.outstanding == 0 and self.drained is not None:
            self.drained.resolve()
        return not self.is_leaving()


class NamespaceChannel:
    """A poll group's channel of one namespace, and its outstanding I/O there."""

    __slots__ = ("bdev_channel", "bdev_id", "io_outstanding", "num_blocks")

    def __init__(self, bdev_id: int, bdev_channel: BdevChannel, num_blocks: int) -> None:
        self.bdev_id = bdev_id
        self.bdev_channel = bdev_channel
        self.io_outstanding = 0
        self.num_blocks = num_blocks


class Queued(NamedTuple):
    """A command that waits for a resume; the future resolves to False when it is dropped."""

    connection: int
    cid: int
    future: Future


class Command(NamedTuple):
    """A host's NVM command; ``slba`` and ``blocks`` in blocks."""

    cid: int
    opcode: int
    nsid: int
    slba: int
    blocks: int
    fua: bool
    data: bytes
    expected: bytes


class PollGroup(IoChannel):
    """The target's io_channel on one thread."""

    __slots__ = (
        "_drained",
        "closed",
        "is_closing",
        "management_outstanding",
        "namespaces",
        "paused",
        "qpairs",
        "queued",
    )
    device: NvmfTarget

    def create(self) -> bool:
        """Get a channel of every namespace."""
        self.qpairs: dict[int, Qpair] = {}
        self.namespaces: dict[int, NamespaceChannel] = {}
        self.management_outstanding = 0
        self.paused = self.device.subsystem.paused
        self.queued: list[Queued] = []
        self.is_closing = False
        self.closed: Future | None = None
        self._drained: Future | None = None
        self._get_namespace_channels()
        return True

    def destroy(self) -> None:
        assert not self.qpairs, f"{self} is destroyed with connections"
        assert not self.queued, f"{self} is destroyed while commands wait"

    def waits(self) -> list[Wait]:
        rows: list[Wait] = [
            (waiting.future, "the change of the namespaces") for waiting in self.queued
        ]
        for qpair in self.qpairs.values():
            if qpair.drained is not None:
                rows.append((qpair.drained, f"the requests of connection {qpair.connection}"))
        if self._drained is not None:
            rows.append((self._drained, f"the requests in flight on {self}"))
        if self.closed is not None:
            rows.append((self.closed, f"the connections of {self}"))
        return rows

    # Visits of channel iterations: pause and resume of the subsystem.

    async def pause(self, nsid: int) -> None:
        """Queue new management commands and I/O of this namespace; wait for those in flight."""
        self.paused = nsid
        if not self._is_drained():
            self._drained = Future()
            await self._drained

    async def resume(self) -> None:
        """Update the channels to the subsystem's namespaces, then release queued commands."""
        for nsid, channel in list(self.namespaces.items()):
            bdev_id = self.device.subsystem.bdev_of(nsid)
            if bdev_id != channel.bdev_id:
                self._put_namespace_channel(nsid)
            else:
                record = self.thread.reactor.block.bdevs[bdev_id]
                channel.num_blocks = record.num_blocks
        if not self.is_closing:
            self._get_namespace_channels()
        self.paused = 0
        queued, self.queued = self.queued, []
        for waiting in queued:
            waiting.future.resolve(True)

    def _get_namespace_channels(self) -> None:
        for nsid in range(1, NAMESPACES_MAX + 1):
            bdev_id = self.device.subsystem.bdev_of(nsid)
            if bdev_id is None or nsid in self.namespaces:
                continue
            bdev = self.device.reactor.services.bdev.bdevs[bdev_id]
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

    def _put_namespace_channel(self, nsid: int) -> None:
        channel = self.namespaces.pop(nsid)
        assert channel.io_outstanding == 0, f"{self} gives up namespace {nsid} with I/O in flight"
        self.thread.put_io_channel(channel.bdev_channel)

    def put_namespace_channels(self) -> None:
        """Put all channels, since the poll group closes and no host is connected."""
        for nsid in list(self.namespaces):
            self._put_namespace_channel(nsid)

    def _is_drained(self) -> bool:
        paused = self.namespaces.get(self.paused)
        return self.management_outstanding == 0 and (paused is None or paused.io_outstanding == 0)

    def check_drained(self) -> None:
        """Let a pause proceed if all that it waits for has ended."""
        if self._drained is not None and self._is_drained():
            drained, self._drained = self._drained, None
            drained.resolve()

    async def while_paused(self, nsid: int, connection: int, cid: int) -> bool:
        """Wait while commands for this namespace (or MANAGEMENT) are queued; return False if this one is dropped."""
        while self.paused and nsid in (MANAGEMENT, self.paused):
            waiting = Queued(connection, cid, Future())
            self.queued.append(waiting)
            if nsid == MANAGEMENT:
                self.thread.emit("nvmf.command_queued")
            else:
                self.thread.emit("nvmf.io_queued", nsid)
            if not await waiting.future:
                return False
        return True

    def drop_queued(self, connection: int, cid: int | None = None) -> bool:
        """Drop queued commands of this connection (or one of them); return False if there are none."""
        dropped = [
            waiting
            for waiting in self.queued
            if waiting.connection == connection and cid in (None, waiting.cid)
        ]
        self.queued = [waiting for waiting in self.queued if waiting not in dropped]
        for waiting in dropped:
            waiting.future.resolve(False)
        return bool(dropped)

    def abort(self, connection: int, cid: int) -> bool:
        """Abort a command that still waits; return False if it is in flight or complete."""
        if self.drop_queued(connection, cid):
            return True
        qpair = self.qpairs.get(connection)
        io = qpair.requests.get(cid) if qpair is not None else None
        return io is not None and any(
            namespace.bdev_channel.abort(io) for namespace in self.namespaces.values()
        )

    # Host I/O.

    async def execute(self, qpair: Qpair, command: Command) -> Answer | None:
        """Execute a host's NVM command; return None if the host has left meanwhile."""
        qpair.outstanding += 1
        if self.paused and not await self.while_paused(command.nsid, qpair.connection, command.cid):
            answer = ENDINGS[IoStatus.ABORTED]
        elif qpair.is_leaving():
            answer = SQ_DELETED
        else:
            answer = await self._execute_on_namespace(qpair, command)
        if self._drained is not None:
            self.check_drained()
        return answer if qpair.complete() else None

    async def _execute_on_namespace(self, qpair: Qpair, command: Command) -> Answer:
        namespace = self.namespaces.get(command.nsid)
        io_type = IO_TYPES.get(command.opcode)  # type: ignore[call-overload]
        if namespace is None:
            return INVALID_NAMESPACE
        if io_type is None:
            return INVALID_OPCODE
        if io_type is IoType.FLUSH:
            io = BdevIo(io_type, 0, namespace.num_blocks)
        elif command.slba + command.blocks > namespace.num_blocks:
            # As in SPDK, whose NVMe-oF checks all ranges but those of a deallocation, which the bdev refuses.
            return UNMAP_OUT_OF_RANGE if io_type is IoType.UNMAP else LBA_OUT_OF_RANGE
        else:
            io = BdevIo(
                io_type, command.slba, command.blocks, command.data, command.fua, command.expected
            )
        namespace.io_outstanding += 1
        qpair.requests[command.cid] = io
        completion = await namespace.bdev_channel.submit(io)
        del qpair.requests[command.cid]
        namespace.io_outstanding -= 1
        if completion.status is IoStatus.SUCCESS:
            return Answer(NvmeStatus.SUCCESS, 0, completion.data)
        return ENDINGS[completion.status]
