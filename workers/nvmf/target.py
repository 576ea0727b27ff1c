"""The NVMe-oF target: accepts, connects and disconnects hosts, over several threads.

Mirrors ``ctrlr.c`` and ``nvmf.c``. A qpair belongs to one poll group for life. Its controller lives on the thread of
the admin qpair. The subsystem thread, which is the app thread, has the list of controllers. Reservations are left out.
"""

from __future__ import annotations

from workers.errors import EBUSY, ENODEV, OK
from workers.nvmf.controller import ADMIN_QID, NvmeController
from workers.nvmf.poll_group import (
    INVALID_NAMESPACE,
    MANAGEMENT,
    Command,
    PollGroup,
    Qpair,
    QpairState,
)
from workers.nvmf.status import NvmeStatus
from workers.protocol import APP_THREAD, Answer
from workers.services import EngineCore
from workers.thread import Future, SpdkThread, run_flow

DUPLICATE_QID_RETRY_US = 1_000
NOT_CONNECTED = Answer(NvmeStatus.CONNECT_INVALID_PARAMETERS)
INVALID_QID = Answer(NvmeStatus.INVALID_QUEUE_IDENTIFIER)
SEQUENCE_ERROR = Answer(NvmeStatus.COMMAND_SEQUENCE_ERROR)


