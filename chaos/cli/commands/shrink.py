"""``raidstorm shrink``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.commands.replay import ALLOW_CODE_HELP
from chaos.cli.completion import complete_files
from chaos.cli.parameters import (
    TARGET,
    Catalog,
    Duration,
    Target,
    examples,
    format_option,
    target_options,
)

SECONDS_DEFAULT = 60.0


@click.command(
    "shrink",
    epilog=examples(
        "shrink runs/latest-failure",
        "shrink capsule.json --budget 5m --out small",
    ),
)
@click.argument("target", metavar=TARGET, type=Target(), shell_complete=complete_files)
@click.option(
    "--budget",
    type=Duration(),
    default=SECONDS_DEFAULT,
    help="At most this much processor time [60s]; 5m, 1h.",
)
@click.option("--allow-code", is_flag=True, help=ALLOW_CODE_HELP)
@click.option(
    "--out",
    metavar="DIR",
    help="The directory for minimal.json, .log and .html; it is created. [beside the capsule]",
)
@target_options
@format_option("json")
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Find the smallest run that still fails in the same way: fewer hosts, disks, blocks, operations and
    faults, and every scheduling choice in default order that need not be another one.

    A free run whose steps could not be replayed in sim is run free again: when one of the runs can, that one is
    shrunk; otherwise the plan is reduced for as long as two of five runs fail in the same way.

    Writes minimal.json, a capsule for 'replay', minimal.log, its trace, and minimal.html, its timeline.
    A smaller run that is there already stays. Exits with 0 when that is done, whatever the failure is; Ctrl-C keeps the
    smallest run found by then, and exits with 130.
    """
    from chaos.cli.shrink import ShrinkArguments, run

    return run(catalog, ShrinkArguments(**given))
