"""``raidstorm suite``: one suite, with its summary on disk after each facet."""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.campaigns.catalog import find_suite
from chaos.campaigns.suite import Suite, SuiteError, facets_of, subset
from chaos.campaigns.suite_run import FacetOutcome, Part, not_run, run_parts
from chaos.campaigns.summary import (
    SUMMARY,
    Summary,
    earlier_outcomes,
    head_of,
    read_summary,
    summed,
    write_summary,
)
from chaos.cli.campaigns import Rows, campaigns_on, looked_up, total_line
from chaos.cli.cluster import open_cluster
from chaos.cli.parameters import USAGE, Catalog, Loudness, command_name
from chaos.cli.screen import Screen, print_json
from chaos.store.store import Store, StoreError, now_stamp

RUNS = Path("runs")
LATEST = "latest-suite"


class SuiteArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    name: str
    part: tuple[int, int] | None = None
    rerun: str | None = None
    jobs: int = 1
    cluster: str | None = None
    out: str | None = None
    junit: str | None = None
    known: tuple[str, ...] = ()
    loudness: Loudness = Loudness.NORMAL
    output: str = "text"


class Prepared(msgspec.Struct, frozen=True):
    """A suite with all that it names looked up, and where its summary goes."""

    head: Summary
    parts: list[Part]
    folder: Path
    before: Mapping[str, FacetOutcome]  # of the suite that is run again, by name


def run(catalog: Catalog, arguments: SuiteArguments) -> int:
    """Run the suite, print it, and return the exit code."""
    prepared = prepare_suite(catalog, arguments)
    interrupt = Interrupt()
    interrupt.install()
    screen = Screen(arguments.loudness, output=arguments.output)
    names = [part.facet.name for part in prepared.parts]
    rows = Rows(screen, prepared.parts, names)
    summary, unwritten = execute(arguments, prepared, rows, screen, interrupt)
    rows.close()
    if arguments.output == "json":
        print_json(summary)
    else:
        show_end(screen, summary, rows, prepared.folder)
        if not interrupt.requested:
            rows.show_canaries(interrupt)
    for error in unwritten:
        click.echo(f"raidstorm: {error}", err=True)
    return summary.code or (USAGE if unwritten else 0)


def prepare_suite(catalog: Catalog, arguments: SuiteArguments) -> Prepared:
    """Look up all that the suite names, and make its directory: a mistake must not show after an hour."""
    suite = find_suite(arguments.name, catalog.experiments, catalog.suites)
    rerun = None if arguments.rerun is None else _without_link(arguments.rerun)
    earlier = None if rerun is None else read_summary(Path(rerun))
    part = arguments.part if earlier is None else _same_subset(suite, earlier, arguments.part)
    facets = facets_of(suite) if part is None else subset(facets_of(suite), *part)
    folder = Path(arguments.out) if arguments.out else _folder_of_its_own(suite)
    parts = looked_up(catalog, facets, arguments.jobs, str(folder), arguments.known)
    store = Store(folder)
    if not arguments.out:
        Store(RUNS).point(LATEST, folder)
    if arguments.junit is not None:
        _check_writable(Path(arguments.junit))
    head = head_of(
        suite,
        again=f"{command_name()} suite {shlex.quote(arguments.name)}",
        subset="" if part is None else f"{part[0]}/{part[1]}",
        rerun_of=rerun or "",
    )
    before = earlier_outcomes(earlier, Path(rerun)) if earlier is not None and rerun else {}
    return Prepared(head, parts, store.root, before)


def execute(
    arguments: SuiteArguments, prepared: Prepared, rows: Rows, screen: Screen, interrupt: Interrupt
) -> tuple[Summary, list[str]]:
    """Run facet after facet; a row for each is on the screen as it ends, and the summary on disk.

    Return the summary, and a sentence for each file that could not be written.
    """
    parts = prepared.parts
    junit = None if arguments.junit is None else Path(arguments.junit)
    running = _Running(prepared.folder, prepared.head, parts, junit)
    broken = True
    try:
        with open_cluster(arguments.cluster, (one.facet.driver for one in parts)) as workers:
            run_one = campaigns_on(screen, interrupt, workers.pool if workers else None)
            for _, report, outcome in run_parts(parts, interrupt, run_one, prepared.before):
                running.end(outcome)
                rows.end(outcome, report)
        broken = False
    except KeyboardInterrupt:
        # Between two campaigns; whatever has run is reported.
        interrupt.requested, broken = True, False
    finally:
        summary = running.close(interrupted=interrupt.requested, broken=broken)
    return summary, list(running.unwritten)


