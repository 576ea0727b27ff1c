"""A member removed while the rebuild is starting.

Source: corrected by SPDK commit 1a58750482 (v24.05).
Epoch: present in April 2024.
Trigger: a member is added; before all channels have joined the rebuild and its thread exists, the target or the last
source is removed.
Expected: crash, channels, states.
"""

from workers.raid import membership


class Membership(membership.Membership):
    """A removal doesn't see a rebuild that is only starting, and the rebuild doesn't check again."""

    def stops_rebuild(self, number: int) -> bool:
        return self.record.process_thread != 0 and super().stops_rebuild(number)
