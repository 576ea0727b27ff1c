"""An unmap or a flush fails while a rebuild runs.

Source: introduced with SPDK commit 93ae89abc3 (v25.05), corrected by 35c6d6efa6 (v25.09).
Epoch: v25.05 to v25.09; before that RAID1 had neither unmap nor flush.
Trigger: a host unmaps or flushes while the array is rebuilt.
Expected: availability.
"""

from workers.bdev.io import FAILED, BdevIo, Completion, IoType
from workers.raid import array


class RaidChannel(array.RaidChannel):
    """Requests without payload are refused instead of routed around the rebuild's offset."""

    async def execute(self, io: BdevIo) -> Completion:
        if io.io_type in (IoType.UNMAP, IoType.FLUSH) and self.processed is not None:
            return FAILED
        return await super().execute(io)
