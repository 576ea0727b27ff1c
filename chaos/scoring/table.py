"""A score as a table for the terminal: one row per defect, the quickest found first, and the conditions of the search."""

from __future__ import annotations

from chaos.base.estimates import Quantile
from chaos.scoring.score import CLEAN, Broken, named
from chaos.scoring.scorecard import Change, CleanScore, DefectScore, Score

Line = tuple[str, str | None]  # text and style
GAP = "  "
BROKEN_SHOWN_MAX = 5
BEST_SIGNIFICANT = 2
NOTE = (
    "> x: stopped without a find, at x; such searches count as slower than any find. "
    "share: of schedules with a find."
)


def table_lines(score: Score) -> list[Line]:
    """Format the whole report, line by line."""
    rows = sorted(by_defect(score).items(), key=lambda item: speed(item[1][0]))
    lines: list[Line] = []
    if rows and len(score.strategies) == 1:
        lines += _one_arm(score, [defects[0] for _, defects in rows])
    elif rows:
        lines += _side_by_side(score, [defects for _, defects in rows])
    for strategy in score.strategies:
        lines.append(_found_line(score, strategy))
    for clean in score.clean:
        lines += _clean_lines(clean)
    if not score.clean:
        lines.append((f"{CLEAN}: not run, so nothing is known about false alarms", "yellow"))
    undecided = sum(defect.undecided for defect in score.defects)
    if undecided:
        lines.append(
            (f"undecided schedules with a defect: {undecided}; they count as no finds", "yellow")
        )
    lines.append((_work(score), "dim"))
    lines += _comparison_lines(score)
    lines += _broken_lines(score.broken)
    lines += [
        (f"different in the second run: {difference}", "red") for difference in score.differences
    ]
    if score.error:
        lines.append((score.error, "red"))
    if score.interrupted:
        lines.append(("interrupted; the table has the searches that had ended", "yellow"))
    return lines


def by_defect(score: Score) -> dict[str, list[DefectScore]]:
    """Group the scores by defect: one per strategy."""
    grouped: dict[str, list[DefectScore]] = {}
    for defect in score.defects:
        grouped.setdefault(defect.id, []).append(defect)
    return grouped


def speed(defect: DefectScore) -> tuple[bool, float, float, str]:
    """Return a sort key: the quickest found first."""
    p50 = defect.seconds.p50
    seconds = p50.value if p50.value is not None else p50.above or 0.0
    # Among missed defects, those that some range has found come first.
    return (not defect.found, -defect.ranges_found if not defect.found else 0, seconds, defect.id)


def _one_arm(score: Score, defects: list[DefectScore]) -> list[Line]:
    head = [
        "defect",
        "found",
        "share",
        "(95 %)",
        "schedules p50",
        "p90",
        "seconds p50",
        "p90",
        "check",
    ]
    changes = {}
    if score.comparison is not None:
        head.append("before: found, seconds p50, share")
        changes = {change.id: change for change in score.comparison.changes}
    rows = [_row(defect) for defect in defects]
    if score.comparison is not None:
        for defect, row in zip(defects, rows, strict=True):
            row.append(_before(changes.get(defect.id)))
    styles = [None if defect.found else "red" for defect in defects]
    return [*_columns(head, rows, styles), (NOTE, "dim")]


def _row(defect: DefectScore) -> list[str]:
    return [
        defect.id,
        found_share(defect),
        _percent(defect.share) if defect.ranges_found else "-",
        f"{_percent(defect.share_low)}-{_percent(defect.share_high)}",
        quantile_text(defect.schedules.p50),
        quantile_text(defect.schedules.p90),
        quantile_text(defect.seconds.p50),
        quantile_text(defect.seconds.p90),
        _checks(defect),
    ]


def _side_by_side(score: Score, rows: list[list[DefectScore]]) -> list[Line]:
    """Format a block of columns per strategy: the number of ranges with a find, and the median seconds."""
    head = ["defect"]
    for strategy in score.strategies:
        head += [strategy or "as drawn", "s p50"]
    cells = []
    for defects in rows:
        row = [defects[0].id]
        known = {defect.strategy: defect for defect in defects}
        for strategy in score.strategies:
            defect = known.get(strategy)
            row += (
                ["", ""]
                if defect is None
                else [found_share(defect), quantile_text(defect.seconds.p50)]
            )
        cells.append(row)
    styles = [None if any(defect.found for defect in defects) else "red" for defects in rows]
    return [*_columns(head, cells, styles), (NOTE, "dim")]


