"""The array grows first, and its superblock is written afterwards.

Source: our own, after SPDK issue #3311 and commit ceb2ad0c71.
Trigger: all disks grow; a host asks for the size before the superblock is written.
Expected: sizes; register where the target dies in between.
Spot: sizes.
"""

from workers.raid import membership
from workers.thread import SpdkThread


class Membership(membership.Membership):
    """Hosts wait for nothing."""

    async def base_bdev_resized(self, thread: SpdkThread) -> None:
        blocks = self.slots.smallest()
        if self.is_growing_held_up() or blocks <= self.bdev.record.num_blocks:
            return
        self.metadata.set_size(blocks)
        self.layer.resize(thread, self.bdev, blocks)
        thread.emit("raid.grown", blocks)
        await self.metadata.write(thread)
