"""What can be counted of a target in C: it shows its replies and its state, and fewer events than the engine emits."""

from __future__ import annotations

from collections.abc import Mapping

from chaos.judging.reach.count import COUNTED_EVENTS
from chaos.plan.reach_vocabulary import STATES, TIMES
from chaos.plan.target_id import TargetId
from chaos.plan.targets import acts

# The events that the driver native derives, or emits itself.
SHOWN = frozenset(
    (
        "bdev.reset",
        "bdev.resetting",
        "disk.cache_lost",
        "disk.channel_failed",
        "disk.fault",
        "disk.misdirected",
        "disk.write_torn",
        "nvmf.namespace_attached",
        "nvmf.namespace_channel_created",
        "nvmf.namespace_detached",
        "nvmf.poll_group_created",
        "nvmf.poll_group_destroyed",
        "nvmf.qpair_connected",
        "nvmf.qpair_destroyed",
        "raid.assembled",
        "raid.configuring",
        "raid.created",
        "raid.deleted",
        "raid.last_member_removed",
        "raid.member_failed",
        "raid.member_removed",
        "raid.removing_member",
        "reactor.held_up",
        "rebuild.finished",
        "rebuild.started",
        "rebuild.window_done",
    )
)
# Counted from several events, some of which are not shown; and a target may answer each abort "not aborted".
NOT_SHOWN = (
    "commands_aborted",
    "hosts_vanished",
    "members_too_small",
    "requests_refused_by_size",
)


# Counts of what hosts may send only if the target can do it, by the beginning of their names.
OF_CAPABILITIES = ("abort", "compare", "flush", "fua", "unmap", "write_zeroes")


def gates_for(gates: Mapping[str, int], target: TargetId | None) -> dict[str, int]:
    """Return the gates that a run of this target can be judged by."""
    if target is None:
        return dict(gates)
    return {name: wanted for name, wanted in gates.items() if _is_shown(name, target)}


def _is_shown(name: str, target: TargetId) -> bool:
    state, crossed, fault = name.partition(TIMES)
    if state in STATES:
        row = STATES[state]
        of = (*row.begins, *(STATES[row.during].begins if row.during else ()))
        return SHOWN.issuperset(of) and (not crossed or acts(fault, target))
    needed = next((what for what in OF_CAPABILITIES if name.startswith(what)), None)
    if needed is not None and not target.can(needed):
        return False
    events = [event for event, count in COUNTED_EVENTS.items() if count == name]
    return name not in NOT_SHOWN and SHOWN.issuperset(events)
