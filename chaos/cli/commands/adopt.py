"""``raidstorm adopt``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.commands.replay import ALLOW_CODE_HELP
from chaos.cli.completion import complete_files
from chaos.cli.parameters import TARGET, Catalog, Target, examples, target_options


@click.command(
    "adopt",
    epilog=examples(
        "adopt runs/latest-failure channel_born_in_rebuild",
        "adopt capsule.json issue_17 --to regressions",
    ),
)
@click.argument("target", metavar=TARGET, type=Target(), shell_complete=complete_files)
@click.argument("name", metavar="NAME")
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    help="The directory. [tests/regressions where there is one, else ./regressions]",
)
@click.option("--force", is_flag=True, help="Overwrite a regression of this name.")
@click.option("--allow-code", is_flag=True, help=ALLOW_CODE_HELP)
@target_options
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Keep a failure as a regression: NAME.json, its shrunk capsule, and NAME.txt, its story.

    Shrinks it first where the run directory has no minimal.json ('shrink --budget' before, for one that takes long).
    'raidstorm regress' then checks the directory. Exits with 0 when it is adopted, whether or not it passes today.
    """
    from chaos.cli.adopt import AdoptArguments, run

    return run(catalog, AdoptArguments(**given))
