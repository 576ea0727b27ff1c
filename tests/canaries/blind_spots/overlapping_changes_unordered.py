"""Changes of the same blocks are in flight on the members at the same time.

Source: SPDK's raid1.c, which submits each write to all members at once and leaves the order to hosts.
Trigger: a host has lost its session, and writes blocks again while its old write still waits in the target.
Expected: order.
Spot: changes that are in doubt.
"""

from workers.raid import write_order
from workers.thread import SpdkThread


class WriteOrder(write_order.WriteOrder):
    """Each goes at once."""

    async def enter(self, thread: SpdkThread, offset: int, end: int) -> int:
        return self.table.add(thread.id, offset, end, waits=False)
