"""Members and the array are reset repeatedly, during I/O that waits, hangs and is aborted."""

from chaos.experiment import Experiment, Fault, Operation

RESET_STORM = Experiment(
    name="reset-storm",
    description="members and the array are reset and commands aborted, with I/O queued everywhere",
    hosts=(2, 4),
    queue_depth=(3, 8),
    abort_share=(5, 20),
    flush_share=(2, 10),
    unmap_share=(0, 10),
    compare_share=(0, 15),
    disk_queue_depth=(1, 3),
    disk_io_blocks_max=(2, 6),
    io_pool=(2, 6),
    stack_share=50,
    passthru_share=30,
    faults=(
        Fault(kind="disk_hang", count=(0, 2)),
        Fault(kind="error_bdev", count=(0, 2)),
        Fault(kind="disk_failure", count=(0, 1)),
    ),
    operations=(
        Operation(kind="bdev_reset", count=(2, 6)),
        Operation(kind="array_reset", count=(1, 4)),
        Operation(kind="bdev_reset", count=(0, 1), anchor="rebuild"),
        Operation(kind="array_reset", count=(0, 1), anchor="rebuild"),
        Operation(kind="member_removal", count=(0, 1)),
        Operation(kind="namespace_detach", count=(0, 1)),
        Operation(kind="namespace_attach", count=(0, 1), between=(500, 1_000)),
    ),
    reach={
        "array_resets": 1,
        "bdev_resets": 2,
        "resets_in_rebuild": 1,
        "commands_aborted": 1,
        "hung_ios_effective": 1,
    },
)
