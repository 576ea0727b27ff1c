"""A change of a namespace that follows another one at once doesn't wait for the namespace's I/O.

Source: corrected by SPDK commit d123762feb (June 2026).
Epoch: present in April 2024 and in v26.05.
Trigger: a change of the subsystem is asked for during another one that concerns another namespace, or none; a host has I/O
in flight on the namespace that is then detached.
Expected: crash.
"""

from workers.nvmf import namespaces
from workers.nvmf.target import NvmfTarget
from workers.shared import NO_NAMESPACE
from workers.thread import Future, SpdkThread


class Namespaces(namespaces.Namespaces):
    """A subsystem that is paused already isn't paused again, whatever it was paused for."""

    async def _begin_change(self, thread: SpdkThread, nsid: int) -> None:
        shown = 0 if nsid == NO_NAMESPACE else nsid
        if not self._changing:
            await super()._begin_change(thread, nsid)
            return
        thread.emit("nvmf.pause_queued", shown)
        turn = Future()
        self._queue.append(turn)
        await turn
        thread.emit("nvmf.pausing", shown)

    async def _end_change(self, thread: SpdkThread) -> None:
        if self._queue:
            # The namespaces are updated, and the subsystem stays paused for the next change.
            assert isinstance(self.target, NvmfTarget), "there is one target"
            self._queue.pop(0).resolve()
            return
        await super()._end_change(thread)
