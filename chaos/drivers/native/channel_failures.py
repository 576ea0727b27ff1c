"""The channels of disks that can't be created: what the fault says, and what the target knows."""

from __future__ import annotations

from workers.bdev.disk import Disk


class ChannelFailures:
    """Compares the disks' headers, which faults and heals change, with what one life of the target knows."""

    def __init__(self, disks: list[Disk]) -> None:
        self._disks = disks
        self._known = [0] * len(disks)

    def changes(self) -> list[tuple[int, int]]:
        """Return disks with the number of channels that can't be created, as the target must hear now."""
        now = [disk.header.channel_failures for disk in self._disks]
        if now == self._known:
            return []
        changed = [(disk, count) for disk, count in enumerate(now) if count != self._known[disk]]
        self._known = now
        return changed

    def struck(self, disk: int) -> None:
        """Take in that a channel of this disk could not be created."""
        if self._known[disk]:
            self._disks[disk].header.channel_failures -= 1
            self._known[disk] -= 1
