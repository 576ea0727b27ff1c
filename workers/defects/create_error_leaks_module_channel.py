"""A channel that can't join the rebuild when it is created keeps the module channel.

Source: code reading, confirmed by running SPDK's code; introduced with commit 51978c16f1, the fix of
new-channel-null-module-ctx.
Epoch: present in August 2026 (absent in April 2024).
Trigger: while a rebuild runs, a thread gets its first channel of the array, and its channel of the rebuild target
can't be created.
Expected: liveness, references. The array can't be deleted, the thread can't exit.
"""

from workers.raid import array


class RaidChannel(array.RaidChannel):
    """The historical error path: base channels are put, the module channel is not."""

    def create(self) -> bool:
        if not (self.take_base_channels() and self.take_module_channel()):
            self.give_back()
            return False
        if not self.set_up_process():
            self.module_channel = None
            self.give_back()
            return False
        return True
