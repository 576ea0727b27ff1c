"""A channel created at the end of a rebuild's start iteration doesn't join the rebuild.

Source: code reading and forced run of SPDK at 3230130e6a; not reported upstream. Sibling of commit a67085538b.
Epoch: present in April 2024 and in August 2026 (here the latter: a removal during the start ends the rebuild).
Trigger: a member is added, and the start iteration has passed a thread. A channel of the array is created there before
the iteration's end reaches the app thread. A window is finished, and that channel gets I/O below the offset.
Expected: channels, crash.
"""

from workers.errors import OK
from workers.raid import array, rebuild
from workers.thread import SpdkThread

NOT_PUBLISHED = 1  # a process status; errors are negative


class Rebuild(rebuild.Rebuild):
    """The historical order: all channels are visited, then the rebuild is published."""

    async def announce(self, thread: SpdkThread) -> int:
        record = self.record
        record.process_status = NOT_PUBLISHED
        status = await super().announce(thread)
        if record.process_status == NOT_PUBLISHED:
            record.process_status = OK
        return status


class RaidChannel(array.RaidChannel):
    """The visits of a rebuild's iterations assume that the channel has seen its start."""

    def set_up_process(self) -> bool:
        return self.device.record.process_status == NOT_PUBLISHED or super().set_up_process()

    def start_process(self) -> int:
        if self.processed is None and not self.join_process():
            return -1
        self.tell()
        return OK

    def advance_process(self, offset: int) -> None:
        self.process_offset = offset
        self.tell()
