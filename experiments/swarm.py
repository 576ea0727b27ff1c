"""All faults and operations at once; the seed draws sizes, weights and absences."""

from typing import get_args

from chaos.experiment import (
    STRATEGY_NAMES,
    Experiment,
    Fault,
    FaultName,
    Operation,
    OperationKind,
)

ONCE = ("target_kill", "power_loss", "disk_grow")
IN_REBUILDS: tuple[FaultName, ...] = (
    "disk_failure",
    "disk_pull",
    "bdev_delete",
    "write_errors",
    "read_errors",
    "bad_blocks",
    "target_kill",
    "power_loss",
)

SWARM = Experiment(
    name="swarm",
    description="every fault and every operation, in arrays, stacks and weights of all kinds",
    reactors=(1, 4),
    members=(2, 4),
    spares=(0, 2),
    superblock_share=70,
    blocks=(24, 96),
    window_blocks=(1, 32),
    hosts=(1, 5),
    io_queues=(1, 3),
    queue_depth=(1, 8),
    blocks_per_io=(1, 8),
    ios_per_connection=(1, 60),
    read_share=(10, 90),
    flush_share=(0, 25),
    fua_share=(0, 30),
    unmap_share=(0, 40),
    write_zeroes_share=(0, 60),
    compare_share=(0, 25),
    abort_share=(0, 10),
    meet_share=(0, 60),
    resend_share=(0, 60),
    hurry_share=(0, 80),
    event_requests_share=80,
    keep_alive_ms=(2_000, 20_000),
    alone_share=40,
    outside_share=(8, 50),
    timer_share=(2, 60),
    namespaces=(1, 2),
    namespace_at_start_share=70,
    all_poll_groups_at_start_share=70,
    steps=(400, 2_400),
    disk_queue_depth=(1, 16),
    disk_io_blocks_max=(2, 16),
    io_pool=(2, 24),
    rebuild_blocks_per_ms=(0, 16),
    stack_share=40,
    passthru_share=30,
    grow_blocks=(0, 24),
    repair_delay=(0, 40),
    strategies=STRATEGY_NAMES,
    silent_share=16,  # checks can't judge the blocks that silent corruption hits
    faults=(
        *(
            Fault(kind=kind, count=(0, 1) if kind in ONCE else (0, 2))
            for kind in get_args(FaultName)
        ),
        *(Fault(kind=kind, count=(0, 1), anchor="rebuild") for kind in IN_REBUILDS),
        Fault(kind="superblock_errors", count=(0, 1), anchor="rebuild", between=(700, 1_000)),
    ),
    operations=(
        *(Operation(kind=kind, count=(0, 2)) for kind in get_args(OperationKind)),
        Operation(kind="namespace_attach", count=(0, 1), anchor="rebuild"),
        Operation(kind="poll_group_create", count=(0, 1), anchor="rebuild"),
        # The result of a rebuild is fixed at its end, so requests must come there.
        Operation(kind="rebuild_stop", count=(0, 2), anchor="rebuild", between=(950, 1_000)),
        Operation(kind="member_removal", count=(0, 1), anchor="rebuild", between=(900, 1_000)),
        Operation(kind="last_member_removal", count=(0, 2)),
    ),
    # Gates are judged from 20 runs on, so each of these comes in a fifth of the seeds or more. One that comes in a twentieth
    # would be absent by chance from a third of all short campaigns.
    reach={
        "rebuilds_finished": 1,
        "arrays_assembled": 1,
        "arrays_assembled_whole": 1,
        "power_losses_effective": 1,
        "channel.created_in_rebuild": 1,
        "superblock.write_in_flight": 1,
        "member.failed": 1,
        "connect.queued": 1,
        "bdev.resetting": 1,
        "array.degraded x disk_pull": 1,
        "array.degraded x channel_failures": 1,
    },
)
