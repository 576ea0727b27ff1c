"""Unreadable blocks are read from another member and rewritten, during writes of the same blocks."""

from chaos.experiment import Experiment, Fault, Operation

BAD_BLOCKS = Experiment(
    name="bad-blocks",
    description="bad blocks and read errors, repaired from other members, also during a rebuild",
    members=(2, 3),
    read_share=(40, 70),
    blocks=(24, 64),
    blocks_per_io=(1, 8),
    faults=(
        Fault(kind="bad_blocks", count=(1, 4), lasting=(200, 600)),
        Fault(kind="bad_blocks", count=(0, 1), anchor="rebuild"),
        Fault(kind="read_errors", count=(0, 2)),
        Fault(kind="write_errors", count=(0, 1)),
    ),
    operations=(Operation(kind="member_removal", count=(0, 1)),),
    reach={"bad_blocks_effective": 1, "reads_repaired": 1, "rebuilds_finished": 1},
)