class _Running:
    """The summary of a suite under way, on disk after each facet."""

    def __init__(self, folder: Path, head: Summary, parts: Sequence[Part], junit: Path | None):
        self.folder = folder
        self.head = head
        self.junit = junit
        self.outcomes = {part.facet.name: not_run(part) for part in parts}
        self.unwritten: dict[str, None] = {}  # sentences, each once
        write_summary(folder, self._summed(finished=False, interrupted=False))

    def end(self, outcome: FacetOutcome) -> None:
        """Write that a facet has ended."""
        self.outcomes[outcome.name] = outcome
        self.write(finished=False, interrupted=False)

    def close(self, *, interrupted: bool, broken: bool) -> Summary:
        """Write that the suite has ended, one way or the other; JUnit is written now."""
        summary = self.write(finished=not broken, interrupted=interrupted)
        if self.junit is not None:
            from chaos.campaigns.junit import write_junit  # with a library that nothing else needs

            with self._writing():
                write_junit(self.junit, summary)
        return summary

    def write(self, *, finished: bool, interrupted: bool) -> Summary:
        """Write the summary as it is now."""
        summary = self._summed(finished=finished, interrupted=interrupted)
        with self._writing():
            write_summary(self.folder, summary)
        return summary

    def _summed(self, *, finished: bool, interrupted: bool) -> Summary:
        outcomes = list(self.outcomes.values())
        return summed(self.head, outcomes, finished=finished, interrupted=interrupted)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Keep the sentence about a full disk until the results have been printed."""
        try:
            yield
        except StoreError as error:
            self.unwritten[str(error)] = None


def _folder_of_its_own(suite: Suite) -> Path:
    """Return a directory that doesn't exist yet; two suites may start within a second."""
    first = RUNS / suite.name / now_stamp()
    attempts = itertools.count(2)
    path = first
    while path.exists():
        path = first.with_name(f"{first.name}.{next(attempts)}")
    return path


def _without_link(directory: str) -> str:
    """Return what a link leads to: by the end of this suite ``latest-suite`` is another one."""
    path = Path(directory)
    return os.path.relpath(path.resolve()) if path.is_symlink() else directory


def _same_subset(
    suite: Suite, earlier: Summary, part: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Return the part that was run; raises SuiteError for another suite or another part."""
    if earlier.suite != suite.name:
        raise SuiteError(f"--rerun: that was the suite {earlier.suite}, and not {suite.name}")
    if part is not None and earlier.subset != f"{part[0]}/{part[1]}":
        was = f"part {earlier.subset}" if earlier.subset else "the whole suite"
        raise SuiteError(f"--rerun: that was {was}; give it without --subset")
    if not earlier.subset:
        return None
    number, of = earlier.subset.split("/")
    return int(number), int(of)


def _check_writable(path: Path) -> None:
    """Raise StoreError for a file that can't be written; that must not show after an hour."""
    if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreError(
            f"{path} can't be written; --junit needs a file in a directory that is there"
        )


def show_end(screen: Screen, summary: Summary, rows: Rows, folder: Path) -> None:
    """Print what stands below the rows: gates, the worst of all, where the summary lies, and the failures."""
    if summary.missing:
        screen.say(f"not reached by the whole suite: {', '.join(summary.missing)}", "red")
    if summary.subset and summary.wanted:
        screen.say("gates of the whole suite are not judged in a part of it", "dim")
    code = summary.code
    part = f", part {summary.subset}" if summary.subset else ""
    facets = list(summary.facets)
    total = total_line(facets, len(facets), code, summary.seconds, len(summary.missing))
    style = "bold green" if code == 0 else "bold red"
    screen.verdict(f"{total}   suite {summary.suite}{part}", style)
    screen.say(f"summary: {folder / SUMMARY}")
    if summary.missing and summary.passed == len(facets):
        # Run again, each facet would be taken over, and the gate missed again.
        screen.say("all facets are as expected; raise the facets' seeds, or lower the gate")
    elif code:
        again = f"{summary.again} --rerun {shlex.quote(str(folder))}"
        screen.say(f"rerun the facets that were not as expected: {again}")
    rows.show_failures()
