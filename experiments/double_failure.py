"""Two faults close together, in mirrors of two to four members, within the fault budget."""

from chaos.experiment import Experiment, Fault

DOUBLE_FAILURE = Experiment(
    name="double-failure",
    description="pairs of faults close together, in two- to four-way mirrors",
    members=(2, 4),
    spares=(0, 1),
    pairs=(1, 3),
    faults=(
        Fault(kind="disk_failure", count=(0, 1)),
        Fault(kind="disk_pull", count=(0, 1)),
        Fault(kind="write_errors", count=(0, 1)),
        Fault(kind="read_errors", count=(0, 1)),
        Fault(kind="bad_blocks", count=(0, 1)),
        Fault(kind="superblock_errors", count=(0, 1)),
        Fault(kind="flush_errors", count=(0, 1)),
        Fault(kind="disk_hang", count=(0, 1)),
        Fault(kind="target_kill", count=(0, 1)),
    ),
    reach={
        "faults_close_together": 1,
        "members_failed": 1,
        "rebuilds_finished": 1,
        "array.degraded x disk_pull": 1,
        "rebuild.running x read_errors": 1,
    },
)
