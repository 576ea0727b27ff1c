"""An array is assembled only if its members are found in the order of their slots.

Source: our own, after SPDK's raid_bdev_examine_others, which looks for the other members in any order.
Trigger: the target starts again, and its disks come in another order.
Expected: self_healing.
Spot: what the target owes by itself.
"""

from workers.errors import EINVAL
from workers.raid import configuration


class Configuration(configuration.Configuration):
    """A member waits for those before it."""

    def join(self, place: int, bdev: int, data_offset: int) -> int:
        if any(not slot.bdev for slot in self.raid.slots[:place]):
            return EINVAL
        return super().join(place, bdev, data_offset)
