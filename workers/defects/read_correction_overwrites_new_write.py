"""The correction of a failed read writes old data over a newer write.

Source: code reading and forced run of SPDK at 3230130e6a; introduced with commit cc94f30314 (v24.05); not reported
upstream.
Epoch: present in August 2026; April 2024 returned the error.
Trigger: a read fails on one member, and another one serves it. Before that data is on the first member, a write of the
same blocks is acknowledged.
Expected: copies, register, mirrors, superblock.
"""

from workers.bdev.io import BdevIo, IoStatus, IoType
from workers.raid import raid1
from workers.raid.array import ProcessedChannel, RaidChannel


class Raid1(raid1.Raid1):
    """Writes the data of the read to the member that was tried first, without a lock; the read waits for it."""

    async def correct(
        self,
        channel: RaidChannel,
        paths: RaidChannel | ProcessedChannel,
        unreadable: list[tuple[int, int]],
        io: BdevIo,
        data: bytes,
    ) -> None:
        number, generation = unreadable[0]
        base = paths.base_channels[number]
        if base is None or self.raid.record.slots[number].is_failed:
            return
        write = BdevIo(IoType.WRITE, io.offset + paths.data_offsets[number], io.count, data)
        written = await base.submit(write)
        if written.status is IoStatus.ABORTED:
            written = await base.submit_again(write)
        if written.status is not IoStatus.SUCCESS:
            await self.raid.fail_base_bdev(channel.thread, number, generation)
