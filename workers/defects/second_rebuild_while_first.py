"""A second rebuild starts while the first is starting or running.

Source: code reading and run at 3230130e6a, whose source has a TODO about it. No upstream report was found.
Epoch: present in April 2024 (two RPCs) and at HEAD (also when a former member returns by examine).
Trigger: an array of three or more lacks two members. One is added, and another one before all channels have joined the
first rebuild and its thread exists. Or both disks return, the second while the first is being rebuilt.
Expected: states, crash, channels, references.
"""

from workers.raid import array, examine, membership
from workers.raid.uuids import bdev_uuid
from workers.thread import SpdkThread


class Membership(membership.Membership):
    """The guard tests the field that is set last when a rebuild starts."""

    def is_held_up(self) -> bool:
        return self.record.process_thread != 0 or self.is_busy


class Examine(examine.Examine):
    """A returning member is added even if another rebuild runs."""

    def serve_returning(self, thread: SpdkThread) -> None:
        membership = self.reactor.services.membership
        own = self.metadata.superblock
        while self.returning and own is not None and self.configuration.raid.has_source():
            bdev = self.layer.bdevs[self.returning.pop(0)]
            entry = own.entry_of(bdev_uuid(bdev.record.identity))
            if entry is None or self.record.slots[entry.slot].bdev:
                continue
            if self.layer.is_ready(bdev.id):
                membership.rebuild_onto(thread, bdev.id, entry.slot, entry.data_offset)


class RaidChannel(array.RaidChannel):
    """The second rebuild overwrites a channel's state of the first."""

    def start_process(self) -> int:
        record = self.device.record
        target = self.device.base_bdev(record.slots[record.process_slot])
        if self.target_channel is not None and self.target_channel.device is not target:
            self.processed = None
        return super().start_process()
