"""``raidstorm repro``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.commands.replay import ALLOW_CODE_HELP, INSTEAD_HELP
from chaos.cli.completion import complete_defects, complete_files
from chaos.cli.parameters import (
    TARGET,
    Catalog,
    Count,
    OneOf,
    Target,
    examples,
    format_option,
    target_options,
)
from chaos.plan.driver_names import DRIVERS

RUNS_DEFAULT = 30
RUNS_MAX = 1_000_000


@click.command(
    "repro",
    epilog=examples(
        "repro runs/latest-failure",
        "repro runs/latest-failure --runs 300 --driver realtime",
        "repro swarm:17 --out failures",
    ),
)
@click.argument("target", metavar=TARGET, type=Target(), shell_complete=complete_files)
@click.option("--runs", type=Count(1, RUNS_MAX), default=RUNS_DEFAULT, show_default=True)
@click.option("--driver", type=OneOf(list(DRIVERS)), help="[the recorded one]")
@click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="ID|FILE.py|none",
    shell_complete=complete_defects,
    help=INSTEAD_HELP,
)
@click.option("--allow-code", is_flag=True, help=ALLOW_CODE_HELP)
@click.option("--out", metavar="DIR", help="Keep a capsule of the first run of each failure here.")
@target_options
@format_option("json")
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Measure how often a failure occurs: run its plan many times, and count the runs that fail in the same way.

    In realtime the plan is run free with its seed each time, and the processes race as they like. A stepping driver
    would do the same each time; there each run has another schedule, whose seed is drawn from the run's. Other
    failures are counted apart. For NAME:SEED no failure is recorded, so each failure counts.

    Exits with the failure's own code when it occurred, with that of the others when only they occurred, and with 0
    when nothing failed. Ctrl-C reports the runs until then.
    """
    from chaos.cli.repro import ReproArguments, run

    return run(catalog, ReproArguments(**given))
