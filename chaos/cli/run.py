"""``raidstorm run``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from chaos.base.interrupt import Interrupt
from chaos.campaigns.campaign import Report
from chaos.campaigns.catalog import find_either
from chaos.campaigns.suite import Facet, Suite, facets_of
from chaos.campaigns.suite_run import FacetOutcome, joined, missing_of, reached_by, run_parts
from chaos.checkers import Verdict
from chaos.checkers.finding import NAMES, worst
from chaos.cli.campaigns import campaigns_on, looked_up, show_canaries
from chaos.cli.cluster import cluster_option, open_cluster
from chaos.cli.completion import complete_defects, complete_runnable
from chaos.cli.parameters import INTERRUPTED, SEED_MAX, Catalog, Duration, Seed
from chaos.cli.screen import Screen
from chaos.drivers.make import DRIVERS
from chaos.store.capsule import DriverName
from chaos.store.store import Store

DEFAULT_SEEDS = {"sim": 100, "lockstep": 20, "realtime": 5}


@click.command("run")
@click.argument(
    "names",
    nargs=-1,
    required=True,
    metavar="NAME|module:NAME|FILE.py|FILE.toml ...",
    shell_complete=complete_runnable,
)
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds to run.")
@click.option("--seed", type=Seed(), help="The first seed [0]; alone, the only one.")
@click.option("--driver", type=click.Choice(list(DRIVERS)), default="sim", show_default=True)
@click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="ID|FILE.py",
    shell_complete=complete_defects,
    help="Turn a defect on; repeatable.",
)
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True)
@cluster_option
@click.option("--for", "seconds", type=Duration(), help="Run new seeds for a time: 20s, 5m, 8h.")
@click.option("-x", "stop_on_first", is_flag=True, help="Stop at the first failure.")
@click.option("--out", default="runs", show_default=True, help="Where failing runs are kept.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def run_command(
    catalog: Catalog,
    names: tuple[str, ...],
    seeds: int | None,
    seed: int | None,
    driver: DriverName,
    defects: tuple[str, ...],
    jobs: int,
    cluster: str | None,
    seconds: float | None,
    stop_on_first: bool,
    out: str,
    output: str,
) -> int:
    """Run experiments or suites, and judge every run.

    Without --seeds and --for, a driver's usual number of seeds is run. A suite brings its own numbers,
    drivers and defects.
    """
    if not out:
        raise click.UsageError("--out needs the name of a directory")
    if (seed or 0) + (seeds or 1) - 1 > SEED_MAX:
        raise click.UsageError(f"the last seed would be beyond {SEED_MAX}")
    if (
        cluster
        and click.get_current_context().get_parameter_source("jobs") is ParameterSource.COMMANDLINE
    ):
        raise click.UsageError("--jobs is for this machine; with --cluster, every worker is one")
    template = Facet(
        driver=driver,
        first_seed=seed or 0,
        seeds=_number_of_seeds(seeds, seed, seconds, driver),
        seconds=seconds,
        defects=defects,
        stop_on_first=stop_on_first,
    )
    groups = [_group(catalog, name, template, seed) for name in names]
    interrupt = Interrupt()
    screen = Screen(quiet=output == "json")
    parts = looked_up(catalog, [facet for _, facets in groups for facet in facets], jobs, out)
    interrupt.install()
    Store(Path(out))
    reports: list[Report] = []
    outcomes: list[FacetOutcome] = []
    with open_cluster(cluster, (part.facet.driver for part in parts)) as workers:
        run = campaigns_on(screen, interrupt, workers.pool if workers else None)
        for _, report, outcome in run_parts(parts, interrupt, run):
            assert report is not None, "only a suite that is run again has parts that aren't run"
            if outcome.code not in (0, report.exit_code):
                screen.say(f"  {outcome.why}", "red")
            report.missing = outcome.missing  # with the facet's own gates
            reports.append(report)
            outcomes.append(outcome)
    codes = [outcome.code for outcome in outcomes]
    missing = [] if interrupt.requested else _missing_of_suites(groups, outcomes)
    if missing:
        codes.append(int(Verdict.NOT_EXERCISED))
    code = INTERRUPTED if interrupt.requested else int(worst([Verdict(code) for code in codes]))
    if output == "json":
        _print_json(reports, names, missing, code)
        return code
    if missing:
        screen.say()
        screen.say(f"not reached by the whole suite: {', '.join(missing)}", "red")
    if len(reports) > 1:
        screen.say()
        screen.say(
            f"{len(reports)} parts: {'all as they must be' if code == 0 else NAMES[code]}",
            "bold green" if code == 0 else "bold red",
        )
        if not interrupt.requested:
            show_canaries(screen, list(zip(outcomes, reports, strict=True)), interrupt)
    return code


def _group(
    catalog: Catalog, name: str, template: Facet, seed: int | None
) -> tuple[Suite | None, list[Facet]]:
    """What a name stands for: a suite for its facets, an experiment for one after the template."""
    found = find_either(name, catalog.experiments, catalog.suites)
    if not isinstance(found, Suite):
        return None, [msgspec.structs.replace(template, name=name, experiment=name)]
    _refuse_options(name)
    facets = facets_of(found)
    if seed is not None:
        facets = [msgspec.structs.replace(facet, first_seed=seed) for facet in facets]
    return found, facets


def _missing_of_suites(
    groups: Sequence[tuple[Suite | None, list[Facet]]], outcomes: Sequence[FacetOutcome]
) -> list[str]:
    """What suites as a whole have not reached; the outcomes are in the order of the groups' facets."""
    missing = []
    begin = 0
    for suite, facets in groups:
        of_suite = outcomes[begin : begin + len(facets)]
        begin += len(facets)
        if suite is not None:
            missing += missing_of(suite.reach, reached_by(of_suite))
    return missing


def _refuse_options(suite: str) -> None:
    """A suite has its own numbers; an option that would be ignored must not be given."""
    context = click.get_current_context()
    for option in ("seeds", "driver", "defects", "seconds", "stop_on_first"):
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            shown = {"defects": "--defect", "seconds": "--for", "stop_on_first": "-x"}
            raise click.UsageError(
                f"{suite} is a suite and brings its own {shown.get(option, f'--{option}')}; give it "
                "without, or run its experiments by name"
            )


def _number_of_seeds(
    seeds: int | None, seed: int | None, seconds: float | None, driver: str
) -> int | None:
    if seeds is not None:
        return seeds
    if seconds is not None:
        return None
    return 1 if seed is not None else DEFAULT_SEEDS[driver]


def _print_json(
    reports: list[Report], names: tuple[str, ...], missing: list[str], code: int
) -> None:
    if len(reports) == 1 and len(names) == 1 and not missing:
        whole: Any = msgspec.structs.replace(reports[0], exit_code=code)
    else:
        total = joined(reports, ",".join(names))
        total.missing = [*total.missing, *missing]
        total.exit_code = code
        whole = {**msgspec.structs.asdict(total), "parts": reports}
    sys.stdout.buffer.write(msgspec.json.encode(whole) + b"\n")
    sys.stdout.flush()
