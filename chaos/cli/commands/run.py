"""``raidstorm run``: its arguments."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from chaos.cli.completion import complete_defects, complete_files, complete_runnable
from chaos.cli.parameters import (
    JOBS_MAX,
    Catalog,
    Count,
    Duration,
    OneOf,
    Seed,
    examples,
    format_option,
    loudness_options,
    target_options,
)
from chaos.plan.driver_names import DRIVERS

CLUSTER_HELP = (
    "Run on the workers of a Dask scheduler, such as tcp://127.0.0.1:8786; driver sim only."
)
known_option = click.option(
    "--known",
    multiple=True,
    metavar="FILE.toml",
    shell_complete=complete_files,
    help="Count the failures that this file knows ('raidstorm known' writes it) under a heading of their own: they "
    "are not red, and don't decide the exit code. An entry with a first or last version is for targets with "
    "--spdk or --target whose version lies within; dotted numbers are compared. Repeatable.",
)
# What a suite brings itself; an option that would be ignored must not be given.
OF_A_SUITE = {
    "seeds": "--seeds",
    "driver": "--driver",
    "defects": "--defect",
    "seconds": "--for",
    "stop_on_first": "-x",
}

SEEDS_BY_DRIVER = ", ".join(f"{name} {driver.seeds}" for name, driver in DRIVERS.items())


@click.command(
    "run",
    epilog=examples(
        "run smoke                         all drivers, and a known defect",
        "run swarm --seeds 2000 --jobs 2   every fault and operation",
        "run swarm --seed 17 -v            one seed, with all details",
        "run mine.toml --driver realtime --for 5m",
        "run baseline --seeds 200 -x --defect my_defect.py",
    ),
)
@click.argument(
    "names",
    nargs=-1,
    required=True,
    metavar="NAME|module:NAME|FILE.py|FILE.toml ...",
    shell_complete=complete_runnable,
)
@click.option("--seeds", type=Count(1), help=f"How many seeds to run. [{SEEDS_BY_DRIVER}]")
@click.option("--seed", type=Seed(), help="The first seed [0]; alone, the only one.")
@click.option("--driver", type=OneOf(list(DRIVERS)), default="sim", show_default=True)
@click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="ID|FILE.py",
    shell_complete=complete_defects,
    help="Turn a defect on; repeatable.",
)
@click.option(
    "--jobs", type=Count(1, JOBS_MAX), default=1, show_default=True, help="Job processes."
)
@click.option("--cluster", metavar="ADDRESS", help=CLUSTER_HELP)
@click.option("--for", "seconds", type=Duration(), help="Run new seeds for a time: 20s, 5m, 8h.")
@click.option("-x", "stop_on_first", is_flag=True, help="Stop at the first failure.")
@click.option(
    "--out",
    default="runs",
    show_default=True,
    metavar="DIR",
    help="The directory that keeps failing runs.",
)
@known_option
@target_options
@loudness_options
@format_option("json")
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:
    """Run experiments or suites, and judge every run.

    Green is one line. Failures come last, grouped by signature, each with its story and the line that replays it.
    Without --seeds and --for, a driver's usual number of seeds is run. A suite brings its own numbers, drivers and
    defects.
    """
    from chaos.cli.run import RunArguments, run

    typed = {
        option
        for option in (*OF_A_SUITE, "jobs")
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE
    }
    assert isinstance(context.obj, Catalog), "the program hands it in"
    arguments = RunArguments(
        **given,
        of_a_suite=tuple(OF_A_SUITE[option] for option in OF_A_SUITE if option in typed),
        jobs_typed="jobs" in typed,
    )
    return run(context.obj, arguments)