class NvmfTarget:
    """Service ``nvmf``, and the io_device of poll groups."""

    def __init__(self, reactor: EngineCore, key: int) -> None:
        self.reactor = reactor
        self.key = key
        self.name = "nvmf target"
        self.subsystem = reactor.block.subsystem
        self.controllers: dict[int, NvmeController] = {}  # those whose admin qpair is here
        self.controller_threads: dict[int, int] = {}  # cntlid -> thread; on the subsystem thread
        self._last_cntlid = 0
        self._changing_groups: dict[
            int, bool
        ] = {}  # reactor -> its group comes or goes; app thread
        self._poll_group_class: type[PollGroup] = reactor.classes.poll_group
        self._controller_class: type[NvmeController] = reactor.classes.nvme_controller

    def new_channel(self, thread: SpdkThread) -> PollGroup:
        return self._poll_group_class(self, thread)

    def poll_group(self, thread: SpdkThread) -> PollGroup | None:
        """Return the poll group on this thread, or None if it is closing."""
        group = thread.channels.get(self.key)
        assert group is None or isinstance(group, PollGroup), f"{thread.name} has {group}"
        return group

    # Poll groups, from the app thread.

    async def create_poll_group(self, thread: SpdkThread, reactor: int) -> int:
        """Create a thread with a poll group."""
        receiver = self.reactor.poll_group_thread(reactor)
        if (
            self.reactor.block.globals.thread_mask >> receiver & 1
            or reactor in self._changing_groups
        ):
            return EBUSY
        self._changing_groups[reactor] = True
        await thread.call(receiver, "reactor.create_thread", f"nvmf_tgt_poll_group_{reactor}")
        await thread.call(receiver, "nvmf.open_poll_group")
        del self._changing_groups[reactor]
        return OK

    async def destroy_poll_group(self, thread: SpdkThread, reactor: int) -> int:
        """End a poll group with its connections, and its thread."""
        receiver = self.reactor.poll_group_thread(reactor)
        if reactor in self._changing_groups:
            return EBUSY
        if not self.reactor.block.globals.thread_mask >> receiver & 1:
            return ENODEV
        self._changing_groups[reactor] = True
        await thread.call(receiver, "nvmf.close_poll_group")
        del self._changing_groups[reactor]
        return OK

    def open_poll_group(self, thread: SpdkThread) -> int:
        """Create the poll group of this thread (message)."""
        thread.get_io_channel(self)
        self.reactor.block.globals.accepting_mask |= 1 << thread.id
        thread.emit("nvmf.poll_group_created")
        return OK

    async def close_poll_group(self, thread: SpdkThread) -> int:
        """End all connections, release all channels and exit the thread (message)."""
        group = self.poll_group(thread)
        assert group is not None, f"{thread.name} closes its poll group twice"
        self.reactor.block.globals.accepting_mask &= ~(1 << thread.id)
        group.is_closing = True
        for connection in list(group.qpairs):
            run_flow(self.disconnect(thread, connection))
        while not self._is_empty(group):
            group.closed = Future()
            await group.closed
        group.put_namespace_channels()
        thread.put_io_channel(group)
        await thread.retire()
        thread.emit("nvmf.poll_group_destroyed")
        return OK

    def _is_empty(self, group: PollGroup) -> bool:
        # A reactor has one poll group, and its controllers live on that thread.
        return not group.qpairs and not self.controllers

    def _check_empty(self, thread: SpdkThread) -> None:
        group = self.poll_group(thread)
        if group is not None and group.closed is not None and self._is_empty(group):
            closed, group.closed = group.closed, None
            closed.resolve()

    # On the app thread: the acceptor and the subsystem.

    async def accept(self, thread: SpdkThread, connection: int) -> Answer:
        """Assign a host's new connection to the next poll group, whose thread is the answer's value (message)."""
        shared = self.reactor.block.globals
        mask = shared.accepting_mask
        if not mask:
            return Answer(NvmeStatus.CONNECT_CONTROLLER_BUSY)
        groups = [number for number in range(mask.bit_length()) if mask >> number & 1]
        turn = shared.next_poll_group
        shared.next_poll_group = turn + 1
        chosen = groups[turn % len(groups)]
        if await thread.call(chosen, "nvmf.new_qpair", connection) != OK:
            return Answer(NvmeStatus.CONNECT_CONTROLLER_BUSY)
        return Answer(NvmeStatus.SUCCESS, chosen)

    def add_controller(self, thread: SpdkThread, controller_thread: int) -> int:
        """Assign the id of a new controller (message)."""
        self._last_cntlid += 1
        self.controller_threads[self._last_cntlid] = controller_thread
        return self._last_cntlid

    def find_controller(self, thread: SpdkThread, cntlid: int) -> int:
        """Return the thread of a controller, or -1 (message)."""
        return self.controller_threads.get(cntlid, -1)

    def remove_controller(self, thread: SpdkThread, cntlid: int) -> None:
        """Drop a controller whose last qpair is gone (message)."""
        del self.controller_threads[cntlid]

    # On poll group threads.

    def new_qpair(self, thread: SpdkThread, connection: int) -> int:
        """Take a connection into this poll group (message)."""
        group = self.poll_group(thread)
        if group is None or group.is_closing:
            return ENODEV
        group.qpairs[connection] = Qpair(connection)
        return OK

    async def connect(
        self,
        thread: SpdkThread,
        connection: int,
        qid: int,
        cntlid: int,
        host: int,
        keep_alive_ms: int,
    ) -> Answer | None:
        """Connect a host's admin queue (qid 0) or I/O queue (message)."""
        group = self.poll_group(thread)
        qpair = group.qpairs.get(connection) if group is not None else None
        if group is None or qpair is None:
            return None  # the connection is gone, so there is no answer
        if qpair.state is not QpairState.CONNECTING or qpair.outstanding:
            return NOT_CONNECTED
        qpair.outstanding += 1
        if not await group.while_paused(MANAGEMENT, connection, -1) or qpair.is_leaving():
            answer = NOT_CONNECTED
        else:
            group.management_outstanding += 1
            if qid == ADMIN_QID:
                answer = await self._connect_admin(thread, qpair, host, keep_alive_ms)
            else:
                answer = await self._connect_io(thread, qpair, qid, cntlid)
            group.management_outstanding -= 1
            group.check_drained()
        return answer if qpair.complete() else None

    async def _connect_admin(
        self, thread: SpdkThread, qpair: Qpair, host: int, keep_alive_ms: int
    ) -> Answer:
        cntlid = await thread.call(APP_THREAD, "nvmf.add_controller", thread.id)
        controller = self._controller_class(self, cntlid, host, keep_alive_ms)
        self.controllers[cntlid] = controller
        controller.qpairs[ADMIN_QID] = (thread.id, qpair.connection)
        self._enable(thread, qpair, ADMIN_QID, cntlid, thread.id)
        controller.start_keep_alive(thread)
        return Answer(NvmeStatus.SUCCESS, cntlid)

    async def _connect_io(self, thread: SpdkThread, qpair: Qpair, qid: int, cntlid: int) -> Answer:
        controller_thread = await thread.call(APP_THREAD, "nvmf.find_controller", cntlid)
        if controller_thread < 0:
            return NOT_CONNECTED
        status = await thread.call(
            controller_thread, "nvmf.attach_io_qpair", cntlid, qid, thread.id, qpair.connection
        )
        if status == NvmeStatus.INVALID_QUEUE_IDENTIFIER:
            return INVALID_QID
        if status != NvmeStatus.SUCCESS:  # also when that thread has exited meanwhile
            return NOT_CONNECTED
        # The connection may have ended during the hops; it is then detached once it has drained.
        self._enable(thread, qpair, qid, cntlid, controller_thread)
        return Answer(NvmeStatus.SUCCESS, cntlid)

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
        cid: int,
        opcode: int,
        nsid: int,
        slba: int,
        blocks: int,
        fua: int,
        data: bytes,
        expected: bytes,
    ) -> Answer | None:
        """Execute a host's NVM command on an I/O queue (message)."""
        group = self.poll_group(thread)
        qpair = group.qpairs.get(connection) if group is not None else None
        if group is None or qpair is None or qpair.is_leaving():
            return None  # the connection is gone, so there is no answer
        if qpair.state is QpairState.CONNECTING:
            return SEQUENCE_ERROR
        if qpair.qid == ADMIN_QID:
            return INVALID_NAMESPACE
        command = Command(cid, opcode, nsid, slba, blocks, bool(fua), data, expected)
        return await group.execute(qpair, command)

    async def admin(
        self, thread: SpdkThread, connection: int, cid: int, opcode: int, first: int, second: int
    ) -> Answer | None:
        """Execute a host's admin command on its admin queue (message)."""
        group = self.poll_group(thread)
        qpair = group.qpairs.get(connection) if group is not None else None
        if group is None or qpair is None or qpair.is_leaving():
            return None
        if qpair.state is QpairState.CONNECTING:
            return SEQUENCE_ERROR
        controller = self.controllers.get(qpair.cntlid)
        if qpair.qid != ADMIN_QID or controller is None:
            return INVALID_NAMESPACE
        return await controller.admin(thread, group, qpair, cid, opcode, first, second)

    def abort_command(self, thread: SpdkThread, connection: int, cid: int) -> int:
        """Abort a command that still waits; return 1 if it was not aborted, as in the completion's dword 0 (message)."""
        group = self.poll_group(thread)
        return 0 if group is not None and group.abort(connection, cid) else 1

    def namespace_changed(self, thread: SpdkThread, cntlid: int) -> None:
        """Notify the controller's host of changed namespaces (message)."""
        controller = self.controllers.get(cntlid)
        if controller is not None:
            controller.namespace_changed(thread)

    async def disconnect(self, thread: SpdkThread, connection: int) -> None:
        """End a connection (message from a host, or from the controller's thread).

        Outstanding I/O is awaited, not cancelled, so a write may land after this.
        """
        group = self.poll_group(thread)
        qpair = group.qpairs.get(connection) if group is not None else None
        if group is None or qpair is None or qpair.state is QpairState.DEACTIVATING:
            return
        qpair.state = QpairState.DEACTIVATING
        group.drop_queued(connection)
        controller = self.controllers.get(qpair.cntlid)
        if controller is not None and qpair.qid == ADMIN_QID:
            controller.drop_event_requests()
        if qpair.outstanding:
            qpair.drained = Future()
            await qpair.drained
        if qpair.controller_thread >= 0:
            await thread.call(
                qpair.controller_thread, "nvmf.detach_qpair", qpair.cntlid, qpair.qid, connection
            )
        self._destroy_qpair(thread, group, connection)

    def _destroy_qpair(self, thread: SpdkThread, group: PollGroup, connection: int) -> None:
        del group.qpairs[connection]
        thread.emit("nvmf.qpair_destroyed", connection)
        self._check_empty(thread)

    # On the controller's thread.

    async def attach_io_qpair(
        self, thread: SpdkThread, cntlid: int, qid: int, qpair_thread: int, connection: int
    ) -> int:
        """Add an I/O qpair; a qid that is still in use is retried once after a delay (message)."""
        for attempt in (1, 2):
            controller = self._find_connected(cntlid)
            if controller is None:
                return NvmeStatus.CONNECT_INVALID_PARAMETERS
            if qid not in controller.qpairs:
                controller.qpairs[qid] = (qpair_thread, connection)
                return NvmeStatus.SUCCESS
            if attempt == 1:
                thread.emit("nvmf.duplicate_qid", cntlid, qid)
                await self.reactor.sleep(thread.id, DUPLICATE_QID_RETRY_US)
        return NvmeStatus.INVALID_QUEUE_IDENTIFIER

    def _find_connected(self, cntlid: int) -> NvmeController | None:
        """Return a controller that has its admin qpair; None if the host has begun to leave."""
        controller = self.controllers.get(cntlid)
        return controller if controller is not None and ADMIN_QID in controller.qpairs else None

    def detach_qpair(self, thread: SpdkThread, cntlid: int, qid: int, connection: int) -> int:
        """Detach a drained qpair; when the admin qpair goes, the controller ends its other ones (message)."""
        controller = self.controllers[cntlid]
        _, detached = controller.qpairs.pop(qid)
        assert detached == connection, f"qid {qid} of controller {cntlid} is another connection's"
        if qid == ADMIN_QID:
            controller.disconnect_all(thread)
        if not controller.qpairs:
            del self.controllers[cntlid]
            thread.send(APP_THREAD, "nvmf.remove_controller", cntlid)
            self._check_empty(thread)
        return OK

    def census(self) -> list[tuple[str, str, int]]:
        """Count the qpairs and controllers of this reactor."""
        rows = [
            ("qpair", group.thread.name, len(group.qpairs))
            for thread in self.reactor.threads.values()
            for group in thread.channels.values()
            if isinstance(group, PollGroup)
        ]
        rows.append(("controller", f"reactor {self.reactor.number}", len(self.controllers)))
        rows.append(("controller id", "subsystem", len(self.controller_threads)))
        return rows
