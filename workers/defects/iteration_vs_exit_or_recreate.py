"""A channel iteration is lost when the thread to which it was sent exits.

Source: SPDK commit 48da967d4b (v25.09); commit 6f4e0c95b4 (v24.01), issue #3201.
Epoch: half corrected in April 2024.
Trigger: an iteration has chosen a thread because of its channel. Before the message arrives, the thread drops the
channel and exits (a poll group is destroyed, a rebuild ends). The iteration never continues, so the quiesce, pause,
removal or unregistration that depends on it waits forever.
Expected: liveness, references.

The other half is left out, because here messages carry no pointers: in commit 33af6579fa a visit gets the pointer of a
channel that has been recreated meanwhile.
"""

from workers import thread
from workers.protocol import Argument


class IoDevices(thread.IoDevices):
    """The historical exit of a thread: messages to it are lost."""

    def visit_exited(self, thread_id: int, args: tuple[Argument, ...]) -> None:
        pass
