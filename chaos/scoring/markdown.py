"""A score as a Markdown table, for the documentation: a row per defect, a column per strategy."""

from __future__ import annotations

from collections.abc import Sequence

from chaos.scoring.scorecard import DefectScore, Score
from chaos.scoring.table import by_defect, found_share, quantile_text, speed


def markdown_lines(score: Score) -> list[str]:
    """Format the number of ranges that find each defect, and the median seconds; the quickest defect first."""
    rows = sorted(by_defect(score).values(), key=lambda defects: speed(defects[0]))
    cells = [
        [f"`{defects[0].id}`", *(_cell(_of(defects, strategy)) for strategy in score.strategies)]
        for defects in rows
    ]
    head = ["defect", *(strategy or "as drawn" for strategy in score.strategies)]
    return [*table(head, [*cells, ["found", *_totals(score)]]), "", _bounds(score)]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Format a Markdown table."""
    return [_line(head), _line(["---"] * len(head)), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _of(defects: list[DefectScore], strategy: str | None) -> DefectScore | None:
    return next((defect for defect in defects if defect.strategy == strategy), None)


def _cell(defect: DefectScore | None) -> str:
    if defect is None:
        return ""
    return f"{found_share(defect)}, {quantile_text(defect.seconds.p50)}"


def _totals(score: Score) -> list[str]:
    totals = []
    for strategy in score.strategies:
        mine = [defect for defect in score.defects if defect.strategy == strategy]
        ranges = sum(defect.ranges_found for defect in mine)
        totals.append(f"{sum(defect.found for defect in mine)} defects, {ranges} searches")
    return totals


def _bounds(score: Score) -> str:
    bounds = []
    if score.seeds_max is not None:
        bounds.append(f"{score.seeds_max} schedules")
    if score.seconds_max is not None:
        bounds.append(f"{score.seconds_max:g} s of one processor")
    red = sum(clean.red for clean in score.clean)
    schedules = sum(clean.schedules for clean in score.clean)
    clean = f"{red} red of {schedules}" if score.clean else "not run"
    return (
        f"A cell has the number of ranges of seeds with a find, and the median of the seconds up to it. A search has at most "
        f"{' or '.join(bounds)}. The clean engine: {clean}. Commit {score.commit or 'unknown'}."
    )
