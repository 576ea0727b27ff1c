"""A host's session: its qpairs, its admin commands, keep-alive and asynchronous events. Mirrors ``ctrlr.c``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.nvmf.poll_group import MANAGEMENT, PollGroup, Qpair
from workers.nvmf.status import (
    AER_LIMIT,
    CHANGED_NAMESPACE_LIST,
    NAMESPACE_ATTRIBUTE_CHANGED,
    AdminOpcode,
    NvmeStatus,
)
from workers.protocol import Answer
from workers.thread import Future, SpdkThread, run_flow

if TYPE_CHECKING:
    from workers.nvmf.target import NvmfTarget

ADMIN_QID = 0
KEEP_ALIVE_TICKS = 4  # checks during one time-out
MICROSECONDS_PER_MS = 1_000


class NvmeController:
    """One controller, on the thread of its admin qpair."""

    __slots__ = (
        "_event_requests",
        "_is_event_masked",
        "_is_event_pending",
        "_silent_ticks",
        "cntlid",
        "host",
        "keep_alive_ms",
        "qpairs",
        "target",
    )

    def __init__(self, target: NvmfTarget, cntlid: int, host: int, keep_alive_ms: int) -> None:
        self.target = target
        self.cntlid = cntlid
        self.host = host
        self.keep_alive_ms = keep_alive_ms  # 0: no timer
        self.qpairs: dict[int, tuple[int, int]] = {}  # qid -> (thread, connection)
        self._silent_ticks = 0
        self._event_requests: list[Future] = []
        self._is_event_masked = False  # until the host reads the log page
        self._is_event_pending = False

    # Keep-alive.

    def start_keep_alive(self, thread: SpdkThread) -> None:
        """Start the keep-alive timer."""
        if self.keep_alive_ms:
            run_flow(self._watch_keep_alive(thread))

    async def _watch_keep_alive(self, thread: SpdkThread) -> None:
        tick_us = self.keep_alive_ms * MICROSECONDS_PER_MS // KEEP_ALIVE_TICKS
        while self._silent_ticks < KEEP_ALIVE_TICKS:
            await thread.reactor.sleep(thread.id, tick_us)
            self._silent_ticks += 1
            if self.target.controllers.get(self.cntlid) is not self:
                return
        thread.emit("nvmf.keep_alive_expired", self.cntlid, self.host)
        self.disconnect_all(thread)

    def disconnect_all(self, thread: SpdkThread) -> None:
        """Disconnect all qpairs of this controller."""
        for qpair_thread, connection in self.qpairs.values():
            thread.send(qpair_thread, "nvmf.disconnect", connection)

    # Admin commands.

    async def admin(
        self,
        thread: SpdkThread,
        group: PollGroup,
        qpair: Qpair,
        cid: int,
        opcode: int,
        first: int,
        second: int,
    ) -> Answer | None:
        """Execute an admin command; return None if the host has left meanwhile."""
        if opcode == AdminOpcode.ASYNC_EVENT_REQUEST:
            # It stays pending for long, so neither a pause nor the end of the qpair waits for it.
            return await self._await_event()
        qpair.outstanding += 1
        if not await group.while_paused(MANAGEMENT, qpair.connection, cid) or qpair.is_leaving():
            answer = Answer(NvmeStatus.ABORTED_BY_REQUEST)
        else:
            group.management_outstanding += 1
            answer = await self._execute(thread, group, opcode, first, second)
            group.management_outstanding -= 1
            group.check_drained()
        return answer if qpair.complete() else None

    async def _execute(
        self, thread: SpdkThread, group: PollGroup, opcode: int, first: int, second: int
    ) -> Answer:
        match opcode:
            case AdminOpcode.KEEP_ALIVE:
                self._silent_ticks = 0
                return Answer(NvmeStatus.SUCCESS)
            case AdminOpcode.GET_LOG_PAGE:
                return self._get_log_page(thread, first)
            case AdminOpcode.ABORT:
                return await self._abort(thread, first, second)
            case AdminOpcode.IDENTIFY:
                return self._identify(group, first, second)
            case _:
                return Answer(NvmeStatus.INVALID_OPCODE)

    async def _abort(self, thread: SpdkThread, qid: int, cid: int) -> Answer:
        found = self.qpairs.get(qid)
        if found is None:
            return Answer(NvmeStatus.SUCCESS, 1)
        qpair_thread, connection = found
        result: int = await thread.call(qpair_thread, "nvmf.abort_command", connection, cid)
        return Answer(NvmeStatus.SUCCESS, 0 if result == 0 else 1)

    def _identify(self, group: PollGroup, cns: int, nsid: int) -> Answer:
        """Answer Identify; CNS 0: value is the namespace's size in blocks; CNS 2: a bit per active namespace id."""
        if cns == 0:
            namespace = group.namespaces.get(nsid)
            return Answer(NvmeStatus.SUCCESS, namespace.num_blocks if namespace else 0)
        if cns == 2:
            return Answer(NvmeStatus.SUCCESS, sum(1 << active for active in group.namespaces))
        return Answer(NvmeStatus.INVALID_FIELD)

    # Asynchronous events.

    async def _await_event(self) -> Answer | None:
        if len(self._event_requests) >= AER_LIMIT:
            return Answer(NvmeStatus.ASYNC_EVENT_LIMIT)
        request = Future()
        self._event_requests.append(request)
        if self._is_event_pending:
            self._tell()
        answer: Answer | None = await request
        return answer

    def namespace_changed(self, thread: SpdkThread) -> None:
        """Notify the host once; further changes are masked until it has read the log page."""
        self._is_event_pending = True
        self._tell()

    def _tell(self) -> None:
        if self._is_event_masked or not self._event_requests:
            return
        self._is_event_pending = False
        self._is_event_masked = True
        self._event_requests.pop(0).resolve(Answer(NvmeStatus.SUCCESS, NAMESPACE_ATTRIBUTE_CHANGED))

    def _get_log_page(self, thread: SpdkThread, page: int) -> Answer:
        if page == CHANGED_NAMESPACE_LIST:
            self._is_event_masked = False
            if self._is_event_pending:
                self._tell()
        return Answer(NvmeStatus.SUCCESS)

    def drop_event_requests(self) -> None:
        """Drop the pending event requests, since the admin connection ends."""
        requests, self._event_requests = self._event_requests, []
        for request in requests:
            request.resolve(None)
