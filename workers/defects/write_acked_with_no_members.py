"""A write to an array without any member succeeds.

Source: corrected by SPDK commits 9820a94965 and b0b0889efb (v24.05).
Epoch: present in April 2024.
Trigger: the last member is removed under write load. Writes held by the quiesce are admitted when no channel has a
member any more, and before the array is unregistered.
Expected: register, recovery, copies, mirrors.
"""

from workers.bdev.io import SUCCESS, BdevIo, Completion
from workers.raid import raid1
from workers.raid.array import ProcessedChannel, RaidChannel


class Raid1(raid1.Raid1):
    """An absent member counts as written."""

    async def write(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        if all(base is None for base in paths.base_channels):
            return SUCCESS
        return await super().write(channel, paths, io)
