"""``raidstorm plan``."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from chaos.campaigns.catalog import find_experiment
from chaos.cli.completion import complete_experiments
from chaos.cli.parameters import Catalog, Seed
from chaos.cli.screen import Screen
from chaos.cli.targets import capsule_of
from chaos.plan.plan import resolve
from chaos.showing.labels import make_labels
from chaos.showing.plan_text import lines_of
from chaos.store.capsule import Capsule
from chaos.store.version import tool_version


@click.command("plan")
@click.argument(
    "target",
    metavar="EXPERIMENT|RUN_DIR|CAPSULE.json",
    shell_complete=complete_experiments,
)
@click.option("--seed", type=Seed(), help="Of which seed; a run or a capsule has its own.  [0]")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def plan_command(catalog: Catalog, target: str, seed: int | None, output: str) -> int:
    """Say what a seed makes of an experiment, and run nothing.

    EXPERIMENT is a name, module:NAME, FILE.py or FILE.toml, and may have the seed behind a colon.

    All that doesn't depend on the course of the run: sizes, hosts, shares, strategies, and the planned faults and
    operations with their moments. Which disk or host a fault takes is decided when it comes. A run of that seed, with
    any driver, has this plan; a fault that the fault budget forbids waits, and what waits for an event that never
    comes doesn't come.
    """
    capsule = _capsule(catalog, target, seed)
    labels = capsule.labels or make_labels(capsule.plan, capsule.seed)
    if output == "json":
        whole = {
            "experiment": capsule.experiment,
            "seed": capsule.seed,
            "plan": capsule.plan,
            "labels": labels,
        }
        sys.stdout.buffer.write(msgspec.json.encode(whole) + b"\n")
        sys.stdout.flush()
        return 0
    screen = Screen(quiet=False)
    for line in lines_of(capsule.experiment, capsule.seed, capsule.plan, labels):
        screen.say(line, None if line.startswith(" ") else "bold")
    return 0


def _capsule(catalog: Catalog, target: str, seed: int | None) -> Capsule:
    """The head of the run that is asked for."""
    is_recording = target.endswith(".json") or Path(target).is_dir()
    has_seed = target.rpartition(":")[2].isdecimal() and ":" in target
    if is_recording or has_seed:
        if seed is not None:
            raise click.UsageError(f"{target} has a seed of its own; give it without --seed")
        return capsule_of(catalog, target)[0]
    experiment = find_experiment(target, catalog.experiments, catalog.suites)
    seed = seed or 0
    return Capsule(
        raidstorm_version=tool_version(),
        experiment=experiment,
        seed=seed,
        driver="sim",
        plan=resolve(experiment, seed),
    )
