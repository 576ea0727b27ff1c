"""The size of an array that has grown isn't written down.

Source: SPDK issue #3311, corrected by commit ceb2ad0c71.
Trigger: all members grow, and the array with them; the target dies and starts again.
Expected: nothing was foreseen. Measured: mirrors, register (what was written beyond the old end is lost with it).
"""

from workers.raid import metadata


class Metadata(metadata.Metadata):
    """Says what was said when the array was created."""

    def set_size(self, raid_size: int) -> None:
        pass
