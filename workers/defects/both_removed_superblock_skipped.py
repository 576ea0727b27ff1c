"""Members removed at once: no member gets the superblock, and writes acknowledged then are lost.

Source: code reading and forced run of SPDK at 3230130e6a; introduced with commit cb768e815f (v24.05); not reported
upstream.
Epoch: present in August 2026; April 2024 wrote to every open member.
Trigger: all members are scheduled for removal, the last before the first one's superblock write. That write goes to no
member and succeeds. Between the two removals a write is acknowledged by the last member alone. The array goes offline
and is assembled again from both, with equal superblocks.
Expected: recovery, superblock, mirrors, register.
"""

from workers.raid import metadata
from workers.thread import SpdkThread


class Metadata(metadata.Metadata):
    """Members whose removal is scheduled no longer get the superblock."""

    def recipients(self) -> list[int]:
        slots = self.raid.slots
        return [number for number in super().recipients() if not slots[number].remove_scheduled]

    async def _write_once(self, thread: SpdkThread) -> bool:
        # Without recipients no write can fail, so that counts as success.
        return not self.recipients() or await super()._write_once(thread)
