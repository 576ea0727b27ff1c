"""A plan for a target in C: what of an experiment it can do, and what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from chaos.plan.experiment import Experiment, pair
from chaos.plan.operations import OPERATIONS
from chaos.plan.plan import Plan, resolve
from chaos.plan.planned import Planned
from chaos.plan.rpcs import Rpc
from chaos.plan.sequence import RETURNS, WAIT, Act, PlannedAct
from chaos.plan.target_id import TargetId
from workers.probes import PROBES

# All other faults act on disks, hosts and processes from outside, so every target has them.
NEED_THE_TARGET = ("channel_failures", "disk_grow", "error_bdev", "delay_bdev")
# These need RPCs, or a layout, that the interface doesn't know.
OF_THE_ENGINE = ("listener_change", "members_query")
# After these, an array only comes back when its disks are examined again.
NEED_EXAMINE = ("array_recreate", "last_member_removal", "add_to_offline")
# RPCs that are sent for one kind of fault or operation alone, and those that need a capability.
OF_ITS_KIND: dict[str, str] = {
    Rpc.NVMF_SUBSYSTEM_ADD_LISTENER: "listener_change",
    Rpc.NVMF_SUBSYSTEM_REMOVE_LISTENER: "listener_change",
    Rpc.BDEV_RAID_GET_BDEVS: "members_query",
    Rpc.BDEV_ERROR_INJECT_ERROR: "error_bdev",
    Rpc.BDEV_DELAY_UPDATE_LATENCY: "delay_bdev",
}
NEED_CAPABILITY: dict[str, str] = {
    Rpc.BDEV_EXAMINE_AGAIN: "examine",
    Rpc.BDEV_RAID_START_DEGRADED: "start_degraded",
}
# What hosts may ask for, by the capability that it needs.
SHARES = {
    "flush": "flush_share",
    "fua": "fua_share",
    "unmap": "unmap_share",
    "write_zeroes": "write_zeroes_share",
    "compare": "compare_share",
    "abort": "abort_share",
}


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

# A target's periodic timers and its hosts' keep alive never stop, so a run that is stuck goes on to the bound. Healthy
# ones have needed at most 4,100 steps in a phase.
SETTLE_STEPS = 16_000


def resolve_for(experiment: Experiment, seed: int, target: TargetId | None) -> Plan:
    """Draw the seed's plan of the experiment, for a target in C if there is one."""
    plan = resolve(experiment, seed)
    return plan if target is None else adapted(plan, target)


def adapted(plan: Plan, target: TargetId) -> Plan:
    """Return the plan with what the target can do; the rest is left out (see :func:`left_out`)."""
    layout = plan.layout
    offset = target.data_offset if plan.superblock else 0
    disk_blocks = plan.blocks + offset
    # A target gives stacked bdevs UUIDs of its own, so in superblocks the disks below them can't be identified.
    stacks = layout.stacks if acts("error_bdev", target) and not plan.superblock else ()
    # Delay and passthru bdevs of SPDK keep their size when their disk grows.
    grows = acts("disk_grow", target) and not any(stacks)
    grow = layout.capacity_blocks - layout.disk_blocks if grows else 0
    return msgspec.structs.replace(
        plan,
        layout=msgspec.structs.replace(
            layout,
            disk_blocks=disk_blocks,
            capacity_blocks=disk_blocks + grow if grow > 0 else 0,
            stacks=stacks,
            array_passthru=layout.array_passthru and bool(stacks),
            namespaces=1,  # the engine alone has several, and the next three: see docs/internals/drivers.md
        ),
        target=target,
        alone=False,
        resend_share=0,
        settle_steps=min(plan.settle_steps, SETTLE_STEPS),
        planned=tuple(_acting(plan.planned, target)),
        sequence=() if sequence_obstacle(plan.sequence, target) else plan.sequence,
        **{share: 0 for name, share in SHARES.items() if not target.can(name)},
    )


def _acting(planned: Iterable[Planned], target: TargetId) -> Iterable[Planned]:
    return (one for one in planned if acts(one.kind, target))


def acts(kind: str, target: TargetId) -> bool:
    """Return whether this fault or operation does something on the target."""
    operations = target.capabilities.get("operations")
    if operations is not None and kind in OPERATIONS and kind not in operations:
        return False
    if kind in OF_THE_ENGINE:
        return False
    if kind in NEED_EXAMINE and not target.can("examine"):
        return False
    if kind in NEED_THE_TARGET:
        return kind in target.capabilities.get("faults", ())
    return True


def sequence_obstacle(items: Sequence[Act | PlannedAct], target: TargetId) -> str:
    """Return why this target can't do the sequence, which then is left out as a whole: a part would be another story."""
    for number, item in enumerate(items, 1):
        if item.kind != WAIT and not acts(item.kind, target):
            return f"item {number}: {item.kind}"
        heal = item.heal if isinstance(item, PlannedAct) else RETURNS.get(item.returns or "", "")
        if heal == RETURNS["large"] and not acts("disk_grow", target):
            return f"item {number}: a larger disk"
        for event in (item.after, item.until):
            if event and not _comes(event, target):
                return f"item {number}: {event}"
    return ""


def _comes(event: str, target: TargetId) -> bool:
    """Return whether this event can come on the target."""
    if event in PROBES:
        return event in SHOWN
    if event in NEED_CAPABILITY:
        return target.can(NEED_CAPABILITY[event])
    return acts(OF_ITS_KIND.get(event, event), target)


def left_out(experiment: Experiment, target: TargetId) -> list[str]:
    """Return what of the experiment this target can't do, in words."""
    kinds: list[str] = [fault.kind for fault in experiment.faults]
    kinds.extend(operation.kind for operation in experiment.operations)
    names = [kind for kind in dict.fromkeys(kinds) if not acts(kind, target)]
    names += [
        name
        for name, share in SHARES.items()
        if pair(getattr(experiment, share))[1] and not target.can(name)
    ]
    names += [
        what
        for what, is_wanted in (
            ("several namespaces", pair(experiment.namespaces)[1] > 1),
            ("changes sent again while they are in doubt", pair(experiment.resend_share)[1] > 0),
            ("a phase without RPCs", experiment.alone_share > 0),
        )
        if is_wanted
    ]
    if experiment.stack_share and not acts("error_bdev", target):
        names.append("stacks of bdevs")
    elif experiment.stack_share and experiment.superblock_share:
        names.append("stacks of bdevs where the array has a superblock")
    obstacle = sequence_obstacle(experiment.sequence, target)
    if obstacle:
        names.append(f"the sequence ({obstacle})")
    return names
