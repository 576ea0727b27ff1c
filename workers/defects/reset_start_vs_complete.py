"""A reset that starts while another one completes is lost.

Source: SPDK commit d47eb51c96 (v25.05).
Epoch: present in April 2024.
Trigger: a reset has released the device, and the iteration that unfreezes the channels is on its way to the channel of
the request. Before it arrives there, another reset of the same bdev starts. The iteration completes that one with all
that is queued on the channel. When its own freezing is over, the request is gone.
Expected: crash.
"""

from workers.bdev import bdev, layer
from workers.bdev.bdev import Bdev
from workers.errors import OK
from workers.protocol import APP_THREAD
from workers.thread import Future, SpdkThread


class BdevLayer(layer.BdevLayer):
    """The historical order: the reset is first marked as over, then the channels are unfrozen."""

    async def _freeze(self, thread: SpdkThread, bdev: Bdev) -> None:
        # Until all channels are frozen, the reset itself waits in its channel's queue.
        own = Future()
        self._resets[bdev.id].append(own)
        await super()._freeze(thread, bdev)
        assert not own.done, f"{bdev.name} is frozen for a reset that has completed already"
        self._resets[bdev.id].remove(own)

    async def _unfreeze(self, thread: SpdkThread, bdev: Bdev, channel: bdev.BdevChannel) -> None:
        queued = self._resets.pop(bdev.id)
        bdev.record.is_resetting = 0
        await thread.for_each_channel(bdev, "unfreeze")
        thread.put_io_channel(channel)
        thread.emit("bdev.reset", bdev.id)
        for ended in queued:
            ended.resolve(OK)


class BdevChannel(bdev.BdevChannel):
    """Unfreezing completes the resets that are queued on the channel."""

    def unfreeze(self) -> None:
        super().unfreeze()
        if self.thread.id == APP_THREAD:  # all resets are requested there
            self.thread.reactor.services.bdev.complete_queued_resets(self.device)
