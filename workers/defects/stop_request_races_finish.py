"""A stop request during the finish of a rebuild gives channels different results, or undoes a complete rebuild.

Source: code reading and run, in both epochs. No upstream report was found.
Epoch: present in April 2024 and at HEAD (August 2026), latent.
Trigger: the last window is copied, and the target is removed before the app thread has cleared the process. The
rebuild's thread handles the request between two visits of the iteration that finishes the rebuild.
Expected: channels, copies, superblock.
"""

from workers.errors import ENODEV
from workers.raid import array, rebuild


class Rebuild(rebuild.Rebuild):
    """A request counts even when everything has been copied."""

    def _request_stop(self) -> None:
        super()._request_stop()
        self.record.process_status = self.record.process_status or ENODEV


class RaidChannel(array.RaidChannel):
    """The result is read at the time of the visit."""

    async def finish_process(self, number: int, status: int) -> None:
        await super().finish_process(number, status or self.device.record.process_status)
