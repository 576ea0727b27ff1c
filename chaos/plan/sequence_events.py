"""What may bring an event while a sequence goes on: the items that must stand before one which waits for it.

Planned faults and operations that could bring it wait until the sequence is through, so it takes an item.
"""

from __future__ import annotations

from chaos.plan.faults import FAULTS, HEALS, PULLS, TARGET_FAULTS
from chaos.plan.operations import OPERATIONS
from chaos.plan.rpcs import Rpc
from chaos.plan.sequence import DRAWN_RETURNS, LASTING_KINDS, RETURNS, Act
from workers.probes import PROBES

# A disk's image is kept for a stale return, at a moment of the tester's choice.
EVENTS = tuple(sorted({*PROBES, *Rpc, *FAULTS, *OPERATIONS, *HEALS} - {"disk_image"}))
DISMANTLING = ("last_member_removal", "add_to_offline", "array_recreate")
# After these the array and its namespaces are gone, for a while.
GONE_FOR_A_WHILE = (*TARGET_FAULTS, *DISMANTLING)
HARMS = tuple(kind for kind, row in FAULTS.items() if row.harms)
# A member leaves the array, or misses data, and a rebuild follows.
CAUSES_OF_REBUILDS = (
    *HARMS,
    *TARGET_FAULTS,
    "member_removal",
    "last_member_removal",
    "add_to_offline",
    "rebuild_stop",
)
CHANGES_OF_MEMBERS = (*CAUSES_OF_REBUILDS, "array_recreate", "read_errors", "bad_blocks")
_CHANGES = (
    "raid.member_failed",
    "raid.member_removed",
    "raid.removing_member",
    "raid.superblock_ended",
    "raid.superblock_written",
    "raid.superblock_writing",
    Rpc.BDEV_RAID_ADD_BASE_BDEV,
    Rpc.BDEV_RAID_REMOVE_BASE_BDEV,
)
# An event that is not named here may come by itself, or from hosts.
BROUGHT_BY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_CHANGES, CHANGES_OF_MEMBERS),
    **dict.fromkeys((name for name in PROBES if name.startswith("rebuild.")), CAUSES_OF_REBUILDS),
    "raid.member_queued": CAUSES_OF_REBUILDS,
    "raid.assembled": GONE_FOR_A_WHILE,
    "raid.configuring": GONE_FOR_A_WHILE,
    "raid.starting_degraded": GONE_FOR_A_WHILE,
    "raid.deleted": DISMANTLING,
    "raid.last_member_removed": DISMANTLING,
    "raid.grown": ("disk_grow",),
    "nvmf.namespace_resized": ("disk_grow",),
    "bdev.unregistered": (*PULLS, *DISMANTLING),
    "bdev.error_injected": ("error_bdev",),
    "bdev.delayed": ("delay_bdev",),
    "disk.misdirected": ("misdirected_write",),
    "disk.channel_failed": ("channel_failures",),
    "disk_heal": tuple(kind for kind in LASTING_KINDS if FAULTS[kind].heal == "disk_heal"),
    "disk_arrive": TARGET_FAULTS,
    "bdev_create": ("bdev_delete",),
}
# Larger disks in the place of all others let the array grow, too.
GROWTHS = ("raid.grown", "nvmf.namespace_resized")
_BY_RETURN = {heal: name for name, heal in RETURNS.items()}


def may_bring(act: Act, event: str) -> bool:
    """Return whether an item may bring this event, or whether it needs no item."""
    if event in _BY_RETURN:
        returned = DRAWN_RETURNS if act.returns is None else (act.returns,)
        return act.kind == "disk_pull" and _BY_RETURN[event] in returned
    if event in GROWTHS and act.kind == "disk_pull":
        return act.returns == "large"
    return event not in BROUGHT_BY or act.kind in BROUGHT_BY[event]


def needs_an_item(event: str) -> bool:
    """Return whether this event comes only from an item of the sequence."""
    return event in BROUGHT_BY or event in _BY_RETURN
