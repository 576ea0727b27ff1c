"""FUA of a host's write isn't passed to the members.

Source: reading of SPDK, April 2024 and August 2026: raid1_init_ext_io_opts builds fresh options.
Trigger: a write with FUA is acknowledged; power is lost.
Expected: register, recovery.
"""

import msgspec

from workers.bdev.io import BdevIo, Completion
from workers.raid import raid1
from workers.raid.array import ProcessedChannel, RaidChannel


class Raid1(raid1.Raid1):
    """Members get the blocks and no options."""

    async def write(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        return await super().write(channel, paths, msgspec.structs.replace(io, fua=False))
