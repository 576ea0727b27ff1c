"""A Connect that waits for a resume outlives its connection.

Source: SPDK issue #2133, commit b13ee3005d (v23.05); issue #3100, commit e1602892a1 (v23.09).
Epoch: before both April 2024 and August 2026.
Trigger: the subsystem is paused; a host connects, and gives up before the resume. Queued requests are dropped with
their controller, and this connection has none yet. The resume replays a request of a connection that is gone.
Expected: crash.
"""

from workers.nvmf import poll_group, target
from workers.nvmf.poll_group import MANAGEMENT
from workers.protocol import Answer
from workers.thread import SpdkThread


class PollGroup(poll_group.PollGroup):
    """The historical purge: by controller."""

    def drop_queued(self, connection: int, cid: int | None = None) -> bool:
        if self.qpairs[connection].controller_thread < 0:
            return False
        return super().drop_queued(connection, cid)


class NvmfTarget(target.NvmfTarget):
    """The historical queue: a queued request doesn't hold the connection."""

    async def connect(
        self,
        thread: SpdkThread,
        connection: int,
        qid: int,
        cntlid: int,
        host: int,
        keep_alive_ms: int,
    ) -> Answer | None:
        group = self.poll_group(thread)
        if group is not None and connection in group.qpairs:
            await group.while_paused(MANAGEMENT, connection, -1)
            assert connection in group.qpairs, (
                f"a queued Connect of freed qpair {connection} is replayed"
            )
        return await super().connect(thread, connection, qid, cntlid, host, keep_alive_ms)
