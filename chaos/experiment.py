"""Public: what an experiment is written with. Users' files import from here; the code is in chaos/plan/."""

from chaos.plan.experiment import (
    Experiment,
    ExperimentError,
    Fault,
    Operation,
    Range,
)
from chaos.plan.faults import FaultName
from chaos.plan.operations import OperationKind
from chaos.plan.strategies import STRATEGY_NAMES

__all__ = [
    "STRATEGY_NAMES",
    "Experiment",
    "ExperimentError",
    "Fault",
    "FaultName",
    "Operation",
    "OperationKind",
    "Range",
]
