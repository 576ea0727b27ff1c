"""``raidstorm suite``."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.campaigns.campaign import Report
from chaos.campaigns.catalog import find_suite
from chaos.campaigns.junit import write_junit
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
from chaos.checkers.finding import NAMES
from chaos.cli.campaigns import campaigns_on, looked_up, show_canaries
from chaos.cli.cluster import cluster_option, open_cluster
from chaos.cli.completion import complete_suites
from chaos.cli.parameters import Catalog, command_name
from chaos.cli.screen import Screen
from chaos.store.store import Store, StoreError, now_stamp

RUNS = Path("runs")
LATEST = "latest-suite"
SIGNATURES_MAX = 2  # shown of a facet


class Subset(click.ParamType[tuple[int, int]]):
    """A part of a suite: ``2/3`` is the second of three."""

    name = "subset"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Which part, of how many."""
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", str(value))
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is not a part; 2/3 is the second of three parts", param, ctx)
        return int(match[1]), int(match[2])


@click.command("suite")
@click.argument(
    "name", metavar="NAME|module:NAME|FILE.py|FILE.toml", shell_complete=complete_suites
)
@click.option(
    "--subset",
    "part",
    type=Subset(),
    metavar="I/N",
    help="Run the I-th of N parts. The parts are always the same, have no facet in common, are together the "
    "whole suite, and last about equally long. Gates of the whole suite aren't judged in a part of it.",
)
@click.option(
    "--rerun",
    metavar="DIR",
    help="Run again what was not as it must be in DIR, the directory of an earlier run of this suite: facets "
    "that failed, were interrupted or not run, or are others by now. The rest is taken over. The seeds that failed "
    "(at most 20) are run first; if one fails still, the facet ends there; if none does, the whole facet is run.",
)
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True)
@cluster_option
@click.option(
    "--out", metavar="DIR", help="Where its summary and failing runs are kept.  [runs/NAME/<time>]"
)
@click.option(
    "--junit", metavar="FILE", help="Write JUnit XML: a test case per facet, never per seed."
)
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def suite_command(
    catalog: Catalog,
    name: str,
    part: tuple[int, int] | None,
    rerun: str | None,
    jobs: int,
    cluster: str | None,
    out: str | None,
    junit: str | None,
    output: str,
) -> int:
    """Run a suite: experiments times facets, each with a budget, a way it must end, and gates to reach.

    summary.json in its directory is written after each facet, so that a suite that is killed leaves what it has.
    The exit code is that of the worst facet; a facet that must fail and doesn't, and a gate that was not reached,
    count as 7. Ctrl-C ends the suite, writes summary and JUnit all the same, and exits with 130.
    """
    suite = find_suite(name, catalog.experiments, catalog.suites)
    if rerun is not None:
        rerun = _itself(rerun)
    earlier = read_summary(Path(rerun)) if rerun is not None else None
    if earlier is not None:
        part = _same_subset(suite, earlier, part)
    facets = facets_of(suite)
    facets = facets if part is None else subset(facets, *part)
    folder = Path(out) if out else _folder_of_its_own(suite)
    parts = looked_up(catalog, facets, jobs, str(folder))
    store = Store(folder)
    if not out:
        Store(RUNS).point(LATEST, folder)
    _check_writable(junit)
    interrupt = Interrupt()
    interrupt.install()
    screen = Screen(quiet=output == "json")
    head = head_of(
        suite,
        again=f"{command_name()} suite {shlex.quote(name)}",
        subset="" if part is None else f"{part[0]}/{part[1]}",
        rerun_of=rerun or "",
    )
    before = earlier_outcomes(earlier, Path(rerun)) if earlier is not None and rerun else {}
    running = _Running(store.root, head, parts, None if junit is None else Path(junit))
    ended: list[tuple[FacetOutcome, Report]] = []
    broken = True
    try:
        with open_cluster(cluster, (one.facet.driver for one in parts)) as workers:
            run = campaigns_on(screen, interrupt, workers.pool if workers else None)
            for one, report, outcome in run_parts(parts, interrupt, run, before):
                running.end(outcome)
                if report is None:
                    screen.say()
                    where = outcome.taken_over_from
                    screen.say(f"{one.facet.name}: as it must be, in {where}", "dim")
                else:
                    ended.append((outcome, report))
        broken = False
    except KeyboardInterrupt:
        # Between two campaigns; whatever has run is reported.
        interrupt.requested, broken = True, False
    finally:
        summary = running.close(interrupted=interrupt.requested, broken=broken)
    if output == "json":
        sys.stdout.buffer.write(msgspec.json.encode(summary) + b"\n")
        sys.stdout.flush()
    else:
        show_summary(screen, summary, running.folder)
        if not interrupt.requested:
            show_canaries(screen, ended, interrupt)
    return summary.code


