"""``raidstorm state``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.completion import complete_files
from chaos.cli.parameters import TARGET, Catalog, Count, Target, examples, target_options


@click.command(
    "state",
    epilog=examples(
        "state runs/latest-failure", "state runs/latest-failure --at 249", "state swarm:17 --at 400"
    ),
)
@click.argument("target", metavar=TARGET, type=Target(), shell_complete=complete_files)
@click.option("--at", "step", type=Count(0), help="After this step. [the last one]")
@click.option("--allow-code", is_flag=True, help="Run defects that the capsule carries.")
@target_options
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Print the engine's state at a step of a run, as SPDK's bdev_raid_get_bdevs and
    nvmf_get_subsystems would, by replaying to it.
    """
    from chaos.cli.state import StateArguments, run

    return run(catalog, StateArguments(**given))
