"""Comparison of a score with an earlier one: losses, gains, and differences in the measurement."""

from __future__ import annotations

from chaos.scoring.score import named
from chaos.scoring.scorecard import Change, Comparison, DefectScore, Score


def compare(before: Score, now: Score, file: str) -> Comparison:
    """Compare the defects of both scores, per search strategy."""
    earlier = {(defect.id, defect.strategy): defect for defect in before.defects}
    changes = []
    remarks = _unlike(before, now)
    for defect in now.defects:
        known = earlier.pop((defect.id, defect.strategy), None)
        if known is None:
            continue
        changes.append(_change(known, defect))
        if known.sha256 != defect.sha256:
            remarks.append(f"the text of defect {defect.id} has changed")
    matched = [(change.id, change.strategy) for change in changes]
    return Comparison(
        file=file,
        changes=changes,
        only_before=[named(*key) for key in earlier],
        only_now=[
            named(defect.id, defect.strategy)
            for defect in now.defects
            if (defect.id, defect.strategy) not in matched
        ],
        remarks=remarks,
    )


def _change(before: DefectScore, now: DefectScore) -> Change:
    return Change(
        id=now.id,
        strategy=now.strategy,
        was_found=before.found,
        is_found=now.found,
        seconds_p50_before=before.seconds.p50,
        seconds_p50=now.seconds.p50,
        share_before=before.share,
        share=now.share,
        shares_differ=now.share_high < before.share_low or now.share_low > before.share_high,
    )


def _unlike(before: Score, now: Score) -> list[str]:
    remarks = []
    for field, what in (
        ("experiment", "experiment"),
        ("seeds_max", "schedules per search"),
        ("seconds_max", "seconds per search"),
        ("first_seeds", "ranges of seeds"),
    ):
        old, new = getattr(before, field), getattr(now, field)
        if old != new:
            if isinstance(old, list):
                old, new = len(old), len(new)
            remarks.append(f"{what}: {_bound(old)} then, {_bound(new)} now")
    if before.interrupted:
        remarks.append("the earlier score was interrupted")
    return remarks


def _bound(value: object) -> str:
    return "no bound" if value is None else str(value)
