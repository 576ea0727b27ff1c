"""A creation that fails leaves superblocks behind, so that the next one is refused.

Source: corrected by SPDK commit b4dd1d5b6c (2026) and the one after it, which clears them.
Epoch: present in April 2024.
Trigger: an array is created; the superblock can be written to some of its disks only.
Expected: answers, liveness, recovery, superblock.
"""

from workers.raid import configuration
from workers.thread import SpdkThread


class Configuration(configuration.Configuration):
    """Releases the members of an array that didn't come online as they are."""

    async def _wipe_all(self, thread: SpdkThread) -> None:
        if self.is_configuring and not self._is_deleting:
            return
        await super()._wipe_all(thread)
