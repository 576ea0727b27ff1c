"""A failing run that has just been run here, made small in its own directory: what a suite's canary and a test show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from chaos.explaining.minimal_files import MinimalReport, write_minimal
from chaos.judging.user_checks import load_embedded_check
from chaos.shrinking.files import MINIMAL, MINIMAL_PAGE
from chaos.shrinking.minimal import Minimal, minimize
from chaos.store.capsule import read_capsule, replay_line
from chaos.store.stored import TIMELINE

EXECUTIONS_MAX = 3_000  # a few seconds; most failures need some hundred


class SmallRun(msgspec.Struct, frozen=True):
    """The small run as it replays, and the line that does it."""

    seed: int
    minimal: Minimal
    told: MinimalReport
    replay: str
    timelines: str  # the whole run's and its own

    @property
    def heading(self) -> str:
        """How much has been left out."""
        return (
            f"shrunk from {self.minimal.outside_before} to {self.minimal.outside} steps of hosts, "
            "operator and faults:"
        )


def shrink_run_dir(folder: Path, program: str, is_over: Callable[[], bool]) -> SmallRun:
    """Shrink the run kept in this directory and write the files beside it; raises ShrinkError."""
    capsule = read_capsule(folder / "capsule.json")
    # It has just been run here: the code it carries is this process's own.
    checks = tuple(load_embedded_check(code) for code in capsule.checks)
    minimal = minimize(capsule, checks, _bound(is_over), interrupted=is_over)
    replay = replay_line(program, folder / MINIMAL, capsule)
    told = write_minimal(folder, minimal.capsule, checks, replay)
    timelines = f"{folder / TIMELINE}, and of these steps alone {folder / MINIMAL_PAGE}"
    return SmallRun(capsule.seed, minimal, told, replay, timelines)


def _bound(is_over: Callable[[], bool]) -> Callable[[], bool]:
    """Stop after a bounded number of candidates, or earlier when asked to."""
    asked = 0

    def bound() -> bool:
        nonlocal asked
        asked += 1
        return is_over() or asked > EXECUTIONS_MAX

    return bound
