"""``raidstorm validate``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.completion import complete_files
from chaos.cli.parameters import Catalog, examples, format_option


@click.command(
    "validate",
    epilog=examples("validate mine.toml release.toml", "validate runs/latest-failure"),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=complete_files)
@format_option("json")
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Identify files, and check them.

    Experiments and suites (.toml, .py), defects (.py), capsules and summaries of suites (.json; a directory stands for
    its own). The names in a suite are looked up, too. No experiment is run; a Python file is executed, as 'run' would,
    and code that a capsule carries is not. Exits with 2 if anything is wrong.
    """
    from chaos.cli.validate import ValidateArguments, run

    return run(catalog, ValidateArguments(**given))
