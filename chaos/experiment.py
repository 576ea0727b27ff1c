"""Public: what an experiment is written with. Users' files import from here; the code is in chaos/plan/."""

from chaos.plan.experiment import (
    KINDS,
    NAME,
    RUN_PERMILLE,
    SUPERBLOCK_SLOTS_MAX,
    Anchor,
    Experiment,
    ExperimentError,
    Fault,
    Operation,
    Range,
    check_reach,
    pair,
    validate,
)
from chaos.plan.faults import FaultName
from chaos.plan.operations import OperationKind
from chaos.plan.sequence import Act
from chaos.plan.strategies import STRATEGY_NAMES

__all__ = [
    "KINDS",
    "NAME",
    "RUN_PERMILLE",
    "STRATEGY_NAMES",
    "SUPERBLOCK_SLOTS_MAX",
    "Act",
    "Anchor",
    "Experiment",
    "ExperimentError",
    "Fault",
    "FaultName",
    "Operation",
    "OperationKind",
    "Range",
    "check_reach",
    "pair",
    "validate",
]
