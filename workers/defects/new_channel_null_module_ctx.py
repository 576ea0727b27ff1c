"""A channel created during a rebuild has no module context in its processed twin.

Source: SPDK issue #3343, corrected by commit 51978c16f1 (v24.05).
Epoch: present in April 2024.
Trigger: while a rebuild runs, a thread gets its first channel of the array, because a namespace is attached or a poll
group is created. A window is finished, and that channel gets a read below the rebuild offset.
Expected: crash.
"""

from workers.raid import array


class RaidChannel(array.RaidChannel):
    """The historical order: the twin is built before the module channel it copies."""

    def create(self) -> bool:
        complete = (
            self.take_base_channels() and self.set_up_process() and self.take_module_channel()
        )
        if not complete:
            self.give_back()
        return complete
