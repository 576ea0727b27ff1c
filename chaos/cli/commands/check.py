"""``raidstorm check``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.completion import complete_checks, complete_files
from chaos.cli.parameters import Target, examples, format_option, loudness_options


@click.command(
    "check",
    epilog=examples(
        "check runs/latest-failure",
        "check runs/swarm/* --check register -q",
        "check runs/latest-failure --check mine:my_check --allow-code",
    ),
)
@click.argument(
    "targets",
    nargs=-1,
    required=True,
    metavar="RUN_DIR...",
    type=Target(),
    shell_complete=complete_files,
)
@click.option(
    "--check",
    "names",
    multiple=True,
    metavar="NAME|module:NAME",
    shell_complete=complete_checks,
    help="Ask only this check; repeatable. A dotted path is imported, as it is today.",
)
@click.option("--allow-code", is_flag=True, help="Run checks that a capsule carries, or a path.")
@loudness_options
@format_option("json")
def command(**given: Any) -> int:
    """Judge stored runs again with the present checks, and show differences from the stored result.

    Nothing is executed: the checks get what the run directory has. Of runs that pass only the line in
    index.jsonl is kept, so only failing ones can be judged again.
    """
    from chaos.cli.check import CheckArguments, run

    return run(CheckArguments(**given))
