"""Shrink a run that has just failed, in its own directory, for a suite's canary and for a test."""

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

EXECUTIONS_MAX = 3_000  # takes a few seconds; most failures need some hundred


class SmallRun(msgspec.Struct, frozen=True):
    """The small run, its report, and the line that replays it."""

    seed: int
    minimal: Minimal
    report: MinimalReport
    replay: str
    timelines: str  # the pages of the whole run and of the small one

    @property
    def heading(self) -> str:
        """Write the number of steps before and after shrinking."""
        return (
            f"shrunk from {self.minimal.outside_before} to {self.minimal.outside} steps of hosts, "
            "operator and nemesis:"
        )


def shrink_run_dir(folder: Path, program: str, is_over: Callable[[], bool]) -> SmallRun:
    """Shrink the run in this directory and write the files beside it; raise ShrinkError if that fails."""
    capsule = read_capsule(folder / "capsule.json")
    # It has just run here, so its code is this process's own, and needs no permission.
    checks = tuple(load_embedded_check(code) for code in capsule.checks)
    budget = f"{EXECUTIONS_MAX} executions"
    minimal = minimize(capsule, checks, _bound(is_over), interrupted=is_over, budget=budget)
    replay = replay_line(program, folder / MINIMAL, capsule)
    report = write_minimal(folder, minimal.capsule, checks, replay)
    timelines = f"{folder / TIMELINE}, and {folder / MINIMAL_PAGE} for these steps alone"
    return SmallRun(capsule.seed, minimal, report, replay, timelines)


def _bound(is_over: Callable[[], bool]) -> Callable[[], bool]:
    """Limit the number of candidates; the caller may stop earlier."""
    asked = 0

    def bound() -> bool:
        nonlocal asked
        asked += 1
        return is_over() or asked > EXECUTIONS_MAX

    return bound
