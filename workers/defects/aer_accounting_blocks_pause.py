"""An asynchronous event request that ends early stays in the count that a pause waits for.

Source: SPDK issue #1552, commit 43ad7febb2 (2020); commit 70f7d5ea70 (July 2026).
Epoch: before 2020 both forms; in April 2024 the second one.
Trigger: every request is counted in, and an event request that stays pending is counted out. One that comes after a
namespace change which the host hasn't been told of is answered at once, and stays counted. So does one that is queued
by a pause, if its host disconnects and the resume replays it on the qpair that is leaving. The next pause of the poll
group waits for ever.
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
            if not self._is_event_pending or self._is_event_masked:
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
