"""``raidstorm walk``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.parameters import (
    SEED_MAX,
    Count,
    Seed,
    allow,
    examples,
    format_option,
    loudness_options,
)


@click.command(
    "walk",
    epilog=examples(
        "walk --seeds 200 --spdk ~/spdk",
        "walk --seed 17 --seeds 1 --spdk ~/spdk",
    ),
)
@click.option("--seed", type=Seed(), default=0, show_default=True, help="The first seed.")
@click.option("--seeds", type=Count(1, SEED_MAX), default=20, show_default=True)
@click.option(
    "--spdk",
    metavar="DIR",
    required=True,
    help="The SPDK tree to walk beside; see docs/real-spdk.md.",
)
@format_option("json")
@loudness_options
@click.pass_context
def command(context: click.Context, /, spdk: str, **given: Any) -> int:
    """Send the same random requests and disk events to the engine and to SPDK's own code, until they differ.

    A walk has 15 to 40 steps. A step whose difference is declared, or that ends SPDK, is taken back on both
    sides. Any other difference is shrunk to the fewest steps, and printed as a scenario for 'raidstorm conform'.
    Exits with 1 when there is one.
    """
    allow(context, "spdk", spdk)
    from chaos.cli.walk import WalkArguments, run

    return run(WalkArguments(**given))
