"""``raidstorm regress``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.completion import complete_files
from chaos.cli.parameters import examples, format_option, loudness_options, target_options


@click.command(
    "regress", epilog=examples("regress", "regress regressions -v", "regress issue_17.json")
)
@click.argument("targets", nargs=-1, metavar="[DIR|CAPSULE.json]...", shell_complete=complete_files)
@click.option("--allow-code", is_flag=True, help="Run code that the capsules carry.")
@target_options
@loudness_options
@format_option("json")
def command(**given: Any) -> int:
    """Check regressions: each capsule still applies, passes on the reference engine, fails as recorded with the
    defect that it names, and has its story beside it.

    Without an argument it looks in tests/regressions, or in ./regressions. Exits with the worst outcome: 0 when all
    hold, the failure's code when the reference engine fails, 7 when one no longer applies or its defect isn't caught.
    """
    from chaos.cli.regress import RegressArguments, run

    return run(RegressArguments(**given))
