"""An asynchronous event request that ends early stays in the count that a pause waits for.

Source: SPDK commit 70f7d5ea70 (July 2026). Issue #1552 (2020), another way to the same end, is left out: it is far easier
to find, and would hide this one.
Epoch: present in April 2024.
Trigger: every request is counted in, and an event request that stays pending is counted out. One that a pause has queued
stays counted if its host disconnects, and the resume replays it on the qpair that is leaving. The next pause of the
poll group waits for ever.
Expected: liveness.
"""

from workers.nvmf import controller, target
from workers.nvmf.poll_group import MANAGEMENT, PollGroup, Qpair
from workers.nvmf.status import AdminOpcode
from workers.protocol import Answer
from workers.thread import SpdkThread


class NvmeController(controller.NvmeController):
    """The historical accounting: event requests are queued and counted like other commands."""

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
        if opcode == AdminOpcode.ASYNC_EVENT_REQUEST:
            if not await group.while_paused(MANAGEMENT, _queue_of(qpair.connection), cid):
                return None
            group.management_outstanding += 1
            if qpair.is_leaving():
                return None
            group.management_outstanding -= 1
        return await super().admin(thread, group, qpair, cid, opcode, first, second)


class NvmfTarget(target.NvmfTarget):
    """Event requests leave the queue when their qpair is destroyed."""

    def _destroy_qpair(self, thread: SpdkThread, group: PollGroup, connection: int) -> None:
        group.drop_queued(_queue_of(connection))
        super()._destroy_qpair(thread, group, connection)


def _queue_of(connection: int) -> int:
    # They hold no qpair up, and what is dropped when its connection ends is not among them.
    return ~connection
