"""``python -m benchmarks.tables SCORE.json``: makes the tables of docs/internals/defects.md and checkers.md from a score.

Both show the checks with a finding in each defect's finds: the first red run of each range of seeds.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from chaos.checkers import CHECKS
from chaos.scoring.markdown import table
from chaos.scoring.scorecard import DefectScore, Score, read_score
from workers.defects.loader import known_defects, summary
from workers.protocol import DefectSource

NONE = "–"


def caught_by(score: Score) -> list[str]:
    """Format each built-in defect, with the number of finds in which each check had a finding."""
    scored = {defect.id: defect for defect in score.defects if defect.strategy is None}
    rows = []
    for name in known_defects():
        finds = _finds(scored[name]) if name in scored else []
        counts = Counter(check for checks in finds for check in checks).most_common()
        cell = ", ".join(f"{check} {count}" for check, count in counts) or "not scored"
        rows.append([f"`{name}`", summary(DefectSource(name)).rstrip("."), cell])
    return table(["id", "what", "caught by"], rows)


def alone(score: Score) -> list[str]:
    """Format each check, with the defects in whose finds no other check had a finding: in all of them, in most."""
    rows = []
    for check in CHECKS:
        always, mostly = [], []
        for defect in score.defects:
            finds = _finds(defect) if defect.strategy is None else []
            count = sum(checks == (check,) for checks in finds)
            if finds and count == len(finds):
                always.append(f"`{defect.id}`")
            elif 2 * count > len(finds):
                mostly.append(f"`{defect.id}`")
        if always or mostly:
            rows.append([f"`{check}`", ", ".join(always) or NONE, ", ".join(mostly) or NONE])
    return table(["check", "alone in all", "alone in most"], rows)


def _finds(defect: DefectScore) -> list[tuple[str, ...]]:
    return [search.checks for search in defect.searches if search.checks]


def main(path: str) -> None:
    """Print both tables."""
    score = read_score(Path(path))
    print("\n".join([*caught_by(score), "", *alone(score)]))


if __name__ == "__main__":
    main(sys.argv[1])
