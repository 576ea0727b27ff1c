"""One unreadable block on the only source takes the whole array offline.

Source: code reading and run at 3230130e6a; introduced with cc94f30314 (v24.05). No upstream report was found.
Epoch: present at HEAD (August 2026), latent; absent in April 2024, when a read error was only returned.
Trigger: a block can't be read from the only member that has the data, by a rebuild or by a client.
Expected: availability, liveness. The array is gone, though its last member was not taken away.
"""

from workers.bdev.io import BdevIo, Completion, IoStatus
from workers.protocol import APP_THREAD
from workers.raid import raid1
from workers.raid.array import ProcessedChannel, RaidChannel


class Raid1(raid1.Raid1):
    """When no member can be read, the one tried first is removed, even if it is the last one."""

    async def read(
        self, channel: RaidChannel, paths: RaidChannel | ProcessedChannel, io: BdevIo
    ) -> Completion:
        tried = self.read_order(self.module_context(channel, paths), paths)[:1]
        generations = [self.raid.record.slots[number].generation for number in tried]
        completion = await super().read(channel, paths, io)
        if completion.status is IoStatus.FAILED:
            for number, generation in zip(tried, generations, strict=True):
                channel.thread.send(APP_THREAD, "membership.drop_failed", number, generation)
        return completion
