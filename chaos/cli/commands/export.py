"""``raidstorm export``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.completion import complete_files
from chaos.cli.parameters import OneOf, Target, examples, target_options

FORMS = ("perfetto", "pytest", "capsule")


@click.command(
    "export",
    epilog=examples(
        "export runs/latest-failure --to capsule    one file for an issue",
        "export runs/latest-failure --to pytest --out test_issue_17.py",
        "export runs/latest-failure --to perfetto   for ui.perfetto.dev",
    ),
)
@click.argument("run_dir", metavar="RUN_DIR", type=Target(), shell_complete=complete_files)
@click.option("--to", "form", type=OneOf(FORMS), required=True)
@click.option("--out", metavar="FILE", help="'-' for standard output. [named after the run, here]")
@click.option("--force", is_flag=True, help="Overwrite the file.")
@click.option("--allow-code", is_flag=True, help="Run code that the capsule carries (pytest only).")
@target_options
def command(**given: Any) -> int:
    """Write a stored run as something else: a trace for Perfetto (Chrome trace event format), a pytest file that
    stands alone, or the one capsule to attach to an issue.

    The capsule and the pytest file are made of the run's minimal.json when there is one.
    """
    from chaos.cli.export import ExportArguments, run

    return run(ExportArguments(**given))
