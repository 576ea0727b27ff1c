"""The main experiment: hosts connect, and channels of the array are created, while it is being rebuilt.

A connect alone creates no channel of the array: a poll group gets its channel when a namespace is attached, or when the
poll group itself is created. So some seeds attach the namespace before the rebuild, where connecting is harmless, and
some during it. Some create a poll group during it. Reads below the rebuild offset then use channels that are younger
than the rebuild.
"""

from chaos.experiment import Experiment, Fault, Operation

CONNECT_DURING_REBUILD = Experiment(
    name="connect-during-rebuild",
    description="hosts connect, namespaces are attached and poll groups created while the array is rebuilt",
    namespace_at_start_share=50,
    all_poll_groups_at_start_share=50,
    hosts=(1, 3),
    ios_per_connection=(4, 30),
    faults=(
        Fault(kind="disk_failure", count=(0, 3)),
        Fault(kind="disk_pull", count=(0, 1)),
        Fault(kind="disk_failure", count=(0, 1), anchor="rebuild"),
        Fault(kind="reactor_stall", count=(0, 1), lasting=(10, 80)),
    ),
    operations=(
        Operation(kind="member_removal", between=(0, 300)),
        Operation(kind="member_removal", count=(0, 1), between=(300, 900)),
        Operation(kind="namespace_attach", anchor="rebuild"),
        Operation(kind="namespace_detach", count=(0, 2)),
        Operation(kind="namespace_attach", count=(0, 2), anchor="rebuild"),
        Operation(kind="namespace_attach", between=(600, 900)),
        Operation(kind="poll_group_create", anchor="rebuild"),
    ),
    reach={
        "connects": 1,
        "connects_in_rebuild": 1,
        "rebuilds_finished": 1,
        "channel.created_in_rebuild": 1,
        "disks_failed": 1,
    },
)
