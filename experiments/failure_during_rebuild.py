"""All kinds of faults during a rebuild: of its target disk, of its sources, of the whole target."""

from chaos.experiment import Experiment, Fault, Operation

FAILURE_DURING_REBUILD = Experiment(
    name="failure-during-rebuild",
    description="disks fail, hang and return, and the target dies, during a rebuild",
    members=(2, 3),
    spares=(0, 2),
    all_poll_groups_at_start_share=50,  # the others are created during a rebuild
    faults=(
        Fault(kind="disk_failure", count=(0, 1), anchor="rebuild"),
        Fault(kind="disk_pull", count=(1, 2), anchor="rebuild"),
        Fault(kind="write_errors", count=(0, 2), anchor="rebuild"),
        Fault(kind="read_errors", count=(0, 2), anchor="rebuild"),
        Fault(kind="disk_hang", count=(0, 1), anchor="rebuild"),
        Fault(kind="channel_failures", count=(0, 1), anchor="rebuild"),
        Fault(kind="superblock_errors", count=(0, 2), anchor="rebuild", between=(700, 1_000)),
        Fault(kind="target_kill", count=(0, 1), anchor="rebuild"),
        Fault(kind="target_kill", count=(0, 1), between=(500, 1_000)),
        Fault(kind="reactor_stall", count=(0, 1), anchor="rebuild", lasting=(10, 80)),
    ),
    operations=(
        Operation(kind="member_removal", between=(0, 300)),
        Operation(kind="member_removal", count=(0, 1), anchor="rebuild"),
        Operation(kind="rebuild_stop", count=(0, 1), anchor="rebuild"),
        Operation(kind="poll_group_create", anchor="rebuild", between=(0, 400)),
        Operation(kind="bdev_reset", count=(0, 1), anchor="rebuild"),
    ),
    reach={
        "rebuilds_finished": 1,
        "rebuilds_ended_early": 1,
        "rebuild.running x target_kill": 1,
        "rebuild.running x write_errors": 1,
        "channel.created_in_rebuild x disk_pull": 1,
    },
)
