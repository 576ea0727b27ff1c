"""A removal resumes client I/O before it writes the superblock.

Source: corrected by SPDK commit cb768e815f (v24.05).
Epoch: present in April 2024.
Trigger: a member is removed under write load, and a write is acknowledged by the others. The target is killed before
the superblock is written, and starts again with all disks.
Expected: superblock, recovery, register.
"""

from workers.errors import OK
from workers.raid import membership
from workers.thread import SpdkThread


class Membership(membership.Membership):
    """The historical order: quiesce, channels, unquiesce, close, superblock."""

    async def _take_out(self, thread: SpdkThread, number: int) -> int:
        lock = await self.bdev.quiesce(thread)
        self.deconfigure(number)
        is_last = not self._is_serviceable()
        if is_last:
            thread.emit("raid.last_member_removed")
        await thread.for_each_channel(self.raid, "remove_member", number)
        self.let_go(thread, number)
        await self.bdev.unquiesce_range(thread, lock)
        self.slots.release(number)
        return OK if is_last else await self.write_down_removal(thread, number)

    def let_go(self, thread: SpdkThread, number: int) -> None:
        self.record.operational -= 1
        thread.emit("raid.member_removed", number, self.raid.disk_in(self.record.slots[number]))
