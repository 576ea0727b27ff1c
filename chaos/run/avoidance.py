"""The triggers that a plan avoids: which requests are held back now. The generator's actors ask before they send one."""

from __future__ import annotations

from chaos.plan.rpcs import Rpc
from chaos.plan.triggers import CHANNELS_IN_REBUILD
from chaos.run.model import Model

# A rebuild may start before, or just after, the answer to one of these.
MAY_START_A_REBUILD = frozenset(
    (Rpc.BDEV_RAID_ADD_BASE_BDEV, Rpc.BDEV_EXAMINE_AGAIN, Rpc.BDEV_RAID_START_DEGRADED)
)


def holds_channels(model: Model) -> bool:
    """Return whether no request may be sent that makes a channel: a rebuild runs, or may be about to start."""
    if CHANNELS_IN_REBUILD not in model.plan.avoid:
        return False
    return model.array.rebuild is not None or any(
        step.method in MAY_START_A_REBUILD for step in model.ledger.requests()
    )
