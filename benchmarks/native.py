"""The speed of real SPDK under the controller: steps and seeds per second of processor time, on one core.

Ratios are to a bare loop that makes the same calls of the same object (bare_target.py), and to ``sim``.
"""

from __future__ import annotations

import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos.drivers.native.driver import NativeDriver
from chaos.drivers.native.opened import open_target, opened_for
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.targets import resolve_for
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS
from workers.native import host
from workers.native.host import CALL

EXPERIMENT = EXPERIMENTS["connect-during-rebuild"]
ROUNDS = 5
SEEDS = 40
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
Lives = list[tuple[int, list[bytes]]]


def native_figures() -> dict[str, float]:
    """Measure the tree that RAIDSTORM_SPDK names; without one, nothing."""
    tree = os.environ.get("RAIDSTORM_SPDK", "")
    if not tree:
        return {}
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # controller and target take turns
    target = open_target("spdk", tree)
    opened = opened_for(target)
    driver = NativeDriver(opened)
    sim = SimDriver()
    rounds = []
    for number in range(ROUNDS):
        seeds = range(number * SEEDS, (number + 1) * SEEDS)
        steps, seconds = _run(
            seeds,
            lambda seed: Controller(resolve_for(EXPERIMENT, seed, target), driver, ()).explore(
                seed
            ),
            opened.server.pid,
        )
        sim_steps, sim_seconds = _run(
            seeds,
            lambda seed: Controller(resolve_for(EXPERIMENT, seed, None), sim, ()).explore(seed),
            0,
        )
        calls, bare_seconds = _bare(opened.symbols.library, _recorded(driver, target, seeds))
        rounds.append(
            (
                steps / seconds,
                SEEDS / seconds,
                (steps / seconds) / (calls / bare_seconds),
                (steps / seconds) / (sim_steps / sim_seconds),
            )
        )
    driver.close()
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    return {
        "native_steps_per_second": round(medians[0]),
        "native_seeds_per_second": round(medians[1], 1),
        "native_to_bare_loop": round(medians[2], 3),
        "native_to_sim": round(medians[3], 3),
    }


def _run(seeds: range, explore: Callable[[int], Any], loader: int) -> tuple[int, float]:
    """Run and judge seeds; return their steps, and the processor time of this process and of the target's."""
    begun = time.process_time() + _of_lives(loader)
    steps = 0
    for seed in seeds:
        execution = explore(seed)
        judge(execution)
        steps += execution.steps
    return steps, time.process_time() + _of_lives(loader) - begun


def _of_lives(loader: int) -> float:
    """Return the processor time of the process that has loaded the target, and of all lives that it has ended."""
    if not loader:
        return 0.0
    fields = Path(f"/proc/{loader}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / CLOCK_TICKS


def _recorded(driver: NativeDriver, target: Any, seeds: range) -> Lives:
    """Run seeds, and return their calls, life by life."""
    lives: Lives = []
    life = driver.process
    call, is_new = life.call, True

    def recording(
        number: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, data: bytes = b""
    ) -> tuple[int, bytes]:
        nonlocal is_new
        if number == host.START:
            lives.append((os.fstat(life.media).st_size if is_new else 0, []))
            is_new = False
        lives[-1][1].append(CALL.pack(number, a, b, c, d, len(data)) + data)
        return call(number, a, b, c, d, data)

    life.call = recording  # type: ignore[method-assign]
    for seed in seeds:
        is_new = True
        Controller(resolve_for(EXPERIMENT, seed, target), driver, ()).explore(seed)
        if lives[-1][1]:
            lives[-1][1].pop()  # the census; or the call in which it crashed
    life.call = call  # type: ignore[method-assign]
    return lives


def _bare(library: Path, lives: Lives) -> tuple[int, float]:
    """Make the calls again, in a bare loop; return how many there were, and their processor time."""
    with tempfile.NamedTemporaryFile() as file:
        pickle.dump(lives, file)
        file.flush()
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-m", "benchmarks.bare_target", str(library), file.name],
            capture_output=True,
            text=True,
            check=True,
        )
    return sum(len(frames) for _, frames in lives), float(done.stdout)
