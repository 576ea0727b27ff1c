"""A part of a split request waits for a range lock that waits for the whole request.

Source: SPDK commit cc4335f442 (v25.09).
Epoch: present in April 2024.
Trigger: a request is carried out in several parts, not all at once; between two of them a lock of the array's blocks
comes (a removal, a rebuild's window, the repair of a read). The first part is let through, the next one is held like
new I/O, and the lock waits for ever for the request they belong to.
Expected: liveness.

The array's own bdev splits nothing but write-zeroes, whose writes follow one another: they are the parts.
"""

from workers.bdev import bdev
from workers.bdev.io import ABORTED, BdevIo, Completion
from workers.thread import Future, run_flow


class BdevChannel(bdev.BdevChannel):
    """The historical submission: parts pass the gate that new I/O passes."""

    def _start_child(self, io: BdevIo) -> Future:
        child = Future()
        run_flow(self._submit_child(io), child.resolve)
        return child

    async def _submit_child(self, io: BdevIo) -> Completion:
        if self.ranges and not await self._is_let_in(io):
            return ABORTED
        return await self._execute(io)
