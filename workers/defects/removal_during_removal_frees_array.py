"""A second removal during a removal frees the array under the first.

Source: SPDK issue #3305, corrected by commit 2ea7b741b9 (v24.05).
Epoch: before April 2024. At that time the array's end waited for a rebuild, but not for removals.
Trigger: the last two members are removed, the second while the first waits for its quiesce, superblock or channels. Or
the last source of a rebuild is removed, and the rebuild's target is dropped with it.
Expected: crash.
"""

from workers.raid import membership, rebuild
from workers.shared import RaidState
from workers.thread import SpdkThread


class Membership(membership.Membership):
    """A member no longer counts from the start of its removal."""

    @property
    def is_changing(self) -> bool:
        return self.is_busy

    async def _remove_member(self, thread: SpdkThread, number: int) -> int:
        self.record.slots[number].remove_scheduled = 1
        if not any(slot.is_configured and not slot.remove_scheduled for slot in self.raid.slots):
            self.reactor.services.configuration.go_offline(thread)
            return 0
        return await super()._remove_member(thread, number)


class Rebuild(rebuild.Rebuild):
    """A dropped target stops counting like any member."""

    async def finish(self, thread: SpdkThread) -> None:
        await super().finish(thread)
        left = any(slot.is_configured and not slot.remove_scheduled for slot in self.raid.slots)
        if not left and self.record.state == RaidState.ONLINE:
            self.reactor.services.configuration.go_offline(thread)
