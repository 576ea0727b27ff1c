"""The size of each find of a score after shrinking: ``python -m benchmarks.shrinking SCORE.json [--finds N]``; prints JSON.

For the first N finds of each defect: the size after shrinking, and the work it took. The seconds are those of one
processor.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from chaos.drivers.sim import SimDriver
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.shrinking.minimal import minimize
from chaos.store.capsule import Capsule, capsule_defect
from chaos.store.version import tool_version
from experiments.catalog import EXPERIMENTS
from workers.defects.loader import compose
from workers.protocol import DefectSource

OUTSIDE_MAX = 25
CHOICES_MAX = 8


def shrunk(experiment: str, seed: int, defect: str, budget: float) -> dict[str, Any]:
    """Shrink one find."""
    sources = (DefectSource(defect),)
    compose(sources)
    plan = resolve(EXPERIMENTS[experiment], seed)
    execution = Controller(plan, SimDriver(), sources).explore(seed)
    capsule = Capsule(
        raidstorm_version=tool_version(),
        experiment=EXPERIMENTS[experiment],
        seed=seed,
        driver="sim",
        plan=plan,
        schedule=execution.schedule,
        defects=[capsule_defect(source) for source in sources],
    )
    begun = time.process_time()
    minimal = minimize(capsule, (), lambda: time.process_time() - begun > budget)
    return {
        "seed": seed,
        "signature": minimal.finding.signature,
        "outside": minimal.outside,
        "set_up": minimal.set_up,
        "choices": minimal.choices,
        "executions": minimal.executions,
        "seconds": round(time.process_time() - begun, 2),
    }


def main() -> None:
    """Shrink, print, sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("score", type=Path)
    parser.add_argument("--finds", type=int, default=1)
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--defect", action="append")
    options = parser.parse_args()
    score = msgspec.json.decode(options.score.read_bytes())
    rows: dict[str, list[dict[str, Any]]] = {}
    for entry in score["defects"]:
        if options.defect and entry["id"] not in options.defect:
            continue
        seeds = [one["found_seed"] for one in entry["searches"] if one["found_seed"] is not None]
        for seed in seeds[: options.finds]:
            row = shrunk(score["experiment"], seed, entry["id"], options.budget)
            rows.setdefault(entry["id"], []).append(row)
            sys.stderr.write(f"{entry['id']}: {row}\n")
    every = [row for found in rows.values() for row in found]
    summary = {
        "finds": len(every),
        "small": sum(
            row["outside"] <= OUTSIDE_MAX and row["choices"] <= CHOICES_MAX for row in every
        ),
        "seconds_p50": statistics.median(row["seconds"] for row in every),
    }
    sys.stdout.buffer.write(msgspec.json.encode({"summary": summary, "defects": rows}) + b"\n")


if __name__ == "__main__":
    main()
