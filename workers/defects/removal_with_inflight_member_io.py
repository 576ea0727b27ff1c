"""A member's channel is put with I/O still in flight below it.

Source: SPDK issue #3703, corrected by commit 607f67020d (v25.09); Longhorn issues 11109 and 13076.
Epoch: from 93ae89abc3 (v25.05, flushes are forwarded) to v25.09; before that with other I/O that no quiesce covers.
Trigger: a flush is in flight on a member that is removed, or on a rebuild's target that is dropped.
Expected: crash.
"""

from workers.raid import array


class RaidChannel(array.RaidChannel):
    """Waits for no flush: the quiesce of the array is assumed to be enough."""

    async def flushed(self) -> None:
        return
