"""Exceptions that are a user's mistake, in one sentence. Imported only when a command has raised something."""

from __future__ import annotations

from chaos.base.interrupt import InterruptedRunError
from chaos.campaigns.known import KnownError
from chaos.campaigns.suite import SuiteError
from chaos.clustering.remote_job import ClusterError
from chaos.conforming.scenario import ScenarioError
from chaos.drivers.native.opened import UnnamedTargetError
from chaos.judging.user_checks import CodeError
from chaos.plan.experiment import ExperimentError
from chaos.run.driver import DriverError
from chaos.scoring.scorecard import ScoreError
from chaos.shrinking.shrinker import ShrinkError
from chaos.soak.state import SoakError
from chaos.store.capsule import CapsuleError
from chaos.store.store import StoreError
from chaos.store.stored import StoredError
from workers.defects.loader import DefectError
from workers.segments import SegmentError

USER_ERRORS = (
    CapsuleError,
    ClusterError,
    CodeError,
    DefectError,
    ExperimentError,
    KnownError,
    ScoreError,
    ShrinkError,
    ScenarioError,
    SoakError,
    SegmentError,
    StoredError,
    StoreError,
    SuiteError,
    UnnamedTargetError,
)

__all__ = ["USER_ERRORS", "DriverError", "InterruptedRunError"]
