"""A channel iteration is lost when the thread it has been sent to exits.

Source: SPDK commit 48da967d4b (v25.09); commit 6f4e0c95b4 (v24.01), issue #3201.
Epoch: half corrected in April 2024.
Trigger: an iteration has chosen a thread because of its channel; before the message comes, the thread drops the
channel and exits (a poll group is destroyed, a rebuild ends). Nobody goes on with the iteration, and whatever stands
on it (a quiesce, a pause, a removal, an unregistration) waits for ever.
Expected: liveness, references.

The other half (commit 33af6579fa: called with the pointer of a channel that has been made anew meanwhile) is left
out: here messages carry no pointers.
"""

from workers import thread
from workers.protocol import Argument


class IoDevices(thread.IoDevices):
    """The historical end of a thread: what was sent to it is lost with it."""

    def visit_exited(self, thread_id: int, args: tuple[Argument, ...]) -> None:
        pass
