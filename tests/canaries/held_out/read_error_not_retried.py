"""A read that fails on one member fails, although another one has the data.

Source: corrected by SPDK commit cc94f30314 (v24.05).
Trigger: a read of a member fails.
Expected: availability.
"""

from workers.raid import raid1
from workers.raid.array import ProcessedChannel, RaidChannel


class Raid1(raid1.Raid1):
    """Only the member chosen first is asked."""

    def read_order(
        self, context: raid1.Raid1Channel, paths: RaidChannel | ProcessedChannel
    ) -> list[int]:
        return super().read_order(context, paths)[:1]
