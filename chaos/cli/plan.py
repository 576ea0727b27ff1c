"""``raidstorm plan``: what a seed makes of an experiment."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from chaos.campaigns.catalog import find_experiment
from chaos.cli.parameters import Catalog, named_target
from chaos.cli.screen import Screen, print_json
from chaos.cli.targets import capsule_of
from chaos.plan.targets import left_out, resolve_for
from chaos.showing.labels import make_labels
from chaos.showing.plan_text import lines_of
from chaos.store.capsule import Capsule
from chaos.store.version import tool_version


class PlanArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    target: str
    seed: int | None = None
    output: str = "text"


def run(catalog: Catalog, arguments: PlanArguments) -> int:
    """Print the plan, and return the exit code."""
    capsule = execute(catalog, arguments)
    labels = capsule.labels or make_labels(capsule.plan, capsule.seed)
    if arguments.output == "json":
        print_json(
            {
                "experiment": capsule.experiment,
                "seed": capsule.seed,
                "plan": capsule.plan,
                "labels": labels,
            }
        )
        return 0
    screen = Screen()
    target = capsule.plan.target
    if target is not None:
        missing = left_out(capsule.experiment, target)
        screen.say(f"on {target.words}; left out: {', '.join(missing) or 'nothing'}")
    for line in lines_of(capsule.experiment, capsule.seed, capsule.plan, labels):
        screen.say(line, None if line.startswith(" ") else "bold")
    return 0


def execute(catalog: Catalog, arguments: PlanArguments) -> Capsule:
    """Return the head of the run that is asked for."""
    target, seed = arguments.target, arguments.seed
    is_recording = target.endswith(".json") or Path(target).is_dir()
    has_seed = target.rpartition(":")[2].isdecimal() and ":" in target
    if is_recording or has_seed:
        if seed is not None:
            raise click.UsageError(f"{target} has a seed of its own; give it without --seed")
        return capsule_of(catalog, target)[0]
    experiment = find_experiment(target, catalog.experiments, catalog.suites)
    seed, target_id = seed or 0, named_target()
    return Capsule(
        raidstorm_version=tool_version(),
        experiment=experiment,
        seed=seed,
        driver="sim" if target_id is None else "native",
        plan=resolve_for(experiment, seed, target_id),
    )
