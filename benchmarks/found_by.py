"""Makes ``experiments/found_by.py``: which experiments find which built-in defect, the quickest first.

``python -m benchmarks.found_by SCORE.json ...`` prints it from scores of single experiments, which are made by

    raidstorm score --experiment NAME --ranges 1 --seeds 50 --clean-seeds 0 --save NAME.json

An experiment counts when the first range of its score has a find within fifty schedules; other ranges are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

from chaos.scoring.scorecard import Score, read_score
from workers.defects.loader import known_defects

SEEDS = 50
HEAD = '''"""Which experiments find which built-in defect, the quickest first: what ``raidstorm list defects`` says of it.

Measured, and printed by ``python -m benchmarks.found_by``, which says how. ``swarm`` has ten ranges of up to a minute in
``benchmarks/results/score-0.2.0.json``; every other experiment had fifty seeds, from 10 000 000 on.
"""

from __future__ import annotations

FOUND_BY: dict[str, tuple[str, ...]] = {'''


def first_finds(score: Score, *, in_any_range: bool) -> dict[str, int]:
    """Return the defects that the experiment finds, each with the schedules it took."""
    first_seed = min(score.first_seeds)
    finds: dict[str, int] = {}
    for defect in score.defects:
        schedules = sorted(
            search.schedules
            for search in defect.searches
            if search.found_seed is not None
            and (in_any_range or (search.first_seed == first_seed and search.schedules <= SEEDS))
        )
        if schedules:
            finds[defect.id] = schedules[len(schedules) // 2]
    return finds


def table(scores: list[Score]) -> str:
    """Return the module's text."""
    finds = {
        one.experiment: first_finds(one, in_any_range=one.experiment == "swarm") for one in scores
    }
    lines = [HEAD]
    for defect in known_defects():
        by = sorted((found[defect], name) for name, found in finds.items() if defect in found)
        names = " ".join(f'"{name}",' for _, name in by)
        lines.append(f'    "{defect}": ({names}),')
    return "\n".join([*lines, "}"])


if __name__ == "__main__":
    print(table([read_score(Path(name)) for name in sys.argv[1:]]))
