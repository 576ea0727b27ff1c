"""A channel born at the end of a rebuild's start iteration doesn't know of the rebuild.

Source: code reading and forced run of SPDK at 3230130e6a; not reported upstream. Sibling of commit a67085538b.
Epoch: present in April 2024 and in August 2026 (this is the latter: removals during the start are looked for at its
end, commit 1a58750482).
Trigger: a member is added, and the start iteration has passed a thread; there a channel of the array is born before
the app thread hears of the iteration's end; a window is finished; that channel gets I/O below the offset.
Expected: crash; without such I/O mirrors, register (stale).
"""

from workers.errors import ENODEV, OK
from workers.raid import array, membership, rebuild
from workers.shared import ProcessState
from workers.thread import SpdkThread


class Rebuild(rebuild.Rebuild):
    """The historical order: all channels are told, then the rebuild is published."""

    async def announce(self, thread: SpdkThread) -> int:
        record = self.record
        status: int = await thread.for_each_channel(self.raid, "start_process")
        record.process_state = ProcessState.INIT
        if record.slots[record.process_slot].remove_scheduled or not self.raid.has_source():
            status = ENODEV
        return status


class RaidChannel(array.RaidChannel):
    """The visits of a rebuild's iterations take it for granted that the channel was told of its start."""

    def start_process(self) -> int:
        return OK if self.processed is not None or self.join_process() else -1

    def advance_process(self, offset: int) -> None:
        self.process_offset = offset


class Membership(membership.Membership):
    """A rebuild that is not published yet is ended by the removal of its target, too."""

    def stops_rebuild(self, number: int) -> bool:
        target = self.record.slots[self.record.process_slot]
        return bool(target.is_process_target) and self.is_needed_by_rebuild(number)
