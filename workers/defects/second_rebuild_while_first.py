"""A second rebuild starts while the first is starting.

Source: code reading and run at 3230130e6a, whose source has a TODO about it. No upstream report was found.
Epoch: present in April 2024 (two RPCs) and at HEAD (also when a former member comes back by examine).
Trigger: an array of three or more lacks two members; one is added, and another one before all channels have been
told of the first rebuild and its thread is there.
Expected: crash, or a rebuild that never ends (liveness), or differing members (mirrors).
"""

from workers.raid import array, membership


class Membership(membership.Membership):
    """The guard looks at what is set last when a rebuild starts."""

    def is_held_up(self) -> bool:
        return self.record.process_thread != 0 or self.is_busy


class RaidChannel(array.RaidChannel):
    """What a channel knows of the first rebuild is overwritten by the second."""

    def start_process(self) -> int:
        record = self.device.record
        target = self.device.base_bdev(record.slots[record.process_slot])
        if self.target_channel is not None and self.target_channel.device is not target:
            self.processed = None
        return super().start_process()
