"""A flush that fails on one member is acknowledged, and the member goes on serving.

Source: our own, after SPDK commit 93ae89abc3 (v25.05), which gave RAID1 a flush.
Trigger: a flush fails on one member, its blocks are not written again, and power is lost.
Expected: register, recovery.
Spot: pairs that matter across time.
"""

from workers.bdev.io import SUCCESS, BdevIo, Completion, IoStatus, IoType
from workers.raid import raid1
from workers.raid.array import ProcessedChannel, RaidChannel


class Raid1(raid1.Raid1):
    """One member that has flushed is enough."""

    async def write(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        if io.io_type is not IoType.FLUSH:
            return await super().write(channel, paths, io)
        completions = [
            await base.submit(io) for base in list(paths.base_channels) if base is not None
        ]
        is_done = any(one.status is IoStatus.SUCCESS for one in completions)
        return SUCCESS if is_done else await super().write(channel, paths, io)
