"""Members removed at once: the superblock skips them all, and what is written then is forgotten.

Source: code reading and forced run of SPDK at 3230130e6a; introduced with commit cb768e815f (v24.05); not reported
upstream.
Epoch: present in August 2026; April 2024 wrote to whoever was open.
Trigger: all members are to be removed, the last before the first one's superblock write: that goes to nobody and
succeeds; between the two removals a write is acknowledged by the last one alone; the array goes offline, and is
assembled again from both, with equal superblocks.
Expected: recovery, superblock, mirrors, register.
"""

from workers.raid import metadata
from workers.thread import SpdkThread


class Metadata(metadata.Metadata):
    """Members whose removal is scheduled get no superblock any more."""

    def recipients(self) -> list[int]:
        slots = self.raid.slots
        return [number for number in super().recipients() if not slots[number].remove_scheduled]

    async def _write_once(self, thread: SpdkThread) -> bool:
        # Nobody to write to is nobody who fails.
        return not self.recipients() or await super()._write_once(thread)
