"""``raidstorm crash-points``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.commands.replay import ALLOW_CODE_HELP, INSTEAD_HELP
from chaos.cli.completion import complete_defects, complete_files
from chaos.cli.parameters import (
    TARGET,
    Catalog,
    Count,
    Target,
    examples,
    format_option,
    target_options,
)


@click.command(
    "crash-points",
    epilog=examples(
        "crash-points restart-from-superblock:5",
        "crash-points runs/latest-failure --defect none",
        "crash-points swarm:0 --seeds 100 --defect my_defect.py",
        "crash-points swarm:17 --at 812   one point",
    ),
)
@click.argument("target", metavar=TARGET, type=Target(), shell_complete=complete_files)
@click.option(
    "--seeds",
    type=Count(1),
    help="Run this many seeds, from that of NAME:SEED on; of NAME, from 0.",
)
@click.option("--at", "step", type=Count(1), help="Crash only after this step, whatever it is.")
@click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="ID|FILE.py|none",
    shell_complete=complete_defects,
    help=INSTEAD_HELP,
)
@click.option("--allow-code", is_flag=True, help=ALLOW_CODE_HELP)
@target_options
@format_option("json")
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Crash a run after each write that a disk completed and right after each answer, start the target again
    from the disks as they were then, and judge what is assembled.

    Acknowledged data is there, stale members are refused. An answer is a promise: an array whose creation was
    answered comes up again, a member that was removed does not, and the array has the size that Identify
    reported. NAME:SEED is run first; a passing run has crash points, too.

    For arrays with superblocks; others can't be assembled by a target. Exits with 7 when the recorded steps no
    longer apply, as on another engine, and when no point could be judged. Ctrl-C reports what was found until then.
    """
    from chaos.cli.crash_points import CrashPointArguments, run

    return run(catalog, CrashPointArguments(**given))
