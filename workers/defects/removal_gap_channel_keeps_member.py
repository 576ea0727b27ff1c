"""A channel created at the end of a removal keeps the removed member.

Source: forced run of SPDK at 51978c16f1~1; corrected by commit 6518a98df7 (v24.05), which had another purpose.
Epoch: present in April 2024. Only that order is modelled: the superblock is written while quiesced, as since cb768e815f.
Trigger: a member is removed, and the iteration has passed a thread. A channel of the array is created there before the
member is closed, which follows the unquiesce. Then the disk is pulled and can't be unregistered. Or a disk is added,
and that channel reads blocks that aren't rebuilt yet.
Expected: channels, references, availability.
"""

from workers.bdev.io import FAILED, Completion
from workers.raid import array, membership, raid1
from workers.shared import Slot
from workers.thread import SpdkThread


class Membership(membership.Membership):
    """The historical order: the member is closed after I/O has resumed."""

    async def _take_out(self, thread: SpdkThread, number: int) -> int:
        status = await super()._take_out(thread, number)
        self.slots.release(number)
        return status

    def let_go(self, thread: SpdkThread, number: int) -> None:
        self.record.operational -= 1
        thread.emit("raid.member_removed", number, self.raid.disk_in(self.record.slots[number]))


class RaidChannel(array.RaidChannel):
    """Takes all members that are open, including those on their way out."""

    def may_use(self, slot: Slot) -> bool:
        return bool(slot.bdev and not slot.is_process_target)

    async def finish_process(self, number: int, status: int) -> None:
        # The rebuild's target takes the slot, and the channel that was there is never put.
        if self.base_channels[number] is not None:
            self.base_channels[number] = None
            self.tell()
        await super().finish_process(number, status)


class Raid1(raid1.Raid1):
    """A write that fails on a former member is an error, and fails no member."""

    async def fail_members(self, thread: SpdkThread, failed: list[raid1.Part]) -> Completion:
        slots = self.raid.record.slots
        if any(slots[part.slot].bdev != part.base.device.id + 1 for part in failed):
            return FAILED
        return await super().fail_members(thread, failed)


class RaidBdev(array.RaidBdev):
    """Nor does a read that couldn't be repaired there."""

    async def fail_base_bdev(self, thread: SpdkThread, number: int, generation: int) -> bool:
        if not self.record.slots[number].bdev:
            return False
        return await super().fail_base_bdev(thread, number, generation)
