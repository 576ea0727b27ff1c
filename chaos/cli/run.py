"""``raidstorm run``: experiments and suites, one campaign after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.campaigns.campaign import Report
from chaos.campaigns.catalog import find_either
from chaos.campaigns.suite import Facet, Suite, facets_of
from chaos.campaigns.suite_run import FacetOutcome, joined, missing_of, reached_by, run_parts
from chaos.checkers import Verdict
from chaos.checkers.finding import worst
from chaos.cli.campaigns import Rows, campaigns_on, looked_up, total_line
from chaos.cli.cluster import open_cluster
from chaos.cli.parameters import INTERRUPTED, SEED_MAX, Catalog, Loudness, named_target
from chaos.cli.screen import Screen, print_json
from chaos.plan.driver_names import DRIVERS, DriverName
from chaos.store.store import Store


class RunArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed; ``of_a_suite`` are options that a suite brings itself."""

    names: tuple[str, ...]
    seeds: int | None = None
    seed: int | None = None
    driver: DriverName = "sim"
    defects: tuple[str, ...] = ()
    jobs: int = 1
    cluster: str | None = None
    seconds: float | None = None
    stop_on_first: bool = False
    out: str = "runs"
    loudness: Loudness = Loudness.NORMAL
    output: str = "text"
    known: tuple[str, ...] = ()
    of_a_suite: tuple[str, ...] = ()
    jobs_typed: bool = False

    @property
    def number_of_seeds(self) -> int | None:
        """Return how many seeds an experiment gets; None for as many as its time allows."""
        if self.seeds is not None:
            return self.seeds
        if self.seconds is not None:
            return None
        return 1 if self.seed is not None else DRIVERS[self.driver].seeds


class Group(NamedTuple):
    """What one of the names stands for: a suite with its facets, or an experiment with one."""

    suite: Suite | None
    facets: list[Facet]


class Ran(NamedTuple):
    """What has run, and how that ended."""

    rows: Rows
    reports: list[Report]
    missing: list[str]  # gates of whole suites
    code: int


def run(catalog: Catalog, arguments: RunArguments) -> int:
    """Run what was asked for, print it, and return the exit code."""
    _refuse_bad(arguments)
    groups = [_group(catalog, name, arguments) for name in arguments.names]
    interrupt = Interrupt()
    screen = Screen(arguments.loudness, output=arguments.output)
    ran = execute(catalog, arguments, groups, screen, interrupt)
    if arguments.output == "json":
        _print_json(ran, arguments.names)
    else:
        _show_end(screen, ran, sum(len(group.facets) for group in groups), interrupt)
    return ran.code


def execute(
    catalog: Catalog,
    arguments: RunArguments,
    groups: Sequence[Group],
    screen: Screen,
    interrupt: Interrupt,
) -> Ran:
    """Run all campaigns; a row for each is on the screen as it ends."""
    facets = [facet for group in groups for facet in group.facets]
    parts = looked_up(catalog, facets, arguments.jobs, arguments.out, arguments.known)
    interrupt.install()
    Store(Path(arguments.out))
    rows = Rows(screen, parts, [part.request.spec.experiment.name for part in parts])
    reports: list[Report] = []
    with open_cluster(arguments.cluster, (part.facet.driver for part in parts)) as workers:
        run_one = campaigns_on(screen, interrupt, workers.pool if workers else None)
        for _, report, outcome in run_parts(parts, interrupt, run_one):
            assert report is not None, "only a suite that is run again has parts that aren't run"
            report.missing = outcome.missing  # with the facet's own gates
            reports.append(report)
            rows.end(outcome, report)
    rows.close()
    missing = [] if interrupt.requested else _missing_of_suites(groups, rows.outcomes)
    codes = [outcome.code for outcome in rows.outcomes]
    if missing:
        codes.append(int(Verdict.NOT_EXERCISED))
    code = INTERRUPTED if interrupt.requested else int(worst([Verdict(code) for code in codes]))
    return Ran(rows, reports, missing, code)


def _refuse_bad(arguments: RunArguments) -> None:
    if not arguments.out:
        raise click.UsageError("--out needs the name of a directory")
    if (arguments.seed or 0) + (arguments.seeds or 1) - 1 > SEED_MAX:
        raise click.UsageError(f"the last seed would be beyond {SEED_MAX}")
    for name in arguments.names:
        before, colon, seed = name.rpartition(":")
        if colon and seed.isdecimal():
            raise click.UsageError(
                f"run takes no NAME:SEED; use 'run {before} --seed {seed}' or 'replay {name}'"
            )
    if (
        named_target() is not None
        and "--driver" in arguments.of_a_suite
        and arguments.driver != "native"
    ):
        raise click.UsageError(
            f"--spdk and --target run on the driver native, not on {arguments.driver}; leave --driver out"
        )
    if arguments.cluster and arguments.jobs_typed:
        raise click.UsageError("--jobs is for this machine; with --cluster, every worker is one")


def _group(catalog: Catalog, name: str, arguments: RunArguments) -> Group:
    """Look a name up: a suite for its facets, an experiment for one with what was typed."""
    found = find_either(name, catalog.experiments, catalog.suites)
    if not isinstance(found, Suite):
        facet = Facet(
            name=name,
            experiment=name,
            driver=arguments.driver,
            first_seed=arguments.seed or 0,
            seeds=arguments.number_of_seeds,
            seconds=arguments.seconds,
            defects=arguments.defects,
            stop_on_first=arguments.stop_on_first,
        )
        return Group(None, [facet])
    if arguments.of_a_suite:
        raise click.UsageError(
            f"{name} is a suite and brings its own {arguments.of_a_suite[0]}; give it without, or run "
            "its experiments by name"
        )
    facets = facets_of(found)
    if arguments.seed is not None:
        facets = [msgspec.structs.replace(facet, first_seed=arguments.seed) for facet in facets]
    return Group(found, facets)


def _missing_of_suites(groups: Sequence[Group], outcomes: Sequence[FacetOutcome]) -> list[str]:
    """Return what suites as a whole have not reached; the outcomes are in the order of the groups' facets."""
    missing = []
    begin = 0
    for suite, facets in groups:
        of_suite = outcomes[begin : begin + len(facets)]
        begin += len(facets)
        if suite is not None:
            missing += missing_of(suite.reach, reached_by(of_suite))
    return missing


def _show_end(screen: Screen, ran: Ran, of: int, interrupt: Interrupt) -> None:
    """Print what stands below the rows; failures come last."""
    if ran.missing:
        screen.say(f"not reached by the whole suite: {', '.join(ran.missing)}", "red")
    if of > 1:
        style = "bold green" if ran.code == 0 else "bold red"
        outcomes, seconds = ran.rows.outcomes, ran.rows.seconds
        screen.verdict(total_line(outcomes, of, ran.code, seconds, len(ran.missing)), style)
    ran.rows.show_failures()
    if not interrupt.requested:
        ran.rows.show_canaries(interrupt)


def _print_json(ran: Ran, names: tuple[str, ...]) -> None:
    if len(ran.reports) == 1 and len(names) == 1 and not ran.missing:
        whole: Any = msgspec.structs.replace(ran.reports[0], exit_code=ran.code)
    else:
        total = joined(ran.reports, ",".join(names))
        total.missing = [*total.missing, *ran.missing]
        total.exit_code = ran.code
        whole = {**msgspec.structs.asdict(total), "parts": ran.reports}
    print_json(whole)
