"""A former member that is found before the array is online stays out until it is plugged in again.

Source: code reading and recorded behaviour of v26.05 (raid_bdev_examine_others skips slots with a null UUID).
Epoch: present at HEAD (August 2026); in April 2024 former members were left alone altogether.
Trigger: a target starts, and finds the disk of a former member before those of the others.
Expected: self_healing.
"""

from workers.raid import examine
from workers.thread import SpdkThread


class Examine(examine.Examine):
    """Looks for the members that an array needs, and for no others."""

    def array_is_online(self, thread: SpdkThread) -> None:
        self.returning.clear()
