"""``raidstorm crash-points``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.completion import complete_files
from chaos.cli.parameters import TARGET, Catalog, examples, target_options


@click.command(
    "crash-points",
    epilog=examples("crash-points restart-from-superblock:5", "crash-points runs/latest-failure"),
)
@click.argument("target", metavar=TARGET, shell_complete=complete_files)
@click.option("--allow-code", is_flag=True, help="Run defects that the capsule carries.")
@target_options
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Crash a recorded run after each write that a disk completed, start the target again from the disks as
    they were then, and judge what is assembled: acknowledged data is there, stale members are refused.

    For arrays with superblocks; others can't be assembled by a target.
    """
    from chaos.cli.crash_points import CrashPointArguments, run

    return run(catalog, CrashPointArguments(**given))
