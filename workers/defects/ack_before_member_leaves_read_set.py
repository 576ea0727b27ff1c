"""A write is acknowledged while the member that missed it still serves reads.

Source: code reading of SPDK at 3230130e6a (raid1_write_bdev_io_completion, raid_bdev_fail_base_bdev).
Epoch: present in August 2026.
Trigger: a write fails on one member and is acknowledged; before the removal's iteration reaches a channel, that channel
reads the blocks from this member. Or the target dies before the superblock records that it missed a write.
Expected: superblock, register, recovery.
"""

from workers.protocol import APP_THREAD
from workers.raid import array, raid1
from workers.raid.array import ProcessedChannel, RaidChannel
from workers.thread import SpdkThread


class RaidBdev(array.RaidBdev):
    """Sends the app thread a message without awaiting the result."""

    async def report_failed(self, thread: SpdkThread, number: int, generation: int) -> bool:
        thread.send(APP_THREAD, "membership.fail_base_bdev", number, generation)
        return True


class Raid1(raid1.Raid1):
    """Reads from all members a channel has."""

    def readable(self, paths: RaidChannel | ProcessedChannel) -> list[int]:
        return [number for number, base in enumerate(paths.base_channels) if base is not None]
