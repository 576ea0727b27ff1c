"""A channel created between the offset update and the window's end lags a window behind.

Source: code reading and forced run of SPDK at 3230130e6a; not reported upstream.
Epoch: present in April 2024 and in August 2026.
Trigger: a window is copied, and the update iteration has passed a thread. A channel of the array is created there, with
the offset of the window's start. The window is unlocked. A write to it through that channel, before the next update,
doesn't reach the rebuild target.
Expected: channels, mirrors, copies, register.
"""

from workers.raid import rebuild
from workers.thread import SpdkThread


class Rebuild(rebuild.Rebuild):
    """The historical order: the channels get the new offset first, and it is published after the unlock."""

    _advanced_to = 0

    async def advance(self, thread: SpdkThread, offset: int) -> None:
        await thread.for_each_channel(self.raid, "advance_process", offset)
        self._advanced_to = offset
        thread.emit("rebuild.window_done", offset, self.bdev.record.num_blocks)

    async def copy_window(self, thread: SpdkThread) -> None:
        self._advanced_to = self.record.window_offset
        await super().copy_window(thread)
        self.record.window_offset = self._advanced_to
