"""The array is accepted as a member of itself.

Source: code reading and recorded behaviour of v26.05; no upstream report was found.
Epoch: present at HEAD (August 2026).
Trigger: an array with a free slot is added to itself.
Expected: answers, crash, liveness.
"""

from workers.errors import EPERM, OK
from workers.raid import membership
from workers.shared import RaidState


class Membership(membership.Membership):
    """Nothing but a claim refuses a new member, and the array hasn't claimed itself."""

    def _may_add(self, bdev: int) -> int:
        is_itself = bdev == self.bdev.id and self.record.state == RaidState.ONLINE
        has_room = self.raid.has_source() and self.place_for(bdev) is not None
        if not is_itself or self.is_held_up() or not has_room:
            return super()._may_add(bdev)
        return OK if self.layer.claims[bdev] is None else EPERM