def _columns(head: list[str], rows: list[list[str]], styles: list[str | None]) -> list[Line]:
    """Align names left and numbers right; the last column may have any length."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(row: list[str]) -> str:
        cells = [
            cell.ljust(width) if column == 0 or not _is_number(head[column]) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return GAP.join(cells).rstrip()

    return [
        (line(head), "bold"),
        *((line(row), style) for row, style in zip(rows, styles, strict=True)),
    ]


def _is_number(heading: str) -> bool:
    return not heading.startswith(("check", "before"))


def found_share(defect: DefectScore) -> str:
    """Format the number of ranges with a find, and of all ranges."""
    return f"{defect.ranges_found}/{defect.ranges}"


def _checks(defect: DefectScore) -> str:
    if len(defect.checks) < 2:
        return defect.check or "-"
    return ", ".join(f"{check} {count}" for check, count in defect.checks.items())


def quantile_text(value: Quantile) -> str:
    """Format a value, or the lower bound of a censored one."""
    if value.value is None:
        return f"> {_number(value.above or 0.0)}"
    return _number(value.value)


def _number(value: float) -> str:
    """Format seconds with their significant digits, and counts as integers."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _percent(share: float) -> str:
    percent = 100 * share
    if percent >= 10 or percent == 0:
        return f"{percent:.0f}%"
    return f"{percent:.{BEST_SIGNIFICANT}g}%"


def _before(change: Change | None) -> str:
    if change is None:
        return "-"
    was = "found" if change.was_found else "missed"
    return f"{was}, {quantile_text(change.seconds_p50_before)}, {_percent(change.share_before)}"


def _found_line(score: Score, strategy: str | None) -> Line:
    defects = [defect for defect in score.defects if defect.strategy == strategy]
    found = [defect for defect in defects if defect.found]
    missed = [defect.id for defect in defects if not defect.found]
    searches = sum(defect.ranges for defect in defects)
    with_find = sum(defect.ranges_found for defect in defects)
    text = (
        f"found in at least half of the ranges: {len(found)} of {len(defects)} defects, "
        f"by {with_find} of {searches} searches"
    )
    if strategy is not None:
        text = f"{strategy}: {text}"
    if len(found) > 1:
        slowest = max(found, key=speed)
        text += f"; the slowest, {slowest.id}, in {quantile_text(slowest.seconds.p50)} s (median)"
    if missed:
        text += "; missed: " + ", ".join(missed)
    return (text, "red" if missed else "green")


def _clean_lines(clean: CleanScore) -> list[Line]:
    text = f"{named(CLEAN, clean.strategy)}, same seeds: {clean.red} red in {clean.schedules} schedules"
    if clean.rate_below is not None:
        text += f"; the rate of false alarms is below {_percent(clean.rate_below)} (95 %)"
    if clean.undecided:
        text += f"; {clean.undecided} undecided"
    style = "red" if clean.red else "yellow" if clean.undecided else "green"
    lines: list[Line] = [(text, style)]
    for red in clean.reds:
        lines.append((f"  seed {red.seed}: {red.verdict}, {red.signature}: {red.summary}", "red"))
        if red.replay:
            lines.append((f"  replay: {red.replay}", "bold"))
    return lines


def _broken_lines(broken: list[Broken]) -> list[Line]:
    if not broken:
        return []
    text = f"runs in which raidstorm itself broke: {len(broken)}; they count as no finds; please report them"
    shown = broken[:BROKEN_SHOWN_MAX]
    return [
        (text, "red"),
        *((f"  {run.search}, seed {run.seed}: {run.error}", "red") for run in shown),
    ]


def _work(score: Score) -> str:
    parts = [*score.defects]
    schedules = sum(part.schedules_run for part in parts) + sum(c.schedules for c in score.clean)
    steps = sum(part.steps_run for part in parts) + sum(c.steps for c in score.clean)
    seconds = sum(part.seconds_run for part in parts) + sum(c.seconds for c in score.clean)
    text = f"{schedules:,} schedules, {steps:,} steps: {seconds:.1f} s of one processor"
    if schedules and seconds:
        text += (
            f", {1_000 * seconds / schedules:.1f} ms per schedule, {steps / seconds:,.0f} steps/s"
        )
    return f"{text}; {score.wall_seconds:.1f} s of wall-clock time, jobs {score.jobs}"


def _comparison_lines(score: Score) -> list[Line]:
    comparison = score.comparison
    if comparison is None:
        return []
    lost = [named(change.id, change.strategy) for change in score.lost]
    gained = [
        named(change.id, change.strategy)
        for change in comparison.changes
        if change.is_found and not change.was_found
    ]
    lines: list[Line] = [
        (f"compared with {comparison.file}; rows in both: {len(comparison.changes)}", None)
    ]
    if lost:
        lines.append(("  found before, missed now: " + ", ".join(lost), "red"))
    else:
        lines.append(("  no defect that was found before is missed now", "green"))
    if gained:
        lines.append(("  missed before, found now: " + ", ".join(gained), "green"))
    lines += [_share_line(change) for change in comparison.changes if change.shares_differ]
    if comparison.only_before:
        lines.append(("  not scored now: " + ", ".join(comparison.only_before), "yellow"))
    if comparison.only_now:
        lines.append(("  not scored before: " + ", ".join(comparison.only_now), None))
    lines += [(f"  different conditions: {remark}", "yellow") for remark in comparison.remarks]
    return lines


def _share_line(change: Change) -> Line:
    rarer = change.share < change.share_before
    text = (
        f"  {'rarer' if rarer else 'more often'}, by more than chance: "
        f"{named(change.id, change.strategy)}, "
        f"{_percent(change.share_before)} then, {_percent(change.share)} now"
    )
    return (text, "yellow" if rarer else "green")
