"""``raidstorm conform``: its arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chaos.cli.completion import complete_defects, complete_files
from chaos.cli.parameters import allow, examples, format_option, loudness_options


@click.command(
    "conform",
    epilog=examples(
        "conform v26.05.json superblock_cases.json",
        "conform v26.05.json --spdk ~/spdk   the code against its recording",
        "conform v26.05.json --defect stale-member-left-out",
    ),
)
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    shell_complete=complete_files,
)
@click.option(
    "--spdk",
    metavar="DIR",
    help="Play them on this SPDK tree instead of the engine; see docs/real-spdk.md.",
)
@click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="ID|FILE.py",
    shell_complete=complete_defects,
    help="Give the engine this defect; repeatable. Some do as SPDK does.",
)
@format_option("json")
@loudness_options
@click.pass_context
def command(context: click.Context, /, spdk: str | None, **given: Any) -> int:
    """Play recorded scenarios of a real SPDK on the engine, and compare codes, states, data and statuses.

    Differences must be declared: 'raidstorm list differences' lists them. A scenario ends at the first step in
    which SPDK is wrong; there the engine has to answer, and to keep acknowledged data. Exits with 1 when a
    difference isn't declared, and when a declared one isn't there any more. docs/conformance.md has the format.
    """
    if spdk is not None:
        allow(context, "spdk", spdk)
    from chaos.cli.conform import ConformArguments, run

    return run(ConformArguments(**given))
