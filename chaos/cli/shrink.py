"""``raidstorm shrink``."""

from __future__ import annotations

import sys

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.checkers.finding import NAMES
from chaos.cli.completion import complete_files
from chaos.cli.minimizing import (
    SECONDS_DEFAULT,
    Shrunk,
    folder_of,
    make_ready,
    make_small,
)
from chaos.cli.parameters import Catalog, Duration
from chaos.cli.screen import Screen
from chaos.cli.targets import TARGET
from chaos.cli.voting import by_vote, show_voted
from chaos.shrinking.files import MINIMAL
from chaos.shrinking.vote import is_for_vote


@click.command("shrink")
@click.argument("target", metavar=TARGET, shell_complete=complete_files)
@click.option(
    "--budget", type=Duration(), default=SECONDS_DEFAULT, help="At most so long [60s]; 5m, 1h."
)
@click.option("--allow-code", is_flag=True, help="Run code that the capsule carries.")
@click.option(
    "--out", metavar="DIR", help="Where minimal.json, .log and .html go [beside the capsule]."
)
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def shrink_command(
    catalog: Catalog, target: str, budget: float, allow_code: bool, out: str | None, output: str
) -> int:
    """Make the smallest run that still fails in the same way: fewer hosts, disks, blocks, operations and
    faults, and every scheduling choice in default order that need not be another one.

    A free run whose steps could not be taken again in sim is run free again: when one of the runs can, that one is
    shrunk; else the plan is made smaller, as long as two of five runs fail in the same way.

    Writes minimal.json, a capsule for 'replay', minimal.log, its trace, and minimal.html, its timeline.
    Ctrl-C keeps what there is by then. Exits with the failure's own code.
    """
    interrupt = Interrupt()
    ready = make_ready(catalog, target, allow_code=allow_code)
    folder = folder_of(target, out)
    interrupt.install()
    if is_for_vote(ready.capsule):
        voted = by_vote(ready, budget, interrupt, quiet=output == "json")
        if voted.rebuilt is None:
            return show_voted(folder, voted, as_json=output == "json")
        ready = msgspec.structs.replace(ready, capsule=voted.rebuilt)
    shrunk = make_small(ready, folder, budget, interrupt, quiet=output == "json")
    minimal, told = shrunk.minimal, shrunk.told
    if output == "json":
        summary = {
            "exit_code": told.code,
            "signature": minimal.finding.signature,
            "outside_before": minimal.outside_before,
            "outside": minimal.outside,
            "set_up": minimal.set_up,
            "choices": minimal.choices,
            "steps": told.steps,
            "executions": minimal.executions,
            "seconds": round(shrunk.seconds, 2),
            "minimal": str(folder / MINIMAL),
        }
        sys.stdout.buffer.write(msgspec.json.encode(summary) + b"\n")
        sys.stdout.flush()
    else:
        _show(shrunk)
    return told.code


def _show(shrunk: Shrunk) -> None:
    minimal = shrunk.minimal
    screen = Screen(quiet=False)
    screen.say(
        f"{NAMES[shrunk.told.code]}: {minimal.finding.signature}; from {minimal.outside_before} to {minimal.outside} steps of "
        f"hosts, operator and faults ({minimal.set_up} of them set the target up), {minimal.choices} scheduling choices off the default order; "
        f"{minimal.executions} executions in {shrunk.seconds:.1f} s",
        "red",
    )
    for line in shrunk.told.story:
        screen.say(f"  {line}")
    screen.say(f"  replay: {shrunk.replay}")
