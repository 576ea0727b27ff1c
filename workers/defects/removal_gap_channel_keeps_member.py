"""A channel born at the end of a removal keeps the removed member.

Source: forced run of SPDK at 51978c16f1~1; corrected by commit 6518a98df7 (v24.05), which had another purpose.
Epoch: present in April 2024. Only that order; the superblock is written while quiesced, as since cb768e815f.
Trigger: a member is removed, and the iteration has passed a thread; there a channel of the array is born before the
member is closed, which comes after the unquiesce. Then the disk is pulled and can't be unregistered; or a disk is
added, and that channel reads what isn't rebuilt yet.
Expected: channels, references, availability.
"""

from workers.bdev.io import FAILED, Completion
from workers.raid import array, membership, raid1
from workers.shared import Slot
from workers.thread import SpdkThread


class Membership(membership.Membership):
    """The historical order: the member is closed when the array has gone on."""

    async def _take_out(self, thread: SpdkThread, number: int) -> int:
        status = await super()._take_out(thread, number)
        self.slots.release(number)
        return status

    def let_go(self, thread: SpdkThread, number: int) -> None:
        self.record.operational -= 1
        thread.emit("raid.member_removed", number, self.raid.disk_in(self.record.slots[number]))


class RaidChannel(array.RaidChannel):
    """Takes all members that are open, also those on their way out."""

    def may_use(self, slot: Slot) -> bool:
        return bool(slot.bdev and not slot.is_process_target)

    async def finish_process(self, number: int, status: int) -> None:
        # Whatever is in the slot is forgotten: the rebuild's target takes its place.
        if self.base_channels[number] is not None:
            self.base_channels[number] = None
            self.tell()
        await super().finish_process(number, status)


class Raid1(raid1.Raid1):
    """A write that fails on a member that is none any more is an error, and nobody's fault."""

    async def fail_members(self, thread: SpdkThread, failed: list[raid1.Part]) -> Completion:
        slots = self.raid.record.slots
        if any(slots[part.slot].bdev != part.base.device.id + 1 for part in failed):
            return FAILED
        return await super().fail_members(thread, failed)


class RaidBdev(array.RaidBdev):
    """Nor is a read that couldn't be repaired there."""

    async def fail_base_bdev(self, thread: SpdkThread, number: int, generation: int) -> bool:
        if not self.record.slots[number].bdev:
            return False
        return await super().fail_base_bdev(thread, number, generation)
