"""Disks grow one after the other, and the array with the last one, during rebuilds, restarts and I/O near the end."""

from chaos.experiment import Experiment, Fault, Operation

GROW = Experiment(
    name="grow",
    description="all disks grow and the array follows; namespaces are resized, hosts use the new blocks",
    members=(2, 3),
    blocks=(24, 48),
    grow_blocks=(4, 24),
    event_requests_share=100,
    ios_per_connection=(10, 40),
    faults=(
        Fault(kind="disk_grow", between=(100, 700)),
        Fault(kind="disk_pull", count=(0, 1)),
        Fault(kind="disk_failure", count=(0, 1)),
        Fault(kind="target_kill", count=(0, 1)),
        Fault(kind="power_loss", count=(0, 1)),
    ),
    operations=(Operation(kind="member_removal", count=(0, 1)),),
    reach={"arrays_grown": 1, "namespaces_resized": 1, "events_told": 1},
)
