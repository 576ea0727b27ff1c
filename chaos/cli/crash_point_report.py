"""The report of ``raidstorm crash-points``, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from chaos.cli.crash_point_results import Found, Judged
from chaos.cli.screen import Screen, count
from chaos.judging.crash_points import PointKind
from chaos.showing.wording.places import named
from chaos.store.capsule import Capsule

SHOWN_MAX = 10


def show(screen: Screen, capsule: Capsule, seeds: int | None, judged: Judged) -> None:
    """Print the verdict, and a block for each finding; ``seeds`` is how many were asked for, from the capsule's on."""
    is_empty = not (judged.judged or judged.divergence or judged.interrupted)
    word = (
        "STOP" if judged.interrupted else "SKIP" if is_empty else "FAIL" if judged.code else "PASS"
    )
    which, what = f"seed {capsule.seed}", _what(judged)
    if seeds is not None:
        which = f"seeds {capsule.seed}-{capsule.seed + seeds - 1}"
        what = f"{count(judged.runs, 'run')}, {what}"
    defects = ", ".join(defect.id for defect in capsule.defects)
    with_defects = f", with {defects}" if defects else ""
    screen.verdict(
        f"{word}  {capsule.experiment.name}  {which}   {what}{with_defects}",
        "red" if judged.code else "green",
    )
    if is_empty:
        screen.say(
            "  no point could be judged; name a later step, or seeds whose arrays have superblocks"
        )
    if judged.divergence:
        screen.say(f"  the recorded steps no longer apply: {judged.divergence}", "red")
    for found in [*judged.found.values()][:SHOWN_MAX]:
        for line, style in _finding_lines(found, with_seed=seeds is not None):
            screen.say(line, style)
    more = len(judged.found) - SHOWN_MAX
    if more > 0:
        screen.say(f"  and {more} more")


def _what(judged: Judged) -> str:
    findings = count(len(judged.found), "finding")
    parts = [f"{count(judged.judged, 'crash point')}{_points_text(judged.points)}, {findings}"]
    if judged.left_out:
        parts.append(f"{judged.left_out:,} left out (no array should exist there)")
    if judged.without_superblock:
        parts.append(f"{count(judged.without_superblock, 'run')} without superblock left out")
    return "; ".join(parts)


def as_json(capsule: Capsule, seeds: int | None, judged: Judged) -> dict[str, Any]:
    """Return the report for a program."""
    return {
        "experiment": capsule.experiment.name,
        "seed": capsule.seed,
        "seeds": seeds or 1,
        "defects": [defect.id for defect in capsule.defects],
        "runs": judged.runs,
        "without_superblock": judged.without_superblock,
        "points": {kind.name.lower(): judged.points[kind] for kind in PointKind},
        "left_out": judged.left_out,
        "findings": [_finding_values(found) for found in judged.found.values()],
        "divergence": judged.divergence,
        "interrupted": judged.interrupted,
        "exit_code": judged.code,
    }


def _points_text(points: Counter[PointKind]) -> str:
    """Return how many points of each kind were tried, in brackets; "" for none."""
    parts = [f"{points[kind]:,} {kind.value}" for kind in PointKind if points[kind]]
    return f" ({', '.join(parts)})" if parts else ""


def _finding_lines(found: Found, *, with_seed: bool) -> Iterator[tuple[str, str | None]]:
    """Yield the lines of a finding, with their styles."""
    seed = f"seed {found.run.capsule.seed}, " if with_seed else ""
    yield f"  {seed}step {found.point.step}: {named(found.finding.text)}", "red"
    yield f"    killed {found.killed}", None
    if found.promised:
        yield f"    promised: {found.promised}", None
    if found.points > 1:
        yield f"    the same at {count(found.points - 1, 'later point')}", None
    yield f"    again: {found.again}", "bold"


def _finding_values(found: Found) -> dict[str, Any]:
    """Return a finding for a program."""
    promise = found.finding.promise
    return {
        "seed": found.run.capsule.seed,
        "step": found.point.step,
        "point": found.point.kind.name.lower(),
        "killed": found.killed,
        "text": found.finding.text,
        "verdict": found.finding.verdict.name.lower(),
        "promised": found.promised,
        "promised_op": None if promise is None else getattr(promise.request, "op", None),
        "promised_step": None if promise is None else promise.step,
        "points": found.points,
        "again": found.again,
    }
