"""Power is lost: unflushed blocks are reverted, all or in part, on each disk separately."""

from chaos.experiment import Experiment, Fault, Operation

POWER_LOSS = Experiment(
    name="power-loss",
    description="power is lost at any time, also during a rebuild; flushed data and FUA writes survive",
    members=(2, 3),
    flush_share=(4, 20),
    fua_share=(0, 40),
    unmap_share=(0, 10),
    write_zeroes_share=(0, 5),
    faults=(
        Fault(kind="power_loss", count=(1, 3)),
        Fault(kind="power_loss", count=(0, 1), anchor="rebuild"),
        Fault(kind="disk_failure", count=(0, 1)),
        Fault(kind="disk_pull", count=(0, 1)),
        Fault(kind="flush_errors", count=(0, 1)),
        Fault(kind="superblock_errors", count=(0, 1)),
    ),
    operations=(Operation(kind="member_removal", count=(0, 1)),),
    reach={
        "power_losses_effective": 1,
        "arrays_assembled": 1,
        "fua_writes": 1,
        "flushes": 1,
        "array.degraded x power_loss": 1,
        "rebuild.window_locked x power_loss": 1,
    },
)
