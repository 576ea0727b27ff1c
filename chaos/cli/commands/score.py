"""``raidstorm score``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.completion import complete_defect_list, complete_experiments, complete_strategies
from chaos.cli.parameters import JOBS_MAX, Catalog, Count, Duration, OneOf, examples

RANGES_MAX = 200
RANGE_SEEDS = 10_000_000


@click.command(
    "score",
    epilog=examples(
        "score --save before.json      all built-in defects, in minutes",
        "score --defects mine.py,new-channel-null-module-ctx --jobs 2",
        "score --strategy random --strategy pct+frontier",
        "score --compare before.json   exits with 7 when a find is lost",
    ),
)
@click.option(
    "--defects",
    "defect_lists",
    multiple=True,
    metavar="ID|FILE.py,...|all",
    shell_complete=complete_defect_list,
    help="Which defects [all built-in ones].",
)
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="NAME[+NAME...]|all|all-NAME|each|without",
    shell_complete=complete_strategies,
    help="Draw from these search strategies only; repeatable, a block of columns for each. 'all' draws "
    "from all, 'all-NAME' from all but one; 'each' scores one by one, 'without' all and all but each in turn "
    "[as the experiment says].",
)
@click.option(
    "--experiment",
    "name",
    default="swarm",
    show_default=True,
    metavar="NAME|FILE",
    shell_complete=complete_experiments,
)
@click.option("--ranges", type=Count(1, RANGES_MAX), default=10, show_default=True)
@click.option("--seeds", type=Count(1, RANGE_SEEDS), help="Schedules of one search, at most.")
@click.option(
    "--budget",
    type=Duration(),
    help="Processor time of one search, at most: 10s, 1m [10s; with --seeds alone, no bound].",
)
@click.option(
    "--clean-seeds",
    type=Count(0, RANGE_SEEDS),
    help="Schedules of the clean engine in a range [as many as the longest search there].",
)
@click.option(
    "--jobs", type=Count(1, JOBS_MAX), default=1, show_default=True, help="Job processes."
)
@click.option("--keep", is_flag=True, help="Keep a run directory of each defect's first find.")
@click.option(
    "--out",
    default="runs",
    show_default=True,
    metavar="DIR",
    help="The directory that keeps runs.",
)
@click.option("--runs", "old_out", hidden=True)  # until 0.3: --out
@click.option("--save", metavar="FILE", help="Write the score as JSON.")
@click.option("--compare", "earlier", metavar="FILE", help="Show a stored score beside this one.")
@click.option(
    "--format",
    "output",
    type=OneOf(["table", "markdown", "json"]),
    default="table",
    show_default=True,
)
@click.pass_obj
def command(catalog: Catalog, /, old_out: str | None, **given: Any) -> int:
    """Measure how well defects are found: how often, how soon, by which check.

    For each defect and range of seeds, seeds are run in sim until the first find, or until the search has
    used its --seeds or its --budget. The clean engine then runs on the same seeds: a red run there is a
    false alarm. Exits with 0, however many are found; with 1 when the clean engine is red, with 7 when a
    defect found in the --compare score is missed now.
    """
    from chaos.cli.score import ScoreArguments, run

    if old_out is not None:
        given["out"] = old_out
    if given["out"].endswith(".json"):
        raise click.UsageError(
            f"--out names a directory, as in 'run'; --save {given['out']} writes the score"
        )
    return run(catalog, ScoreArguments(**given))
