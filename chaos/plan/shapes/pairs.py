"""pairs: two things close together, whose effects meet in the array."""

from __future__ import annotations

from chaos.base.prng import Stream
from chaos.plan.experiment import RUN_PERMILLE, Experiment, Fault, Operation, pair
from chaos.plan.planned import Planned

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
)


def add_pairs(planned: list[Planned], experiment: Experiment, stream: Stream) -> list[Planned]:
    """Add pairs of kinds that the experiment has; the second comes soon after the first."""
    wanted: list[Fault | Operation] = [*experiment.faults, *experiment.operations]
    kinds: dict[str, Fault | Operation] = {kind.kind: kind for kind in wanted}
    meeting = [both for both in MEETING if both[0] in kinds and both[1] in kinds]
    added: list[Planned] = []
    for _ in range(stream.between(*PAIRS_DRAWN) if meeting else 0):
        first, second = stream.choice(meeting)
        lasting = [
            stream.between(*pair(kind.lasting if isinstance(kind, Fault) else 0))
            for kind in (kinds[first], kinds[second])
        ]
        added.append(Planned(first, "run", stream.integer_below(RUN_PERMILLE), 0, lasting[0]))
        stage = stream.integer_below(stream.between(1, APART_STEPS_MAX))
        added.append(Planned(second, "event", 0, 1, lasting[1], event=first, stage=stage))
    return [*planned, *added]
