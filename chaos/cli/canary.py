"""The end of a suite whose canary was caught: the failure, shrunk, and where to look at it.

A suite's canary is the one failure that everyone who runs the suite sees, so it shows what a failure looks like.
"""

from __future__ import annotations

from pathlib import Path

from chaos.base.interrupt import Interrupt
from chaos.campaigns.campaign import Report
from chaos.cli.screen import Screen
from chaos.explaining.in_place import shrink_run_dir
from chaos.shrinking.shrinker import ShrinkError


def show_canary(screen: Screen, report: Report, program: str, interrupt: Interrupt) -> None:
    """Shrink the first failure of a part that had to fail, write the files beside it, and tell its story."""
    screen.say()
    try:
        with screen.progress("shrinking the canary"):
            small = shrink_run_dir(Path(report.failures[0].run_dir), program, interrupt)
    except ShrinkError as error:
        screen.say(f"the canary of {report.experiment} was caught, and not shrunk: {error}")
        return
    screen.say(f"the canary of {report.experiment}, seed {small.seed}, {small.heading}", "bold")
    for line in small.report.story:
        screen.say(f"  {line}")
    screen.say(f"replay: {small.replay}", "bold")
    screen.say(f"timeline: {small.timelines}")
