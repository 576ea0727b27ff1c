"""A Connect that comes during a pause is refused instead of waiting.

Source: corrected by SPDK commit 1c5444d623.
Trigger: a host connects while the namespaces change.
Expected: none that promises it; the host tries again.
"""

from workers.nvmf import target
from workers.nvmf.status import NvmeStatus
from workers.protocol import Answer
from workers.thread import SpdkThread


class NvmfTarget(target.NvmfTarget):
    """A subsystem that isn't active accepts no connection."""

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
        if group is not None and group.paused:
            return Answer(NvmeStatus.CONNECT_INVALID_PARAMETERS)
        return await super().connect(thread, connection, qid, cntlid, host, keep_alive_ms)
