"""``raidstorm replay``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.completion import complete_defects, complete_files
from chaos.cli.parameters import (
    TARGET,
    Catalog,
    OneOf,
    Target,
    examples,
    format_option,
    loudness_options,
    target_options,
)
from chaos.plan.driver_names import DRIVERS

INSTEAD_HELP = "Instead of the recorded defects; 'none' for the reference engine."
ALLOW_CODE_HELP = "Run code that the capsule carries."


@click.command(
    "replay",
    epilog=examples(
        "replay runs/latest-failure",
        "replay runs/latest-failure --defect none   on the reference engine",
        "replay capsule.json --trace run.log",
        "replay swarm:17",
    ),
)
@click.argument("target", metavar=TARGET, type=Target(), shell_complete=complete_files)
@click.option(
    "--driver",
    type=OneOf(list(DRIVERS)),
    help="[the recorded one; sim for a free run that could be rebuilt]",
)
@click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="ID|FILE.py|none",
    shell_complete=complete_defects,
    help=INSTEAD_HELP,
)
@click.option("--allow-code", is_flag=True, help=ALLOW_CODE_HELP)
@click.option("--trace", metavar="FILE", help="Write the replayed run to a file, a line per step.")
@target_options
@loudness_options
@format_option("json")
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Run one recorded run again, step for step, and judge it again.

    Code that a capsule carries (defects and checks from files) runs only with --allow-code; checks also
    when --defect replaces the defects. Exits with 7 when the recorded steps no longer apply.
    """
    from chaos.cli.replay import ReplayArguments, run

    return run(catalog, ReplayArguments(**given))
