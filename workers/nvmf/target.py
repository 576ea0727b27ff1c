"""The NVMe-oF target: accepting, connecting and disconnecting hosts over several threads.

Mirrors ``ctrlr.c`` and ``nvmf.c``. A qpair belongs to one poll group for life; its controller lives on the
thread of the admin qpair; the list of controllers is the subsystem thread's, which is the app thread.
Keep-alive, asynchronous events and reservations are not here yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.errors import ENODEV, OK
from workers.nvmf.poll_group import INVALID_NAMESPACE, PollGroup, Qpair, QpairState
from workers.nvmf.status import NvmeStatus
from workers.protocol import APP_THREAD, Answer
from workers.thread import Future, SpdkThread

if TYPE_CHECKING:
    from workers.reactor import Reactor

ADMIN_QID = 0
DUPLICATE_QID_RETRY_US = 100_000


class NvmeController:
    """A host's session: its admin qpair and its I/O qpairs, by qid."""

    __slots__ = ("cntlid", "host", "qpairs")

    def __init__(self, cntlid: int, host: int) -> None:
        self.cntlid = cntlid
        self.host = host
        self.qpairs: dict[int, tuple[int, int]] = {}  # qid -> (thread, connection)


class NvmfTarget:
    """Service ``nvmf``, and the io_device of poll groups."""

    def __init__(self, reactor: Reactor, key: int) -> None:
        self.reactor = reactor
        self.key = key
        self.name = "nvmf target"
        self.subsystem = reactor.block.subsystem
        self.controllers: dict[int, NvmeController] = {}  # those whose admin qpair is here
        self.controller_threads: dict[int, int] = {}  # cntlid -> thread; on the subsystem thread
        self._last_cntlid = 0
        self._poll_group_class = reactor.classes.poll_group

    def new_channel(self, thread: SpdkThread) -> PollGroup:
        return self._poll_group_class(self, thread)

    def poll_group(self, thread: SpdkThread) -> PollGroup:
        """The poll group on this thread."""
        group = thread.channels[self.key]
        assert isinstance(group, PollGroup), f"{thread.name} has no poll group"
        return group

    def create_poll_group(self, thread: SpdkThread) -> int:
        """Message: a poll group is born on this thread."""
        if self.key in thread.channels:
            return ENODEV
        thread.get_io_channel(self)
        thread.emit("nvmf.poll_group_created")
        return OK

    # On the app thread: the acceptor and the subsystem.

    async def accept(self, thread: SpdkThread, connection: int) -> Answer:
        """Message from a host: a new connection goes to the next poll group; value: its thread."""
        mask = self.reactor.block.devices[self.key].channel_mask
        if not mask:
            return Answer(NvmeStatus.CONNECT_CONTROLLER_BUSY)
        groups = [number for number in range(mask.bit_length()) if mask >> number & 1]
        turn = self.reactor.block.globals.next_poll_group
        self.reactor.block.globals.next_poll_group = turn + 1
        chosen = groups[turn % len(groups)]
        await thread.call(chosen, "nvmf.new_qpair", connection)
        return Answer(NvmeStatus.SUCCESS, chosen)

    def add_controller(self, thread: SpdkThread, controller_thread: int) -> int:
        """Message: give a new controller its id."""
        self._last_cntlid += 1
        self.controller_threads[self._last_cntlid] = controller_thread
        return self._last_cntlid

    def find_controller(self, thread: SpdkThread, cntlid: int) -> int:
        """Message: the thread of a controller, or -1."""
        return self.controller_threads.get(cntlid, -1)

    def remove_controller(self, thread: SpdkThread, cntlid: int) -> None:
        """Message: the last qpair of a controller has gone."""
        del self.controller_threads[cntlid]

    # On poll group threads.

    def new_qpair(self, thread: SpdkThread, connection: int) -> int:
        """Message: this poll group owns the connection from now on."""
        self.poll_group(thread).qpairs[connection] = Qpair(connection)
        return OK

    async def connect(
        self, thread: SpdkThread, connection: int, qid: int, cntlid: int, host: int
    ) -> Answer | None:
        """Message from a host: Connect of an admin (qid 0) or an I/O queue."""
        group = self.poll_group(thread)
        qpair = group.qpairs.get(connection)
        if qpair is None or qpair.state is not QpairState.CONNECTING or qpair.outstanding:
            return Answer(NvmeStatus.CONNECT_INVALID_PARAMETERS)
        qpair.outstanding += 1
        await group.while_paused(0)
        if qpair.is_leaving():
            answer = Answer(NvmeStatus.CONNECT_INVALID_PARAMETERS)
        else:
            group.management_outstanding += 1
            if qid == ADMIN_QID:
                answer = await self._connect_admin(thread, qpair, host)
            else:
                answer = await self._connect_io(thread, qpair, qid, cntlid)
            group.management_outstanding -= 1
            group.check_drained()
        return answer if qpair.complete() else None

    async def _connect_admin(self, thread: SpdkThread, qpair: Qpair, host: int) -> Answer:
        cntlid = await thread.call(APP_THREAD, "nvmf.add_controller", thread.id)
        controller = NvmeController(cntlid, host)
        self.controllers[cntlid] = controller
        controller.qpairs[ADMIN_QID] = (thread.id, qpair.connection)
        self._enable(thread, qpair, ADMIN_QID, cntlid, thread.id)
        return Answer(NvmeStatus.SUCCESS, cntlid)

    async def _connect_io(self, thread: SpdkThread, qpair: Qpair, qid: int, cntlid: int) -> Answer:
        controller_thread = await thread.call(APP_THREAD, "nvmf.find_controller", cntlid)
        if controller_thread < 0:
            return Answer(NvmeStatus.CONNECT_INVALID_PARAMETERS)
        status = await thread.call(
            controller_thread, "nvmf.attach_io_qpair", cntlid, qid, thread.id, qpair.connection
        )
        if status == NvmeStatus.SUCCESS:
            # The connection may have gone during the hops; it is then detached when it has drained.
            self._enable(thread, qpair, qid, cntlid, controller_thread)
        return Answer(status, cntlid)

    def _enable(
        self, thread: SpdkThread, qpair: Qpair, qid: int, cntlid: int, controller_thread: int
    ) -> None:
        qpair.qid, qpair.cntlid, qpair.controller_thread = qid, cntlid, controller_thread
        if qpair.state is QpairState.CONNECTING:
            qpair.state = QpairState.ENABLED
            thread.emit("nvmf.qpair_connected", qpair.connection, qid, cntlid)

    async def io(
        self,
        thread: SpdkThread,
        connection: int,
        opcode: int,
        nsid: int,
        slba: int,
        blocks: int,
        data: bytes,
    ) -> Answer | None:
        """Message from a host: an NVM command on an I/O queue."""
        group = self.poll_group(thread)
        qpair = group.qpairs.get(connection)
        if qpair is None or qpair.state is not QpairState.ENABLED:
            return None  # the connection is gone: nobody to answer
        if qpair.qid == ADMIN_QID:
            return INVALID_NAMESPACE
        return await group.execute(qpair, opcode, nsid, slba, blocks, data)

    async def disconnect(self, thread: SpdkThread, connection: int) -> None:
        """Message from a host, or from the controller's thread: the connection ends.

        Outstanding I/O is not cancelled but waited for, so a write may land after this.
        """
        group = self.poll_group(thread)
        qpair = group.qpairs.get(connection)
        if qpair is None or qpair.state is QpairState.DEACTIVATING:
            return
        qpair.state = QpairState.DEACTIVATING
        if qpair.outstanding:
            qpair.drained = Future()
            await qpair.drained
        if qpair.controller_thread >= 0:
            await thread.call(
                qpair.controller_thread, "nvmf.detach_qpair", qpair.cntlid, qpair.qid, connection
            )
        del group.qpairs[connection]
        thread.emit("nvmf.qpair_destroyed", connection)

    # On the controller's thread.

    async def attach_io_qpair(
        self, thread: SpdkThread, cntlid: int, qid: int, qpair_thread: int, connection: int
    ) -> int:
        """Message: add an I/O qpair; a qid still in use is tried once more after a delay."""
        for attempt in (1, 2):
            controller = self.controllers.get(cntlid)
            if controller is None or ADMIN_QID not in controller.qpairs:
                return NvmeStatus.CONNECT_INVALID_PARAMETERS
            if qid not in controller.qpairs:
                controller.qpairs[qid] = (qpair_thread, connection)
                return NvmeStatus.SUCCESS
            if attempt == 1:
                await self.reactor.sleep(thread.id, DUPLICATE_QID_RETRY_US)
        return NvmeStatus.CONNECT_INVALID_PARAMETERS

    def detach_qpair(self, thread: SpdkThread, cntlid: int, qid: int, connection: int) -> int:
        """Message: a qpair has drained; without its admin qpair a controller ends its other ones."""
        controller = self.controllers[cntlid]
        _, detached = controller.qpairs.pop(qid)
        assert detached == connection, f"qid {qid} of controller {cntlid} is another connection's"
        if qid == ADMIN_QID:
            for qpair_thread, other in controller.qpairs.values():
                thread.send(qpair_thread, "nvmf.disconnect", other)
        if not controller.qpairs:
            del self.controllers[cntlid]
            thread.send(APP_THREAD, "nvmf.remove_controller", cntlid)
        return OK

    def census(self) -> list[tuple[str, str, int]]:
        """Qpairs and controllers of this reactor."""
        rows = [
            ("qpair", group.thread.name, len(group.qpairs))
            for thread in self.reactor.threads.values()
            for group in thread.channels.values()
            if isinstance(group, PollGroup)
        ]
        rows.append(("controller", f"reactor {self.reactor.number}", len(self.controllers)))
        rows.append(("controller id", "subsystem", len(self.controller_threads)))
        return rows
