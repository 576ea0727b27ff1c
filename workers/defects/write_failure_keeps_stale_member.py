"""A write that fails on one member only is an error, and that member stays.

Source: corrected by SPDK commit b0b0889efb (v24.05); similar and open: longhorn#13354.
Epoch: present in April 2024.
Trigger: a write fails on one member; afterwards reads of its blocks return old or new data.
Expected: availability. The check finds the error: the result of a failed write is indeterminate, so members may differ
there, and reads may return either.
"""

from workers.bdev.io import FAILED, Completion
from workers.raid import raid1
from workers.thread import SpdkThread


class Raid1(raid1.Raid1):
    """Returns the error to the client, and does nothing else."""

    async def fail_members(self, thread: SpdkThread, failed: list[raid1.Part]) -> Completion:
        return FAILED
