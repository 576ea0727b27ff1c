"""Seeds as tasks: the functions that a process of a pool runs, and the objects that it keeps from task to task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from chaos.base.interrupt import InterruptedRunError
from chaos.base.job_process import JobProcess
from chaos.campaigns.runner import Runner, RunResult, RunSpec, unwritten
from chaos.store.store import Store, StoreError


class Job(msgspec.Struct, frozen=True):
    """Seeds of one spec."""

    spec: RunSpec
    seeds: tuple[int, ...]
    stop_on_first: bool = False  # the first failure is the last run


def run_job(process: JobProcess, job: Job) -> list[RunResult]:
    """Run the seeds in their order; run fewer after a request to end early."""
    return run_seeds(process.of(Runners).get(job.spec), job)


def run_seeds(runner: Runner, job: Job) -> list[RunResult]:
    """Run seeds as ``run_job`` does, with a runner that the caller owns."""
    results: list[RunResult] = []
    for seed in job.seeds:
        if runner.is_stopped():
            break
        try:
            results.append(runner.run_seed(seed))
        except InterruptedRunError:
            break
        except StoreError as error:
            # The results before it must not be lost.
            results.append(unwritten(seed, error))
            break
        if job.stop_on_first and results[-1].is_failure:
            break
    return results


class Runners:
    """A process's runners, one for each driver, so that its reactors live from task to task.

    It also has the process's stores, one for each directory, since a store counts the runs that it keeps.
    """

    def __init__(self, is_stopped: Callable[[], bool]) -> None:
        self.is_stopped = is_stopped
        self._runners: dict[str, Runner] = {}
        self._stores: dict[str, Store] = {}

    def get(self, spec: RunSpec, store: Store | None = None) -> Runner:
        """Return the runner of the spec; ``store`` replaces ``spec.out`` as the place of its runs."""
        known = self._runners.get(spec.driver)
        if known is not None:
            if known.spec == spec:
                return known
            known.close()
        store = self._stores.setdefault(spec.out, store or Store(Path(spec.out)))
        runner = self._runners[spec.driver] = Runner(spec, store, self.is_stopped)
        return runner

    def close(self) -> None:
        """End the drivers, and with them their reactors."""
        while self._runners:
            self._runners.popitem()[1].close()
