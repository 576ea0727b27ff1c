"""A quiesce neither holds reads nor waits for them.

Source: SPDK commit effe7a01d2 (v24.01), which gave range locks the attribute that holds reads as well.
Epoch: before both April 2024 and August 2026; range locks were made for compare-and-write, where reads may pass.
Trigger: a read is in flight on a member, or is submitted, while the array is quiesced for a removal, a rebuild's window
or its end.
Expected: quiesce, crash. A member's channel may be put while the read is in flight.
"""

from workers.bdev import bdev
from workers.bdev.io import CHANGING, BdevIo, IoType


class BdevChannel(bdev.BdevChannel):
    """The historical range lock: it holds only I/O that changes blocks."""

    def _is_held(self, io: BdevIo) -> bool:
        return io.io_type in CHANGING and super()._is_held(io)

    def _has_submitted(self, offset: int, end: int) -> bool:
        return any(
            io.io_type in CHANGING
            and io.io_type is not IoType.COMPARE_AND_WRITE
            and io.offset < end
            and offset < io.end
            for io in self.io_submitted.values()
        )
