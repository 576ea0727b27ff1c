"""While a good copy exists, no I/O of a host ends with a device error (C2).

The fault budget always leaves a member that holds all acknowledged data and works, so an error means that the
array did not use it.
"""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.controller import Execution
from chaos.history import Completed, Invoked
from chaos.schedule import Flush, Read, Write
from workers.nvmf.status import NvmeStatus


def check_availability(execution: Execution) -> list[Finding]:
    """The first I/O that ended with Internal Device Error."""
    ios: dict[int, Read | Write | Flush] = {}
    for entry in execution.history:
        if isinstance(entry, Invoked) and isinstance(entry.step, (Read, Write, Flush)):
            ios[entry.step.op] = entry.step
        elif isinstance(entry, Completed) and entry.status == NvmeStatus.INTERNAL_DEVICE_ERROR:
            step = ios.get(entry.op)
            if step is None:
                continue
            kind = type(step).__name__.lower()
            return [
                Finding(
                    check="availability",
                    kind="error",
                    shape=kind,
                    summary=(
                        f"{kind} op {step.op} of host {step.host} ended with Internal Device Error, "
                        "though a member with all acknowledged data works"
                    ),
                    step=entry.number,
                    verdict=Verdict.INVALID,
                    ops=[step.op],
                )
            ]
    return []
