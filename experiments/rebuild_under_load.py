"""Rebuilds during every kind of I/O, over bdevs that split, refuse and delay."""

from chaos.experiment import Experiment, Fault, Operation

REBUILD_UNDER_LOAD = Experiment(
    name="rebuild-under-load",
    description="members are removed and rebuilt, with a bandwidth limit, under every kind of I/O",
    members=(2, 3),
    hosts=(2, 4),
    queue_depth=(2, 6),
    read_share=(20, 60),
    flush_share=(2, 10),
    fua_share=(0, 20),
    unmap_share=(5, 20),
    write_zeroes_share=(5, 15),
    compare_share=(5, 20),
    ios_per_connection=(20, 80),
    disk_queue_depth=(2, 6),
    disk_io_blocks_max=(3, 8),
    io_pool=(3, 8),
    rebuild_blocks_per_ms=(0, 8),
    stack_share=30,
    passthru_share=30,
    faults=(
        Fault(kind="disk_failure", count=(0, 1)),
        Fault(kind="disk_slow", count=(0, 1)),
        Fault(kind="delay_bdev", count=(0, 1)),
    ),
    operations=(
        Operation(kind="member_removal", count=(1, 2), between=(0, 500)),
        Operation(kind="rebuild_stop", count=(0, 1), anchor="rebuild"),
        Operation(kind="add_in_rebuild", count=(0, 1), anchor="rebuild"),
    ),
    reach={
        "rebuilds_finished": 1,
        "io_in_rebuild": 1,
        "ios_split": 1,
        "nomem_retries": 1,
        "unmaps": 1,
        "compares_matched": 1,
    },
)
