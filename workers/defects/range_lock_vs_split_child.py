"""A part of a split request waits for a range lock that waits for the whole request.

Source: SPDK commit cc4335f442 (v25.09).
Epoch: present in April 2024.
Trigger: a request is executed in several parts, not all at once. Between two of them the array's blocks are locked (by
a removal, a rebuild's window, the repair of a read). The first part has passed, and the next one is held like new I/O.
The lock waits forever for the request to which they belong.
Expected: liveness.

The array's own bdev splits only write-zeroes: the parts are its writes, one after the other.
"""

from workers.bdev import bdev
from workers.bdev.io import ABORTED, BdevIo, Completion
from workers.thread import Future, run_flow


class BdevChannel(bdev.BdevChannel):
    """The historical submission: parts pass the same gate as new I/O."""

    def _start_child(self, io: BdevIo) -> Future:
        child = Future()
        run_flow(self._submit_child(io), child.resolve)
        return child

    async def _submit_child(self, io: BdevIo) -> Completion:
        if self.ranges and not await self._is_let_in(io):
            return ABORTED
        return await self._execute(io)
