"""A disk is added to an array that is offline, as if that could bring it back.

Source: SPDK issue #3497 (open).
Epoch: present at HEAD (August 2026), where only assertions prevent it; in April 2024 an add needed ONLINE. This is the
debug build, which dies of them. The release build goes on and serves the added disk, which isn't modelled.
Trigger: all members are removed while something keeps the array open; a disk is added.
Expected: crash.
"""

from workers.errors import ENODEV, EPERM, OK
from workers.raid import membership
from workers.shared import RaidState


class Membership(membership.Membership):
    """Checks neither the array's state nor whether it has any member left."""

    def _may_add(self, bdev: int) -> int:
        if self.record.state != RaidState.OFFLINE:
            return super()._may_add(bdev)
        if not self.layer.is_ready(bdev):
            return ENODEV
        is_member = any(slot.bdev == bdev + 1 for slot in self.raid.slots)
        return EPERM if self.is_held_up() or is_member else OK
