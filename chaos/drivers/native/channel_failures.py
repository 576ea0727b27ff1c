"""The channels of disks that can't be created: what the fault says, and what the target was told."""

from __future__ import annotations

from workers.bdev.disk import Disk


class ChannelFailures:
    """Compares the disks' headers, which faults and heals change, with what one life of the target knows."""

    def __init__(self, disks: list[Disk]) -> None:
        self._disks = disks
        self._told = [0] * len(disks)

    def changes(self) -> list[tuple[int, int]]:
        """Return disks with the number of channels that can't be created, as the target must be told now."""
        now = [disk.header.channel_failures for disk in self._disks]
        if now == self._told:
            return []
        changed = [(disk, count) for disk, count in enumerate(now) if count != self._told[disk]]
        self._told = now
        return changed

    def struck(self, disk: int) -> None:
        """Take in that a channel of this disk could not be created."""
        self._disks[disk].header.channel_failures -= 1
        self._told[disk] -= 1
