"""A blank disk that is added to an array that waits for its members counts as in sync.

Source: code reading and recorded behaviour of v26.05; no upstream report was found.
Epoch: present at HEAD (August 2026); in April 2024 an add needed ONLINE.
Trigger: an array waits for a member after a restart; a disk without superblock is added in its place, or in a free slot.
Expected: register, mirrors, copies, superblock, recovery, states.
"""

from workers.errors import OK
from workers.raid import membership
from workers.raid.metadata import DATA_OFFSET
from workers.thread import SpdkThread


class Membership(membership.Membership):
    """Whatever is added to an array that waits becomes a member at once."""

    async def _add_awaited(self, thread: SpdkThread, bdev: int) -> int:
        status, place = self._may_join(bdev)
        if status != OK:
            return status
        status, found = await self.read_superblock(thread, bdev)
        if status != OK or found is not None or self.metadata.superblock is None:
            return await super()._add_awaited(thread, bdev)
        again, place = self._may_join(bdev)
        if again != OK:
            return again
        configuration = self.reactor.services.configuration
        status = configuration.join(place, bdev, DATA_OFFSET)
        if status == OK:
            self.metadata.set_member(place, self.layer.bdevs[bdev].record.identity, DATA_OFFSET)
        return status or await configuration.configure(thread)
