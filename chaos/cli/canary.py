"""The end of a suite whose canary was caught: the failure, shrunk, and where to look at it.

What a suite must catch is the one failure that everybody sees who runs it, so it shows what a failure looks like.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from chaos.campaign import Report
from chaos.capsule import read_capsule
from chaos.code import load_embedded_check
from chaos.interrupt import Interrupt
from chaos.minimal import minimize
from chaos.minimal_files import MINIMAL, MINIMAL_PAGE, write_minimal
from chaos.report import Screen
from chaos.shrink import ShrinkError
from chaos.stored import TIMELINE

EXECUTIONS_MAX = 3_000  # a few seconds; most failures need some hundred


def show_canary(screen: Screen, report: Report, program: str, interrupt: Interrupt) -> None:
    """Shrink the first failure of a part that had to fail, write the files beside it, and tell its story."""
    folder = Path(report.failures[0].run_dir)
    capsule = read_capsule(folder / "capsule.json")
    # It has just been run here: the code it carries is this process's own.
    checks = tuple(load_embedded_check(code) for code in capsule.checks)
    screen.say()
    try:
        minimal = minimize(capsule, checks, _bound(interrupt))
    except ShrinkError as error:
        screen.say(f"the canary of {report.experiment} was caught, and not shrunk: {error}")
        return
    path = shlex.quote(str(folder / MINIMAL))
    allow = " --allow-code" if capsule.carries_code else ""
    replay = f"{program} replay {path}{allow}"
    told = write_minimal(folder, minimal.capsule, checks, replay)
    screen.say(
        f"the canary of {report.experiment}, seed {capsule.seed}, shrunk from {minimal.outside_before} to "
        f"{minimal.outside} steps of hosts, operator and faults:",
        "bold",
    )
    for line in told.story:
        screen.say(f"  {line}")
    screen.say(f"replay: {replay}", "bold")
    screen.say(f"timeline: {folder / TIMELINE}, and of these steps alone {folder / MINIMAL_PAGE}")


def _bound(interrupt: Interrupt) -> Callable[[], bool]:
    """So many candidates and no more; the user may want to stop earlier."""
    asked = 0

    def is_over() -> bool:
        nonlocal asked
        asked += 1
        return interrupt() or asked > EXECUTIONS_MAX

    return is_over
