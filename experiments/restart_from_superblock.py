"""The target is killed and restarted; the array is assembled from the disks' superblocks as they come."""

from chaos.experiment import Experiment, Fault, Operation

RESTART_FROM_SUPERBLOCK = Experiment(
    name="restart-from-superblock",
    description="the target dies and restarts; disks arrive in any order, late, missing, blank or stale",
    members=(2, 3),
    spares=(0, 2),
    superblock_share=100,
    faults=(
        Fault(kind="target_kill", count=(1, 3)),
        Fault(kind="target_kill", count=(0, 1), anchor="rebuild"),
        Fault(kind="disk_pull", count=(0, 2)),
        Fault(kind="disk_failure", count=(0, 1)),
        Fault(kind="write_errors", count=(0, 1)),
        Fault(kind="superblock_errors", count=(0, 2)),
    ),
    operations=(
        Operation(kind="member_removal", count=(0, 1)),
        Operation(kind="last_member_removal", count=(0, 1)),
        Operation(kind="array_recreate", count=(0, 1)),
    ),
    reach={
        "array.degraded x target_kill": 1,
        "rebuild.running x target_kill": 1,
        "arrays_assembled": 1,
        "arrays_assembled_whole": 1,
        "arrays_started_degraded": 1,
        "disks_late": 1,
        "members_queued": 1,
    },
)
