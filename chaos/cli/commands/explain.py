"""``raidstorm explain``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.commands.replay import ALLOW_CODE_HELP
from chaos.cli.commands.shrink import SECONDS_DEFAULT
from chaos.cli.completion import complete_files
from chaos.cli.parameters import (
    TARGET,
    Catalog,
    Count,
    Duration,
    Target,
    examples,
    format_option,
    target_options,
)

CONTINUATIONS = 20
CONTINUATIONS_MAX = 10_000


@click.command(
    "explain",
    epilog=examples(
        "explain runs/latest-failure",
        "explain runs/latest-failure --continuations 200 --out report",
    ),
)
@click.argument("target", metavar=TARGET, type=Target(), shell_complete=complete_files)
@click.option(
    "--budget",
    type=Duration(),
    default=SECONDS_DEFAULT,
    help="Shrink with at most this much processor time, where that is still to be done [60s]; 5m, 1h.",
)
@click.option(
    "--continuations",
    type=Count(1, CONTINUATIONS_MAX),
    default=CONTINUATIONS,
    show_default=True,
    help="Random continuations of each prefix.",
)
@click.option("--allow-code", is_flag=True, help=ALLOW_CODE_HELP)
@click.option("--out", metavar="DIR", help="The directory for the files. [beside the capsule]")
@target_options
@format_option("json")
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Explain how a run fails, in sentences for an issue: which thread did what on which reactor in which order,
    what was expected, why each step is needed, and at which step the failure became likely.

    The explanation is about the smallest run that fails in the same way: the run directory's minimal.json, or a shrunk
    capsule; where there is none, the run is shrunk first. Writes explain.txt and explain.json beside it. Exits with 0
    when that is done, whatever the failure is; Ctrl-C keeps what is known by then, and exits with 130.
    """
    from chaos.cli.explain import ExplainArguments, run

    return run(catalog, ExplainArguments(**given))
