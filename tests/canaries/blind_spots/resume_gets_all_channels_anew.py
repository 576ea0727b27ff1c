"""A resume puts the channels of all namespaces and gets them anew, although only one was drained.

Source: our own, after SPDK's nvmf_poll_group_resume_subsystem, which updates the namespaces that have changed.
Trigger: two namespaces, I/O to one of them while the other one is attached, detached or resized.
Expected: crash.
Spot: several namespaces.
"""

from workers.nvmf import poll_group


class PollGroup(poll_group.PollGroup):
    """The simplest update is a new start."""

    async def resume(self) -> None:
        for nsid in list(self.namespaces):
            if nsid != self.paused:
                self._put_namespace_channel(nsid)
        await super().resume()
