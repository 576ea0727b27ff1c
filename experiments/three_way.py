"""Three- and four-way mirrors: several members absent at once, several returning."""

from chaos.experiment import Experiment, Fault, Operation

THREE_WAY = Experiment(
    name="three-way",
    description="three- and four-way mirrors; several members absent, several returning at once",
    members=(3, 4),
    spares=(0, 2),
    blocks=(24, 64),
    superblock_share=70,
    faults=(
        Fault(kind="disk_pull", count=(1, 3)),
        Fault(kind="disk_pull", count=(0, 1), anchor="rebuild"),
        Fault(kind="disk_failure", count=(0, 2)),
        Fault(kind="write_errors", count=(0, 2)),
        Fault(kind="superblock_errors", count=(0, 1)),
    ),
    operations=(Operation(kind="member_removal", count=(0, 2)),),
    reach={"members_queued": 1, "rebuilds_finished": 2, "disks_pulled": 1},
)
