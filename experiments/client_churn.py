"""Hosts come, go, vanish, lose the network and reconnect at once; poll groups come and go below them."""

from chaos.experiment import Experiment, Fault, Operation

CLIENT_CHURN = Experiment(
    name="client-churn",
    description="hosts vanish, are cut off, reconnect while their old queues drain; poll groups come and go",
    hosts=(3, 6),
    io_queues=(1, 3),
    ios_per_connection=(1, 12),
    hurry_share=(20, 80),
    abort_share=(0, 10),
    event_requests_share=70,
    keep_alive_ms=(2_000, 10_000),
    faults=(
        Fault(kind="host_vanish", count=(0, 3)),
        Fault(kind="network_cut", count=(0, 3)),
        Fault(kind="host_slow", count=(0, 2)),
        Fault(kind="disk_hang", count=(0, 1)),
        Fault(kind="disk_slow", count=(0, 1)),
        Fault(kind="disk_failure", count=(0, 1)),
        Fault(kind="reactor_stall", count=(0, 1), lasting=(10, 80)),
    ),
    operations=(
        Operation(kind="poll_group_destroy", count=(0, 2)),
        Operation(kind="poll_group_create", count=(0, 2), between=(300, 1_000)),
        Operation(kind="namespace_detach", count=(0, 1)),
        Operation(kind="namespace_attach", count=(0, 1), between=(500, 1_000)),
    ),
    reach={
        "reconnects_while_draining": 1,
        "hosts_vanished": 1,
        "network_cuts": 1,
        "keep_alives_expired": 1,
        "poll_groups_destroyed": 1,
    },
)
