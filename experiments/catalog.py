"""All experiments, by name."""

from __future__ import annotations

from chaos.experiment import Experiment
from experiments.bad_blocks import BAD_BLOCKS
from experiments.baseline import BASELINE
from experiments.client_churn import CLIENT_CHURN
from experiments.connect_during_rebuild import CONNECT_DURING_REBUILD
from experiments.disk_failure import DISK_FAILURE
from experiments.double_failure import DOUBLE_FAILURE
from experiments.failure_during_rebuild import FAILURE_DURING_REBUILD
from experiments.grow import GROW
from experiments.namespace_churn import NAMESPACE_CHURN
from experiments.power_loss import POWER_LOSS
from experiments.rebuild_under_load import REBUILD_UNDER_LOAD
from experiments.reset_storm import RESET_STORM
from experiments.restart_from_superblock import RESTART_FROM_SUPERBLOCK
from experiments.silent_corruption import SILENT_CORRUPTION
from experiments.swarm import SWARM
from experiments.three_way import THREE_WAY

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        BASELINE,
        DISK_FAILURE,
        CONNECT_DURING_REBUILD,
        REBUILD_UNDER_LOAD,
        FAILURE_DURING_REBUILD,
        DOUBLE_FAILURE,
        CLIENT_CHURN,
        NAMESPACE_CHURN,
        RESTART_FROM_SUPERBLOCK,
        POWER_LOSS,
        BAD_BLOCKS,
        RESET_STORM,
        THREE_WAY,
        GROW,
        SILENT_CORRUPTION,
        SWARM,
    )
}
