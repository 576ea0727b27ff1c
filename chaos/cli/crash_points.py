"""``raidstorm crash-points``: a restart after every write that a disk completed in a run."""

from __future__ import annotations

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.checkers import Verdict
from chaos.cli.parameters import INTERRUPTED, Catalog
from chaos.cli.screen import Screen, count
from chaos.cli.targets import recorded
from chaos.judging.crash_points import crash_points
from chaos.run.controller import DivergenceError
from chaos.store.capsule import Capsule

SHOWN_MAX = 10


class CrashPointArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    target: str
    allow_code: bool = False


class Judged(msgspec.Struct):
    """The crash points so far."""

    judged: int = 0
    skipped: int = 0  # no array should exist there
    findings: list[str] = []
    divergence: str = ""
    interrupted: bool = False

    @property
    def code(self) -> int:
        """Return the exit code."""
        if self.interrupted:
            return INTERRUPTED
        if self.divergence:
            return int(Verdict.NOT_EXERCISED)
        return int(Verdict.INVALID if self.findings else Verdict.VALID)


def run(catalog: Catalog, arguments: CrashPointArguments) -> int:
    """Judge the crash points of a run, print what was found, and return the exit code."""
    interrupt = Interrupt()
    screen = Screen()
    capsule = recorded(catalog, arguments.target, allow_code=arguments.allow_code)
    if not capsule.plan.superblock:
        raise click.UsageError(
            f"{arguments.target} has an array without superblock: nothing can assemble it"
        )
    interrupt.install()
    judged = execute(capsule, screen, interrupt)
    _show(screen, capsule, judged)
    return judged.code


def execute(capsule: Capsule, screen: Screen, interrupt: Interrupt) -> Judged:
    """Crash and restart at one point after the other."""
    judged = Judged(findings=[])
    with screen.progress("crash points") as bar:
        try:
            for point in crash_points(
                capsule.plan, capsule.schedule or [], capsule.defect_sources()
            ):
                if interrupt.requested:
                    judged.interrupted = True
                    break
                judged.judged += point.was_judged
                judged.skipped += not point.was_judged
                judged.findings += [f"after step {point.step}: {one}" for one in point.findings]
                bar.describe(f"crash points: {judged.judged}, {len(judged.findings)} findings")
        except DivergenceError as error:
            judged.divergence = str(error)
    return judged


def _show(screen: Screen, capsule: Capsule, judged: Judged) -> None:
    word = "STOP" if judged.interrupted else "FAIL" if judged.code else "PASS"
    if judged.divergence:
        what = "the recorded steps no longer apply"
    else:
        what = (
            f"{count(judged.judged, 'crash point')} judged, {count(len(judged.findings), 'finding')}; "
            f"{judged.skipped} left out (no array should exist there)"
        )
    screen.verdict(
        f"{word}  {capsule.experiment.name}  seed {capsule.seed}   {what}",
        "red" if judged.code else "green",
    )
    if judged.divergence:
        screen.say(f"  {judged.divergence}", "red")
    for finding in judged.findings[:SHOWN_MAX]:
        screen.say(f"  {finding}", "red")
    more = len(judged.findings) - SHOWN_MAX
    if more > 0:
        screen.say(f"  and {more} more")
