"""pairs: two things close together, whose effects meet in the array; the second soon after the first, or after its effect."""

from __future__ import annotations

from chaos.base.prng import Stream
from chaos.plan.experiment import RUN_PERMILLE, Experiment, Fault, Operation, pair
from chaos.plan.planned import FLUSHED_IN_PART, Planned
from chaos.plan.rpcs import Rpc

PAIRS_DRAWN = (1, 3)
APART_STEPS_MAX = 40
# The first, and what follows it. Each of them changes which disks have the data, or what their superblocks say, or reads either.
MEETING = (
    ("disk_pull", "disk_pull"),
    ("disk_pull", "superblock_errors"),
    ("disk_pull", "target_kill"),
    ("disk_pull", "power_loss"),
    ("disk_pull", "poll_group_create"),
    ("member_removal", "superblock_errors"),
    ("member_removal", "member_removal"),
    ("member_removal", "disk_pull"),
    ("member_removal", "target_kill"),
    ("member_removal", "power_loss"),
    ("member_removal", "namespace_attach"),
    ("superblock_errors", "member_removal"),
    ("superblock_errors", "disk_pull"),
    ("write_errors", "target_kill"),
    ("write_errors", "disk_pull"),
    ("write_errors", "superblock_errors"),
    ("read_errors", "write_errors"),
    ("read_errors", "member_removal"),
    ("bad_blocks", "member_removal"),
    ("rebuild_stop", "disk_pull"),
    ("rebuild_stop", "namespace_attach"),
    ("rebuild_stop", "poll_group_create"),
    ("add_in_rebuild", "rebuild_stop"),
    ("channel_failures", "namespace_attach"),
    ("channel_failures", "poll_group_create"),
    ("namespace_detach", "namespace_attach"),
    ("poll_group_destroy", "poll_group_create"),
    ("namespace_detach", "array_reset"),
    ("array_reset", "array_reset"),
    ("array_reset", "member_removal"),
    ("disk_hang", "member_removal"),
    ("disk_hang", "array_reset"),
    ("host_vanish", "namespace_detach"),
    ("network_cut", "namespace_attach"),
    ("bdev_delete", "member_removal"),
    ("bdev_delete", "bdev_delete"),
    ("bdev_delete", "poll_group_create"),
    ("bdev_reset", "disk_pull"),
    ("bdev_reset", "bdev_delete"),
    ("array_reset", "array_recreate"),
    ("array_reset", "last_member_removal"),
    ("superblock_slow", "disk_grow"),
    ("superblock_errors", "disk_grow"),
    ("listener_change", "namespace_attach"),
    ("listener_change", "namespace_detach"),
    ("namespace_detach", "listener_change"),
)
# The second comes after the first has had its effect: the event, the most steps after it, and how often against the others.
EFFECTS = (
    ("flush_errors", "power_loss", FLUSHED_IN_PART, 24, 8),
    ("superblock_slow", "member_removal", "raid.superblock_writing", 6, 1),
    ("superblock_slow", "disk_pull", "raid.superblock_writing", 6, 1),
    ("superblock_errors", "member_removal", "raid.superblock_writing", 6, 1),
    ("superblock_errors", "disk_pull", "raid.superblock_writing", 6, 1),
    ("superblock_slow", "target_kill", "raid.superblock_writing", 20, 1),
    ("disk_grow", "superblock_slow", "disk_grow", 10, 3),
    ("disk_grow", "target_kill", "raid.grown", 40, 1),
    ("disk_grow", "power_loss", "bdev.resized", 40, 1),
    ("disk_grow", "target_kill", "nvmf.namespace_resized", 20, 1),
    ("array_recreate", "channel_failures", "raid.deleted", 6, 2),
    ("array_recreate", "wrong_requests", "raid.deleted", 4, 2),
    ("array_recreate", "superblock_errors", "raid.deleted", 4, 3),
    ("last_member_removal", "wrong_requests", "raid.deleted", 4, 2),
    ("channel_failures", "poll_group_create", "raid.member_removed", 20, 1),
    ("member_removal", "disk_pull", Rpc.BDEV_RAID_ADD_BASE_BDEV, 10, 1),
    ("member_removal", "disk_failure", Rpc.BDEV_RAID_ADD_BASE_BDEV, 10, 1),
    ("member_removal", "bdev_delete", "raid.member_removed", 12, 1),
    ("bdev_reset", "disk_pull", "bdev.resetting", 6, 2),
    ("bdev_reset", "bdev_delete", "bdev.resetting", 6, 1),
)
EFFECT_PERCENT = 50


def add_pairs(planned: list[Planned], experiment: Experiment, stream: Stream) -> list[Planned]:
    """Add pairs of kinds that the experiment has; the second comes soon after the first."""
    wanted: list[Fault | Operation] = [*experiment.faults, *experiment.operations]
    kinds: dict[str, Fault | Operation] = {kind.kind: kind for kind in wanted}
    meeting = [both for both in MEETING if both[0] in kinds and both[1] in kinds]
    able = [row for row in EFFECTS if row[0] in kinds and row[1] in kinds]
    effects = [row for row in able for _ in range(row[-1])]
    added: list[Planned] = []
    for _ in range(stream.between(*PAIRS_DRAWN) if meeting or effects else 0):
        event, stages = "", APART_STEPS_MAX
        if effects and (not meeting or stream.chance(EFFECT_PERCENT, 100)):
            first, second, event, stages, _ = stream.choice(effects)
        else:
            first, second = stream.choice(meeting)
        lasting = [
            stream.between(*pair(kind.lasting if isinstance(kind, Fault) else 0))
            for kind in (kinds[first], kinds[second])
        ]
        added.append(Planned(first, "run", stream.integer_below(RUN_PERMILLE), 0, lasting[0]))
        stage = stream.integer_below(stream.between(1, stages))
        added.append(Planned(second, "event", 0, 1, lasting[1], event=event or first, stage=stage))
    return [*planned, *added]
