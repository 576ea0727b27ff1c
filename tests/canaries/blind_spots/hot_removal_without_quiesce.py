"""A member whose bdev goes away is dropped without a quiesce, since I/O to it fails anyway.

Source: our own, after SPDK issue #3306 (I/O during the removal of a base bdev).
Trigger: the bdev of a member is deleted while its disk works, during writes and reads: reads of it still succeed.
Expected: register.
Spot: bdevs that go away while their disks work.
"""

from typing import Any, NamedTuple

from workers.bdev.bdev import BdevChannel
from workers.bdev.io import BdevIo, Completion
from workers.raid import membership, raid1
from workers.raid.array import RaidChannel
from workers.thread import SpdkThread


class Membership(membership.Membership):
    """A removal by event skips the quiesce."""

    _hot = -1

    async def base_bdev_removed(self, thread: SpdkThread, number: int, generation: int) -> None:
        if self.record.slots[number].generation == generation:
            self._hot = number
            await self.remove_slot(thread, number)

    async def _take_out(self, thread: SpdkThread, number: int) -> int:
        if number != self._hot:
            return await super()._take_out(thread, number)
        self._hot = -1
        self.deconfigure(number)
        status = await self.write_down_removal(thread, number)
        await thread.for_each_channel(self.raid, "remove_member", number)
        self.let_go(thread, number)
        return status


class Paths(NamedTuple):
    """The paths of a write."""

    base_channels: list[BdevChannel | None]
    data_offsets: list[int]


class Raid1(raid1.Raid1):
    """Writes leave out a member that is gone; reads find out by their errors."""

    async def write(self, channel: RaidChannel, paths: Any, io: BdevIo) -> Completion:
        slots = self.raid.record.slots
        there = [
            base if slots[number].is_configured else None
            for number, base in enumerate(paths.base_channels)
        ]
        left: Any = Paths(there, paths.data_offsets)
        return await super().write(channel, left, io)