class _Running:
    """The summary of a suite under way, on disk after each facet."""

    def __init__(self, folder: Path, head: Summary, parts: Sequence[Part], junit: Path | None):
        self.folder = folder
        self.head = head
        self.junit = junit
        self.outcomes = {part.facet.name: not_run(part) for part in parts}
        self.write(finished=False, interrupted=False)

    def end(self, outcome: FacetOutcome) -> None:
        """A facet has come to its end."""
        self.outcomes[outcome.name] = outcome
        self.write(finished=False, interrupted=False)

    def close(self, *, interrupted: bool, broken: bool) -> Summary:
        """The suite has come to its end, one way or the other; JUnit is written now."""
        summary = self.write(finished=not broken, interrupted=interrupted)
        if self.junit is not None:
            write_junit(self.junit, summary)
        return summary

    def write(self, *, finished: bool, interrupted: bool) -> Summary:
        """The summary as it is now."""
        summary = summed(
            self.head, list(self.outcomes.values()), finished=finished, interrupted=interrupted
        )
        write_summary(self.folder, summary)
        return summary


def _folder_of_its_own(suite: Suite) -> Path:
    """Where nothing is yet; two suites may start within a second."""
    first = RUNS / suite.name / now_stamp()
    attempts = itertools.count(2)
    path = first
    while path.exists():
        path = first.with_name(f"{first.name}.{next(attempts)}")
    return path


def _itself(directory: str) -> str:
    """What a link leads to: by the end of this suite ``latest-suite`` is another one."""
    path = Path(directory)
    return os.path.relpath(path.resolve()) if path.is_symlink() else directory


def _same_subset(
    suite: Suite, earlier: Summary, part: tuple[int, int] | None
) -> tuple[int, int] | None:
    """What is run again is the part that was run, and of the same suite."""
    if earlier.suite != suite.name:
        raise SuiteError(f"--rerun: that was the suite {earlier.suite}, and not {suite.name}")
    if part is not None and earlier.subset != f"{part[0]}/{part[1]}":
        was = f"part {earlier.subset}" if earlier.subset else "the whole suite"
        raise SuiteError(f"--rerun: that was {was}; give it without --subset")
    if not earlier.subset:
        return None
    number, of = earlier.subset.split("/")
    return int(number), int(of)


def _check_writable(junit: str | None) -> None:
    """A file that can't be written must not show after an hour."""
    if junit is None:
        return
    folder = Path(junit).parent
    if Path(junit).is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(
            f"{junit} can't be written; --junit needs a file in a directory that is there"
        )


def show_summary(screen: Screen, summary: Summary, folder: Path) -> None:
    """A line per facet, the worst of them, and where all of it lies."""
    screen.say()
    part = f", part {summary.subset}" if summary.subset else ""
    screen.say(f"suite {summary.suite}{part}:", "bold")
    width = max(len(one.name) for one in summary.facets)
    for one in summary.facets:
        screen.say(f"  {_state(one):<14} {one.name:<{width}}  {_remark(one)}", _STYLES[one.state])
    if summary.missing:
        screen.say(f"  not reached by the whole suite: {', '.join(summary.missing)}", "red")
    if summary.subset and summary.wanted:
        screen.say("  gates of the whole suite are not judged in a part of it", "dim")
    code = summary.code
    screen.say(
        f"{len(summary.facets)} facets: {_sum(summary)}", "bold green" if code == 0 else "bold red"
    )
    screen.say(f"summary: {folder / SUMMARY}")
    if code:
        screen.say(f"again, what was not as it must be: {_again(summary, folder)}")


_STYLES: Mapping[str, str | None] = {
    "passed": "green",
    "failed": "red",
    "interrupted": "yellow",
    "not run": "dim",
}


def _state(one: FacetOutcome) -> str:
    return NAMES[one.code] if one.state == "failed" else one.state


def _remark(one: FacetOutcome) -> str:
    if one.state == "not run":
        return ""
    if one.taken_over_from:
        return f"taken over from {one.taken_over_from}"
    runs = "1 run" if one.runs == 1 else f"{one.runs} runs"
    signatures = list(dict.fromkeys(failure.signature for failure in one.failures))
    shown = signatures[:SIGNATURES_MAX] if one.state != "passed" else []
    more = [f"and {len(signatures) - len(shown)} more"] if shown and shown != signatures else []
    # What is wrong in one word stands at the beginning of the line.
    reasons = [one.why, one.error] if one.why != _state(one) else [one.error]
    said = [reason for reason in (*reasons, *shown, *more) if reason]
    why = "".join(f"; {reason}" for reason in said)
    if one.state == "passed" and one.facet.expect_code:
        why = f"; {one.verdict}, as it must be"
    too_few = one.gate_not_judged and one.state == "passed" and not one.facet.expect_code
    judged = "; too few to judge the experiment's gates" if too_few else ""
    return f"{runs}, {one.seconds:.1f} s{why}{judged}"


def _sum(summary: Summary) -> str:
    code = summary.code
    if code == 0:
        return "all as they must be"
    counts = [f"{summary.passed} as they must be", f"{summary.failed} not"]
    if summary.not_run:
        counts.append(f"{summary.not_run} not run to the end")
    return f"{NAMES[code]}: {', '.join(counts)}"


def _again(summary: Summary, folder: Path) -> str:
    return f"{summary.again} --rerun {shlex.quote(str(folder))}"
