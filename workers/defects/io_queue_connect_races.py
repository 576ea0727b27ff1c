"""The Connect of an I/O queue assumes that its controller and the admin queue still exist.

Source: SPDK issue #2498, commit 08be9c66ee (v23.09); commit cc2f6634b7 (v24.05); commit 414f91a0c7 (v25.05).
Epoch: the first two corrected in April 2024, the third (the retry for a queue id still in use) present.
Trigger: a host drops its admin queue, or all of its queues, while the Connect of an I/O queue is in flight. It is on
its way from the subsystem's thread to the controller's, or waits there for the old queue of the same id to go.
Expected: crash.
"""

from workers.nvmf import target
from workers.nvmf.controller import ADMIN_QID, NvmeController


class NvmfTarget(target.NvmfTarget):
    """The historical code: the state from before the hop is used without another check."""

    def _find_connected(self, cntlid: int) -> NvmeController | None:
        controller = self.controllers.get(cntlid)
        assert controller is not None, f"controller {cntlid} was freed while an I/O queue connected"
        assert ADMIN_QID in controller.qpairs, f"controller {cntlid} has no admin queue any more"
        return controller
