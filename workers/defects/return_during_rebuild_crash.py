"""A former member that returns while another disk is being rebuilt crashes the target.

Source: code reading and recorded behaviour of v26.05, whose source has a TODO about it. No upstream report was found.
Epoch: present at HEAD (August 2026); in April 2024 former members were left alone.
Trigger: a former member's disk is plugged in during a rebuild, of its own slot's new disk or of another one.
Expected: crash.
"""

from workers.bdev.bdev import Bdev
from workers.raid import examine
from workers.raid.uuids import bdev_uuid
from workers.thread import SpdkThread


class Examine(examine.Examine):
    """Assumes that the slot is free, and that no rebuild runs."""

    def _queue(self, thread: SpdkThread, bdev: Bdev) -> None:
        own = self.metadata.superblock
        assert own is not None, "only an array with superblock has former members"
        entry = own.entry_of(bdev_uuid(bdev.record.identity))
        assert entry is not None, "the superblock lists a former member"
        is_configured = self.record.slots[entry.slot].is_configured
        assert not is_configured, "raid_bdev_examine_sb: base_info->is_configured == false"
        is_rebuilding = self.reactor.services.rebuild.is_under_way
        assert not is_rebuilding, "raid_bdev_configure_base_bdev_cont: raid_bdev->process == NULL"
        super()._queue(thread, bdev)
