"""A write that fails on all members gives them all up, and with the last one the array.

Source: code reading and recorded behaviour of v26.05; no upstream report was found.
Epoch: present at HEAD (August 2026); in April 2024 no member was given up.
Trigger: a write fails on the only member in sync, or on all of them.
Expected: availability, liveness.
"""

from workers.bdev.io import BdevIo, Completion, IoStatus
from workers.protocol import APP_THREAD
from workers.raid import raid1
from workers.raid.array import ProcessedChannel, RaidChannel


class Raid1(raid1.Raid1):
    """Fails every member that missed a write, also where no other one has it."""

    async def write(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        slots = self.raid.record.slots
        present = [
            (number, slots[number].generation)
            for number, base in enumerate(paths.base_channels)
            if base is not None
        ]
        completion = await super().write(channel, paths, io)
        if completion.status is IoStatus.FAILED:
            for number, generation in present:
                slot = slots[number]
                if slot.generation == generation and not slot.is_failed:
                    slot.is_failed = 1
                    channel.thread.emit("raid.member_failed", number, self.raid.disk_in(slot))
                    channel.thread.send(APP_THREAD, "membership.drop_failed", number, generation)
        return completion
