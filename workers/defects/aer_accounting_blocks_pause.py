"""An asynchronous event request that ends early stays in the count that a pause waits for.

Source: SPDK commit 70f7d5ea70 (July 2026). Issue #1552 (2020) has the same effect by another way. It is left out,
because it is far easier to find and would hide this one.
Epoch: present in April 2024.
Trigger: every request is counted, and an event request that stays pending is subtracted. One that a pause has queued
stays counted if its host disconnects and the resume replays it on the qpair that is leaving. The next pause of the
poll group waits forever.
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
    # Event requests don't delay the end of a qpair, and the end of its connection must not drop them.
    return ~connection
