"""A write error in the range that is rebuilt already crashes the target.

Source: code reading and run at 3230130e6a; introduced with b0b0889efb (v24.05). No upstream report was found.
Epoch: present at HEAD (August 2026), latent; absent in April 2024, when a failed write cost no member its place.
Trigger: a rebuild has passed some blocks; a write or unmap of them, or a flush, fails on one member and not on all.
Expected: crash.
"""

from typing import Any

from workers.bdev.io import BdevIo, Completion
from workers.raid import raid1


class Raid1(raid1.Raid1):
    """A failed member is looked up through the paths of the I/O, and the twin's paths lead to no channel."""

    async def write(self, channel: Any, paths: Any, io: BdevIo) -> Completion:
        return await super().write(paths, paths, io)
