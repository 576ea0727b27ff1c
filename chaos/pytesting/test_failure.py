"""A failure as a test prints it: the finding, the small story, and the lines to paste."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from chaos.campaigns.campaign import Failure, Report
from chaos.checkers import Finding, Verdict
from chaos.checkers.finding import NAMES
from chaos.explaining.in_place import shrink_run_dir
from chaos.plan.target_id import TargetKind
from chaos.replaying.replay import Replayed
from chaos.shrinking.shrinker import ShrinkError
from workers.protocol import DefectSource


class FailedError(Exception):
    """The test fails, and prints this text; ``properties`` are for its report in XML."""

    def __init__(self, text: str, properties: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(text)
        self.properties = properties


class Settings(msgspec.Struct, frozen=True):
    """The options of the test session: ``seeds`` and ``seed`` replace the test's own."""

    home: str  # files are named relative to this directory, and lines to paste are typed here
    out: str
    passing_out: Callable[[], str]  # the directory of failures that a test expects
    seeds: int | None
    seed: int | None
    shrink_seconds: float
    target: tuple[TargetKind, str] | None  # for the driver native; replaces the test's own
    default_target: tuple[TargetKind, str] | None
    program: str  # the command lines of raidstorm and of pytest
    pytest: str
    test: str


def run_failed(
    settings: Settings, report: Report, seeds: int, defects: tuple[DefectSource, ...], expect: int
) -> FailedError:
    """Write the failure of a campaign that hasn't ended with the code ``expect``."""
    code = report.exit_code or int(Verdict.NOT_EXERCISED)  # an expected failure wasn't found
    name = NAMES[code]
    heading = f"{name}: {report.experiment}, driver {report.driver}"
    ran = f"seeds {report.first_seed}..{report.first_seed + report.runs - 1}"
    if not report.failures:
        lines = [f"{heading}, {ran}{with_defects(defects)}"]
        lines += [f"not reached: {', '.join(report.missing)}"] if report.missing else []
        lines += [report.error] if report.error else []
        lines += [_expected(expect)] if expect else []
        return FailedError("\n".join(lines))
    failure = report.failures[0]
    lines = [
        f"{heading}, seed {failure.seed} (number {report.runs} of {seeds}){with_defects(defects)}",
        *([_expected(expect)] if expect else []),
        failure.signature,
        failure.summary,
        *_story(failure, settings),
        f"this seed alone: {settings.pytest} {shlex.quote(settings.test)} --raidstorm-seed {failure.seed}",
    ]
    return FailedError(
        "\n".join(lines),
        (("raidstorm_signature", failure.signature), ("raidstorm_replay", failure.replay)),
    )


def _story(failure: Failure, settings: Settings) -> list[str]:
    """Write the story of the failure, shrunk within the budget, or of the whole run."""
    begun = time.monotonic()
    budget = settings.shrink_seconds
    small = None
    why = ""
    if budget:
        try:
            small = shrink_run_dir(
                Path(failure.run_dir),
                settings.program,
                lambda: time.monotonic() - begun > budget,
            )
        except ShrinkError as error:
            why = f"not shrunk: {error}"
    if small is None:
        return [
            *(f"  {line}" for line in failure.story),
            *([why] if why else []),
            f"replay: {failure.replay}",
            f"timeline: {Path(failure.run_dir) / 'timeline.html'}",
        ]
    return [
        small.heading,
        *(f"  {line}" for line in small.report.story),
        f"replay: {small.replay}",
        f"the whole run: {failure.replay}",
        f"timeline: {small.timelines}",
    ]


def with_defects(defects: tuple[DefectSource, ...]) -> str:
    """Write the end of a heading."""
    return ", with defect " + ", ".join(defect.id for defect in defects) if defects else ""


def _expected(code: int) -> str:
    return f"it must end with exit code {code} ({NAMES[code]}), but doesn't"


def replay_failed(heading: str, replayed: Replayed, expect: int, replay: str) -> FailedError:
    """Write the failure of a scenario or a replay that hasn't ended with the code ``expect``."""
    lines = [f"{NAMES[replayed.verdict or Verdict.NOT_EXERCISED]}: {heading}"]
    lines += [_expected(expect)] if expect else []
    if replayed.divergence:
        lines.append(f"its steps no longer apply: {replayed.divergence}")
    first: Finding | None = replayed.findings[0] if replayed.findings else None
    if first is not None:
        lines += [first.signature, first.summary, *(f"  {line}" for line in replayed.story)]
    lines.append(f"replay: {replay}")
    signature = first.signature if first is not None else ""
    return FailedError(
        "\n".join(lines), (("raidstorm_signature", signature), ("raidstorm_replay", replay))
    )
