"""A flush is acknowledged and reaches no member.

Source: SPDK commit 93ae89abc3 (v25.05) gave RAID1 a flush; before it NVMe-oF answered one by itself.
Trigger: a write is acknowledged, then a flush; power is lost.
Expected: register, recovery.
"""

from workers.bdev.io import SUCCESS, BdevIo, Completion, IoType
from workers.raid import array


class RaidChannel(array.RaidChannel):
    """There is nothing to be done for a flush."""

    async def execute(self, io: BdevIo) -> Completion:
        return SUCCESS if io.io_type is IoType.FLUSH else await super().execute(io)
