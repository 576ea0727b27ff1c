"""``raidstorm suite``: its arguments."""

from __future__ import annotations

import re
from typing import Any

import click

from chaos.cli.commands.run import CLUSTER_HELP, known_option
from chaos.cli.completion import complete_suites
from chaos.cli.parameters import (
    JOBS_MAX,
    Catalog,
    Count,
    examples,
    format_option,
    loudness_options,
    target_options,
)


class Subset(click.ParamType[tuple[int, int]]):
    """A part of a suite: ``2/3`` is the second of three."""

    name = "subset"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Parse into the part and the number of parts, or fail with a sentence."""
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", str(value))
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is not a part; 2/3 is the second of three parts", param, ctx)
        return int(match[1]), int(match[2])


@click.command(
    "suite",
    epilog=examples(
        "suite smoke --jobs 2 --junit junit.xml",
        "suite nightly --subset 1/3               the first of three parts",
        "suite release.toml --out release-1",
        "suite smoke --rerun runs/latest-suite    the unexpected facets",
    ),
)
@click.argument(
    "name", metavar="NAME|module:NAME|FILE.py|FILE.toml", shell_complete=complete_suites
)
@click.option(
    "--subset",
    "part",
    type=Subset(),
    metavar="I/N",
    help="Run the I-th of N parts. The parts are always the same, have no facet in common, are together the "
    "whole suite, and take about equally long. A part is not judged by the gates of the whole suite.",
)
@click.option(
    "--rerun",
    metavar="DIR",
    help="Run the facets again that were not as expected in DIR, the directory of an earlier run of this suite: facets "
    "that failed, were interrupted or not run, or have changed since. The rest is taken over. Seeds that failed "
    "(at most 20) run first; if one still fails, the facet ends there; otherwise the whole facet is run.",
)
@click.option(
    "--jobs", type=Count(1, JOBS_MAX), default=1, show_default=True, help="Job processes."
)
@click.option("--cluster", metavar="ADDRESS", help=CLUSTER_HELP)
@click.option(
    "--out",
    metavar="DIR",
    help="The directory for its summary and failing runs.  [runs/NAME/<time>]",
)
@click.option(
    "--junit", metavar="FILE", help="Write JUnit XML: a test case per facet, never per seed."
)
@known_option
@target_options
@loudness_options
@format_option("json")
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Run a suite: experiments times facets, each with a budget, an expected exit code, and gates.

    summary.json in its directory is written after each facet, so a suite that is killed leaves the facets that ended.
    The exit code is that of the worst facet; a facet that must fail and doesn't, and a gate that was not reached,
    count as 7. Ctrl-C ends the suite, writes summary and JUnit all the same, and exits with 130.
    """
    from chaos.cli.suite import SuiteArguments, run

    return run(catalog, SuiteArguments(**given))
