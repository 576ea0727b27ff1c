"""``raidstorm plan``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.completion import complete_experiments
from chaos.cli.parameters import Catalog, Seed, examples, format_option, target_options


@click.command(
    "plan",
    epilog=examples("plan swarm --seed 4", "plan swarm:4", "plan runs/latest-failure"),
)
@click.argument(
    "target", metavar="EXPERIMENT|RUN_DIR|CAPSULE.json", shell_complete=complete_experiments
)
@click.option("--seed", type=Seed(), help="The seed; a run or a capsule has its own.  [0]")
@target_options
@format_option("json")
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Show what a seed makes of an experiment, and run nothing.

    EXPERIMENT is a name, module:NAME, FILE.py or FILE.toml, and may have the seed behind a colon.

    The plan has everything that doesn't depend on the course of the run: sizes, hosts, shares, strategies, and the planned
    faults and operations with their moments. Which disk or host a fault takes is decided when it comes. A run of that
    seed, with any driver, has this plan; a fault that the fault budget forbids waits, and one that waits for an event that
    never comes is not injected.
    """
    from chaos.cli.plan import PlanArguments, run

    return run(catalog, PlanArguments(**given))
