"""A superblock that can't be read leaves the array busy: every later addition is refused.

Source: our own, after SPDK's raid_bdev_add_base_bdev, whose state is undone on each of its error paths.
Trigger: the disk of a member to be added fails, or is pulled, while its superblock is read.
Expected: answers, liveness.
Spot: disks that are no members yet.
"""

from workers.errors import OK
from workers.raid import membership
from workers.raid.superblock import Superblock
from workers.thread import SpdkThread


class Membership(membership.Membership):
    """The flag is cleared where the addition goes on."""

    async def read_superblock(self, thread: SpdkThread, bdev: int) -> tuple[int, Superblock | None]:
        status, found = await super().read_superblock(thread, bdev)
        self.is_adding = status != OK
        return status, found
