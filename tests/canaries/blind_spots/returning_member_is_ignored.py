"""A member that comes back with its superblock is left alone until an operator adds it.

Source: our own, after SPDK's raid_bdev_examine_sb, which takes such a member in again.
Trigger: a disk is pulled and comes back, and no RPC helps.
Expected: self_healing.
Spot: what the target owes by itself.
"""

from workers.bdev.bdev import Bdev
from workers.raid import examine
from workers.thread import SpdkThread


class Examine(examine.Examine):
    """An operator will see to it."""

    def _queue(self, thread: SpdkThread, bdev: Bdev) -> None:
        pass
