"""All experiments, by name."""

from __future__ import annotations

from chaos.experiment import Experiment
from experiments.baseline import BASELINE
from experiments.connect_during_rebuild import CONNECT_DURING_REBUILD
from experiments.disk_failure import DISK_FAILURE

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment for experiment in (BASELINE, DISK_FAILURE, CONNECT_DURING_REBUILD)
}
