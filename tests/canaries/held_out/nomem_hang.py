"""A request that gets no memory is tried again only when another one ends.

Source: SPDK issue #3141, corrected by commit 9468fe64fc.
Trigger: the first request of a channel gets no memory, and nothing is outstanding that could end.
Expected: liveness.
"""

from workers.bdev import bdev


class BdevChannel(bdev.BdevChannel):
    """No timer comes to the aid."""

    def _retry_nomem_soon(self) -> None:
        pass
