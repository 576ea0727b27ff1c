"""Disks fail, are pulled, give transient errors, and return; the operator rebuilds, under load."""

from chaos.experiment import Experiment, Fault, Operation

DISK_FAILURE = Experiment(
    name="disk-failure",
    description="disks fail, are pulled and return at any time, also during a rebuild, under load",
    members=(2, 3),
    faults=(
        Fault(kind="disk_failure", count=(0, 2)),
        Fault(kind="disk_failure", count=(0, 1), anchor="rebuild"),
        Fault(kind="disk_pull", count=(0, 2)),
        Fault(kind="disk_pull", count=(0, 1), anchor="rebuild"),
        Fault(kind="write_errors", count=(0, 2)),
        Fault(kind="read_errors", count=(0, 2)),
        Fault(kind="reactor_stall", count=(0, 2), lasting=(10, 80)),
        Fault(kind="target_kill", count=(0, 1), between=(200, 800)),
    ),
    operations=(Operation(kind="member_removal", count=(0, 1)),),
    reach={
        "connects": 1,
        "rebuilds_finished": 1,
        "disks_failed": 1,
        "disks_pulled": 1,
        "members_removed": 1,
    },
)
