"""The namespace is attached and detached repeatedly, with connects and events queued behind each pause."""

from chaos.experiment import Experiment, Fault, Operation

NAMESPACE_CHURN = Experiment(
    name="namespace-churn",
    description="namespaces are attached, detached and hot-removed with the array, during connects and I/O",
    hosts=(2, 4),
    ios_per_connection=(2, 16),
    hurry_share=(0, 50),
    event_requests_share=100,
    passthru_share=30,
    namespace_at_start_share=70,
    all_poll_groups_at_start_share=60,
    faults=(
        Fault(kind="disk_failure", count=(0, 1)),
        Fault(kind="channel_failures", count=(0, 2)),
        Fault(kind="disk_slow", count=(0, 1)),
    ),
    operations=(
        Operation(kind="namespace_attach", count=(1, 4)),
        Operation(kind="namespace_detach", count=(1, 4)),
        Operation(kind="poll_group_create", count=(0, 2)),
        Operation(kind="poll_group_destroy", count=(0, 1)),
        Operation(kind="array_recreate", count=(0, 1)),
        Operation(kind="last_member_removal", count=(0, 1)),
    ),
    reach={
        "namespaces_attached": 2,
        "namespaces_detached": 2,
        "connect.queued": 1,
        "events_told": 1,
        "arrays_deleted": 1,
    },
)
