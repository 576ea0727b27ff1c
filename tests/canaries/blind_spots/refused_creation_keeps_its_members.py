"""An array that can't be created keeps the members that it had opened.

Source: our own, after SPDK's raid_bdev_create, which frees the array where a base bdev can't be added.
Trigger: an array is created while a channel of one of its disks can't be.
Expected: answers, liveness, references.
Spot: failed creations that drop the last reference.
"""

from workers.raid import configuration
from workers.thread import SpdkThread


class Configuration(configuration.Configuration):
    """The array is left as it was when the error came."""

    _is_creating = False

    async def create(self, thread: SpdkThread, superblock: int, number: int, *bdevs: int) -> int:
        self._is_creating = True
        status = await super().create(thread, superblock, number, *bdevs)
        self._is_creating = False
        return status

    def dismiss(self, thread: SpdkThread) -> None:
        if not (self._is_creating and self.slots.occupied() and self.record.discovered):
            super().dismiss(thread)
