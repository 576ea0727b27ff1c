"""The end of an iteration doesn't complete an unregistration that has waited for it.

Source: our own, after SPDK's _call_completion in lib/thread: an io_device that is unregistered during a for_each_channel is freed
by its end.
Trigger: a bdev is unregistered during an iteration over its channels, which are gone before the iteration ends.
Expected: liveness.
Spot: unregistration during an iteration.
"""

from workers import thread
from workers.thread import SpdkThread


class IoDevices(thread.IoDevices):
    """Only the end of a channel is looked at."""

    def iterated(self, thread: SpdkThread, key: int, token: int, status: int) -> None:
        self.reactor.block.devices[key].iterations -= 1
        thread.calls.pop(token).resolve(status)
