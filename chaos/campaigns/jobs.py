"""Seeds as tasks: what a process of a pool runs, and keeps from task to task."""

from __future__ import annotations

from multiprocessing.util import Finalize
from pathlib import Path

import msgspec

from chaos.base.interrupt import InterruptedRunError
from chaos.base.process_pool import is_stopped
from chaos.campaigns.runner import Runner, RunResult, RunSpec
from chaos.store.store import Store


class Job(msgspec.Struct, frozen=True):
    """Seeds of one spec."""

    spec: RunSpec
    seeds: tuple[int, ...]


def run_job(job: Job) -> list[RunResult]:
    """The runs, in the order of their seeds; fewer when it was asked to end early."""
    return run_seeds(runner_of(job.spec), job.seeds)


def run_seeds(runner: Runner, seeds: tuple[int, ...]) -> list[RunResult]:
    """As ``run_job``, with a runner of one's own."""
    results: list[RunResult] = []
    for seed in seeds:
        if is_stopped():
            break
        try:
            results.append(runner.run_seed(seed))
        except InterruptedRunError:
            break
    return results


# A process keeps one runner a driver, and so its reactors, from task to task, and one store a directory, which counts
# what it keeps.
_runners: dict[str, tuple[bytes, Runner]] = {}
_stores: dict[str, Store] = {}


def runner_of(spec: RunSpec, store: Store | None = None) -> Runner:
    """This process's runner of the spec; ``store``: where it keeps things, when that is not all of ``spec.out``."""
    key = msgspec.msgpack.encode(spec)
    known = _runners.get(spec.driver)
    if known is not None and known[0] == key:
        return known[1]
    if known is None and not _runners:
        # Before the process waits for its own children, end them.
        Finalize(None, close_runners, exitpriority=100)
    if known is not None:
        known[1].close()
    store = _stores.setdefault(spec.out, store or Store(Path(spec.out)))
    runner = Runner(spec, store, is_stopped)
    _runners[spec.driver] = (key, runner)
    return runner


def close_runners() -> None:
    """End this process's drivers, and with them their reactors."""
    while _runners:
        _runners.popitem()[1][1].close()
