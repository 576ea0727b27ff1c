"""A superblock write that fails during a removal leaves the array quiesced forever.

Source: code reading and forced run of SPDK at 3230130e6a (raid_bdev_remove_base_bdev_write_sb_cb).
Epoch: present in August 2026: the superblock is written once, while the array is quiesced, and any member that can't be
written makes that fail. April 2024 wrote it after I/O had resumed.
Trigger: a member is removed; the superblock can't be written to one of the others; any I/O.
Expected: liveness.
"""

from workers.errors import EIO, OK
from workers.raid import membership, metadata
from workers.raid.superblock import EntryState
from workers.thread import SpdkThread


class Metadata(metadata.Metadata):
    """Adds the plain write: to all members at once, and one error fails it."""

    async def _write_plainly(self, thread: SpdkThread) -> int:
        while self._is_writing:
            await self._waiters.wait()
        if self.superblock is None:
            return OK
        self._is_writing = True
        _, failed = await self._write_next(thread)
        self._is_writing = False
        self._waiters.wake()
        return EIO if failed else OK


class Membership(membership.Membership):
    """The removal ends when the superblock can't be written; its member stays."""

    metadata: Metadata

    async def write_down_removal(self, thread: SpdkThread, number: int) -> int:
        if not self._is_serviceable():
            return await super().write_down_removal(thread, number)
        is_failed = self.record.slots[number].is_failed
        self.metadata.set_state(number, EntryState.FAILED if is_failed else EntryState.MISSING)
        return await self.metadata._write_plainly(thread)  # noqa: SLF001  # of this very file

    async def _take_out(self, thread: SpdkThread, number: int) -> int:
        lock = await self.bdev.quiesce(thread)
        self.deconfigure(number)
        status = await self.write_down_removal(thread, number)
        if status != OK:
            slot = self.record.slots[number]
            slot.is_configured, slot.remove_scheduled = 1, 0
            self.record.discovered += 1
            return status
        await thread.for_each_channel(self.raid, "remove_member", number)
        self.let_go(thread, number)
        await self.bdev.unquiesce_range(thread, lock)
        return status
