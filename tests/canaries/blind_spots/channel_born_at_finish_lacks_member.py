"""A channel created between a rebuild's end and the visit of its thread doesn't get the rebuilt member.

Source: our own, after SPDK issue #3343 and raid_bdev_process_finish: the process is cleared, then the channels are visited.
Trigger: a poll group gets its channel in the middle of the iteration that ends a rebuild.
Expected: channels.
Spot: births in the middle of their own steps.
"""

from workers.raid import array
from workers.shared import ProcessState, Slot


class RaidChannel(array.RaidChannel):
    """The visit is relied upon to add the member, also for a channel that it doesn't find a target on."""

    def may_use(self, slot: Slot) -> bool:
        record = self.device.record
        iterations = self.device.reactor.block.devices[self.device.key].iterations
        is_finishing = record.process_state == ProcessState.NONE and record.process_thread
        if is_finishing and iterations and slot.words == record.slots[record.process_slot].words:
            return False
        return super().may_use(slot)
