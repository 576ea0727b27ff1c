"""Disks change data without an error. RAID1 has no checksums, so wrong data is accepted in those blocks, and nowhere else."""

from chaos.experiment import Experiment, Fault

SILENT_CORRUPTION = Experiment(
    name="silent-corruption",
    description="bit rot and misdirected writes; wrong data appears only in the blocks they hit",
    faults=(
        Fault(kind="bit_rot", count=(1, 3)),
        Fault(kind="misdirected_write", count=(0, 2)),
        Fault(kind="disk_failure", count=(0, 1)),
    ),
    reach={"bit_rot_effective": 1, "misdirected_writes_effective": 1},
)
