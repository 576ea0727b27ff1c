"""``raidstorm shrink`` of a free run that can't be replayed: by vote."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from chaos.base.interrupt import Interrupt
from chaos.cli.minimizing import Ready
from chaos.cli.parameters import command_name
from chaos.cli.screen import Screen, print_json
from chaos.shrinking.files import MINIMAL
from chaos.shrinking.vote import RUNS_MAX, Voted, shrink_by_vote
from chaos.store.capsule import CapsuleError, write_capsule


def by_vote(ready: Ready, budget: float, interrupt: Interrupt, screen: Screen) -> Voted:
    """Shrink within a budget (seconds by the wall clock, since free runs are slow by design)."""
    begun = time.monotonic()
    with screen.progress("running it free again") as bar:
        return shrink_by_vote(
            ready.capsule,
            ready.checks,
            lambda: interrupt() or time.monotonic() - begun > budget,
            bar.describe,
            interrupt,
        )


def show_voted(folder: Path, voted: Voted, screen: Screen) -> None:
    """Write the capsule of the plan, and print what it is."""
    path = folder / MINIMAL
    try:
        write_capsule(path, voted.capsule)
    except OSError as error:
        raise CapsuleError(f"{path} can't be written: {error.strerror}") from None
    expected = voted.capsule.expected
    assert expected is not None, "a capsule of a vote has its failure"
    if screen.prints_text:
        _show(screen, path, voted, expected.signature)
        return
    print_json(
        {
            "exit_code": expected.verdict,
            "signature": expected.signature,
            "by_vote": True,
            "planned_before": voted.planned_before,
            "planned": voted.planned,
            "failed": voted.failed,
            "runs": voted.runs,
            "executions": voted.executions,
            "minimal": str(path),
        }
    )


def _show(screen: Screen, path: Path, voted: Voted, signature: str) -> None:
    allow = " --allow-code" if voted.capsule.carries_code else ""
    screen.say(
        f"{signature}: from {voted.planned_before} to {voted.planned} planned faults and operations, by vote: "
        f"{voted.failed} of {voted.runs} free runs failed in the same way (at most {RUNS_MAX} were asked); "
        f"{voted.executions} runs in all",
        "red",
    )
    screen.say("  its steps can't be replayed in sim, so the capsule has a plan and no schedule")
    screen.say(f"  how often: {command_name()} repro {shlex.quote(str(path))}{allow}")
