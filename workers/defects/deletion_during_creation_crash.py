"""An array that is deleted while it is being created crashes the target.

Source: code reading and recorded behaviour of v26.05; no upstream report was found.
Epoch: present at HEAD (August 2026).
Trigger: the deletion of an array is asked for before its creation, or its assembly, has written the superblocks.
Expected: crash.
"""

from workers.raid import configuration
from workers.shared import RaidState
from workers.thread import SpdkThread


class Configuration(configuration.Configuration):
    """Assumes that no member is being configured."""

    async def _delete(self, thread: SpdkThread, clear_superblock: int) -> int:
        is_done = not self.is_configuring or self.record.state != RaidState.CONFIGURING
        assert is_done, "raid_bdev_free_base_bdev_resource: base_info->configure_cb == NULL"
        return await super()._delete(thread, clear_superblock)
