"""A score beside an earlier one: what is lost, what is gained, and what was not measured alike."""

from __future__ import annotations

from chaos.scoring.score import named
from chaos.scoring.scorecard import Change, Comparison, DefectScore, Score


def compare(before: Score, now: Score, file: str) -> Comparison:
    """The defects of both scores side by side, each with its own way of searching."""
    earlier = {(defect.id, defect.strategy): defect for defect in before.defects}
    changes = []
    remarks = _unlike(before, now)
    for defect in now.defects:
        known = earlier.pop((defect.id, defect.strategy), None)
        if known is None:
            continue
        changes.append(_change(known, defect))
        if known.sha256 != defect.sha256:
            remarks.append(f"the defect {defect.id} is not what it was")
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
        ("seeds_max", "schedules of a search"),
        ("seconds_max", "seconds of a search"),
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
