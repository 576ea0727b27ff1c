"""A new member is read by channels created before its rebuild has started.

Source: corrected by SPDK commit a67085538b (v24.05).
Epoch: present in April 2024. The gap at the end of the start iteration is start-gap-channel-without-process.
Trigger: a member is added; while it is examined for another array's superblock, a thread gets its first channel of the
array and uses the new one as a member in sync. That channel reads blocks that are not rebuilt yet, while the other
members are busy.
Expected: channels, copies.
"""

from workers.bdev.io import FAILED, Completion
from workers.errors import OK
from workers.raid import array, membership, raid1
from workers.shared import Slot
from workers.thread import SpdkThread


class Membership(membership.Membership):
    """The historical order: the new member is in its slot while its superblock is read."""

    async def add(self, thread: SpdkThread, bdev: int) -> int:
        place = self.place_for(bdev) if self._may_add(bdev) == OK else None
        if place is None:
            return await super().add(thread, bdev)
        number, data_offset = place
        status = self.slots.occupy(number, bdev, data_offset)
        if status != OK:
            return status
        status, found = await self.read_superblock(thread, bdev)
        # Released and taken again within one step, so that no other thread sees it.
        self.slots.release(number)
        return self.admit(thread, bdev, status, found)


class RaidChannel(array.RaidChannel):
    """Takes all members that are open; only a running rebuild shows which of them is its target."""

    def may_use(self, slot: Slot) -> bool:
        record = self.device.record
        # One whose rebuild has failed is on its way out.
        is_leaving = record.process_status != OK and slot is record.slots[record.process_slot]
        return bool(slot.bdev) and not (
            slot.is_process_target
            or (slot.remove_scheduled and not slot.is_configured)
            or is_leaving
        )

    async def finish_process(self, number: int, status: int) -> None:
        taken, self.base_channels[number] = self.base_channels[number], None
        if taken is not None:
            self.tell()
        await super().finish_process(number, status)
        if status != OK and taken is not None:
            await self.flushed()
            self.thread.put_io_channel(taken)


class Raid1(raid1.Raid1):
    """A write that fails on a bdev that was never admitted is an error, and fails no member."""

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
