"""An array deleted during a rebuild is destroyed before the rebuild stops.

Source: corrected by SPDK commit 9d2b7b41a4 (v24.01).
Epoch: before v24.01.
Trigger: the array is deleted while a rebuild runs, or starts.
Expected: crash.
"""

from workers.raid import configuration
from workers.thread import SpdkThread


class Configuration(configuration.Configuration):
    """The unregister doesn't wait for the rebuild."""

    async def array_removed(self, thread: SpdkThread) -> None:
        descriptor, self.self_descriptor = self.self_descriptor, None
        assert descriptor is not None, "the array is unregistered once"
        self.layer.close(descriptor)
