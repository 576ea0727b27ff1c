"""``make bench``: prints one JSON object. Each speed and its floor are measured in turn, and medians are compared."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time

import msgspec

from benchmarks.floor import floor_steps_per_second
from benchmarks.native import native_figures
from benchmarks.pingpong import PingPong
from benchmarks.registers import register_figures
from chaos.base.interrupt import Interrupt
from chaos.campaigns.campaign import CampaignRequest, run_campaign
from chaos.campaigns.runner import RunSpec
from chaos.drivers.lockstep import LockstepDriver
from chaos.drivers.make import make_driver
from chaos.drivers.sim import SimDriver
from chaos.judging.crash_points import crash_points
from chaos.judging.judge import judge
from chaos.judging.reach.count import count_reach
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS

EXPERIMENT = EXPERIMENTS["connect-during-rebuild"]
CRASHED = EXPERIMENTS["restart-from-superblock"]
CRASH_POINT_RUNS = 20
ROUNDS = 7
SIM_SEEDS = 30
LOCKSTEP_SEEDS = 6
PING_PONGS = 4_000
REALTIME_SECONDS = 8.0
JOBS_ROUNDS = 3
JOBS_SEEDS = 480
JOBS_WARM_UP = 64


def steps_per_second(driver: SimDriver | LockstepDriver, seeds: range) -> float:
    """Measure whole runs: resolved, run, judged, counted."""
    steps = 0
    begun = time.perf_counter()
    for seed in seeds:
        execution = Controller(resolve(EXPERIMENT, seed), driver, ()).explore(seed)
        assert not judge(execution), f"seed {seed} is not valid"
        count_reach(execution.history, execution.plan.layout)
        steps += execution.steps
    return steps / (time.perf_counter() - begun)


def sim_figures() -> dict[str, float]:
    """Measure steps per second in sim, as a ratio to the bare Python floor."""
    driver = SimDriver()
    steps_per_second(driver, range(5))
    pairs = []
    for number in range(ROUNDS):
        seeds = range(number * SIM_SEEDS, (number + 1) * SIM_SEEDS)
        pairs.append((floor_steps_per_second(100_000), steps_per_second(driver, seeds)))
    return {
        "floor_steps_per_second": round(statistics.median(floor for floor, _ in pairs)),
        "sim_steps_per_second": round(statistics.median(sim for _, sim in pairs)),
        "sim_to_floor": round(statistics.median(sim / floor for floor, sim in pairs), 4),
    }


def lockstep_figures() -> dict[str, float]:
    """Measure steps per second in lockstep, as a ratio to a plain ping-pong."""
    driver = make_driver("lockstep", EXPERIMENT)
    assert isinstance(driver, LockstepDriver), "lockstep was asked for"
    partner = PingPong()
    try:
        steps_per_second(driver, range(2))
        partner.per_second(PING_PONGS)
        pairs = []
        for number in range(ROUNDS):
            seeds = range(number * LOCKSTEP_SEEDS, (number + 1) * LOCKSTEP_SEEDS)
            pairs.append((partner.per_second(PING_PONGS), steps_per_second(driver, seeds)))
    finally:
        partner.close()
        driver.close()
    return {
        "ping_pongs_per_second": round(statistics.median(floor for floor, _ in pairs)),
        "lockstep_steps_per_second": round(statistics.median(speed for _, speed in pairs)),
        "lockstep_to_ping_pong": round(statistics.median(s / floor for floor, s in pairs), 4),
    }


def seeds_per_second() -> dict[str, float]:
    """Measure whole campaigns as a user runs them, including their files."""
    figures = {}
    wanted = {"sim": (200, None), "lockstep": (15, None), "realtime": (None, REALTIME_SECONDS)}
    for driver, (seeds, seconds) in wanted.items():
        with tempfile.TemporaryDirectory() as out:
            spec = RunSpec(
                experiment=EXPERIMENT,
                driver=driver,
                defects=(),
                defect_arguments=(),
                experiment_argument=EXPERIMENT.name,
                program="raidstorm",
                out=out,
            )
            request = CampaignRequest(
                spec=spec,
                first_seed=0,
                seeds=seeds,
                seconds=seconds,
                jobs=1,
                stop_on_first=False,
            )
            report = run_campaign(request, Interrupt(), lambda _: None)
            assert report.exit_code == 0, f"{driver}: {report.failures}"
            figures[f"{driver}_seeds_per_second"] = round(report.runs / report.seconds, 2)
    return figures


def jobs_figures() -> dict[str, float]:
    """Measure seeds per second of two jobs as a ratio to one, in turn; the pool's start doesn't count."""
    pairs = []
    for number in range(JOBS_ROUNDS):
        one, two = (campaign_speed(number * JOBS_SEEDS, jobs) for jobs in (1, 2))
        pairs.append((one, two))
    return {
        "one_job_seeds_per_second": round(statistics.median(one for one, _ in pairs), 1),
        "two_jobs_seeds_per_second": round(statistics.median(two for _, two in pairs), 1),
        "two_jobs_to_one": round(statistics.median(two / one for one, two in pairs), 3),
    }


def campaign_speed(first_seed: int, jobs: int) -> float:
    """Measure from the first results on, since the start of processes doesn't matter in a campaign of hours."""
    with tempfile.TemporaryDirectory() as out:
        request = CampaignRequest(
            spec=RunSpec(EXPERIMENT, "sim", (), (), EXPERIMENT.name, "raidstorm", out),
            first_seed=first_seed,
            seeds=JOBS_SEEDS,
            seconds=None,
            jobs=jobs,
            stop_on_first=False,
        )
        moments: list[float] = []
        report = run_campaign(request, Interrupt(), lambda _: moments.append(time.perf_counter()))
        assert report.exit_code == 0, report.failures
    # Results come in chunks over a pool, so those that come together with the first one don't count either.
    begun = moments[JOBS_WARM_UP - 1]
    return (len(moments) - JOBS_WARM_UP) / (moments[-1] - begun)


def history_figures() -> dict[str, float]:
    """Measure the bytes of history.jsonl per step."""
    driver = SimDriver()
    written = steps = 0
    for seed in range(30):
        execution = Controller(resolve(EXPERIMENT, seed), driver, ()).explore(seed)
        written += sum(len(msgspec.json.encode(entry)) + 1 for entry in execution.history)
        steps += execution.steps
    return {"history_bytes_per_step": round(written / steps, 1)}


def crash_point_figures() -> dict[str, float]:
    """Measure prefixes of recorded runs that are assembled and judged per second."""
    driver = SimDriver()
    plans = [(seed, resolve(CRASHED, seed)) for seed in range(CRASH_POINT_RUNS)]
    runs = [
        (plan, Controller(plan, driver, ()).explore(seed).schedule)
        for seed, plan in plans
        if plan.superblock
    ]
    begun = time.perf_counter()
    points = sum(1 for plan, schedule in runs for _ in crash_points(plan, schedule, ()))
    seconds = time.perf_counter() - begun
    return {"crash_points": points, "crash_points_per_second": round(points / seconds)}


def main() -> None:
    """Measure and print."""
    figures: dict[str, object] = {
        "experiment": EXPERIMENT.name,
        "python": sys.version.split()[0],
        "cores": len(os.sched_getaffinity(0)),
    }
    measures = (
        sim_figures,
        lockstep_figures,
        seeds_per_second,
        jobs_figures,
        history_figures,
        crash_point_figures,
        register_figures,
        native_figures,  # the last, since it stays on one core
    )
    for measure in measures:
        figures |= measure()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
