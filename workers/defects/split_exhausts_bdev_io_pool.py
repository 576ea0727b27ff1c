"""Split requests that hold the last bdev_io objects wait for more of them behind the others, forever.

Source: SPDK issue #3055; corrected by SPDK commit 2f2c3aeda7 (2026).
Epoch: present in April 2024 and in v26.05.
Trigger: as many requests that must be split are in flight on a channel as it has bdev_io objects.
Expected: liveness.
"""

from workers.bdev import bdev
from workers.bdev.io import ABORTED, BdevIo
from workers.thread import Future, run_flow


class BdevChannel(bdev.BdevChannel):
    """The parts of a request take objects of the pool that it has one of already."""

    def _start_child(self, io: BdevIo) -> Future:
        child = Future()
        run_flow(self._execute_child(io), child.resolve)
        return child

    async def _execute_child(self, io: BdevIo) -> object:
        if self.io_free:
            self.io_free -= 1
        else:
            waiting = bdev.Waiting(io)
            self.io_wait.append(waiting)
            self.thread.emit("bdev.io_wait", self.device.id)
            if not await waiting.future:
                return ABORTED
        completion = await self._execute(io)
        if self.io_wait:
            self.io_wait.popleft().future.resolve(True)
        else:
            self.io_free += 1
        return completion
