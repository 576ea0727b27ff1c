"""Tasks over processes: submitted to an executor, a bounded number at a time, and none lost when a process is.

A task is a function of a module and one argument that can be pickled; on every executor, the same argument gives the
same result. The function also gets the objects that its process keeps from task to task (``JobProcess``). The local
executor is a pool of this machine's processes; ``chaos.clustering.dask_cluster`` has another one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, Protocol

from chaos.base.interrupt import Interrupt, shielded
from chaos.base.job_process import TaskFunction, run_task, start_process

WAIT_SECONDS = 0.2
INTERRUPT_SECONDS_MAX = 10.0  # a task stops its run sooner; one that is stuck is killed
LOST_MAX = 2
LOST = "a job process was killed from outside, twice"


class TaskLostError(Exception):
    """A task's process is gone; the pool and its other tasks continue."""


class Pool(Protocol):
    """An executor with the other operations that its owner needs."""

    width: int  # how many tasks run at once

    def submit(self, function: TaskFunction, argument: Any) -> Future[Any]:
        """Submit a task; raise BrokenProcessPool when a process has been killed."""

    def stop(self) -> None:
        """Ask the running tasks to end early."""

    def reopen(self) -> None:
        """Start again after BrokenProcessPool."""

    def close(self, *, now: bool) -> None:
        """End the processes; ``now``: also those that run a task."""


class Task(NamedTuple):
    """A function with its argument."""

    function: TaskFunction
    argument: Any


class Ended(NamedTuple):
    """A task that is over: with its result, or lost with its process."""

    task: Task
    result: Any
    is_lost: bool


class TaskPool:
    """The tasks that have been submitted to a pool and have not ended."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.running: dict[Future[Any], Task] = {}
        self._broken = False

    @property
    def has_room(self) -> bool:
        """Return whether to submit another task: each process has its next one ready."""
        return not self._broken and len(self.running) < 2 * self.pool.width

    def submit(self, task: Task) -> None:
        """Submit a task; if the pool takes no more tasks, it ends as lost."""
        with shielded():
            try:
                future = self.pool.submit(task.function, task.argument)
            except BrokenProcessPool as error:
                future = Future()
                future.set_exception(error)
        self.running[future] = task

    def ended(self, seconds: float = WAIT_SECONDS) -> list[Ended]:
        """Return the ended tasks, in the order of their submission; wait at most this long for one.

        An exception of a task is raised here.
        """
        wait(self.running, seconds, FIRST_COMPLETED)
        ended = self._collected()
        if self._broken:
            # When one process dies, the others are ended and their tasks are lost; tasks that had ended before are not.
            wait(self.running)
            ended += self._collected()
            self.pool.reopen()
            self._broken = False
        return ended

    def _collected(self) -> list[Ended]:
        ended = []
        for future in [future for future in self.running if future.done()]:
            task = self.running.pop(future)
            try:
                ended.append(Ended(task, future.result(), is_lost=False))
            except BrokenProcessPool:
                self._broken = True
                ended.append(Ended(task, None, is_lost=True))
            except TaskLostError:
                ended.append(Ended(task, None, is_lost=True))
        return ended

    def close(self) -> None:
        """End the pool; tasks that still run are not awaited."""
        self.pool.stop()
        self.pool.close(now=bool(self.running))
        self.running.clear()


def run_all(
    pool: Pool, take: Callable[[], Task | None], interrupt: Interrupt
) -> Generator[Ended, None, None]:
    """Run all tasks and yield them as they end; those lost with a process are run again, once.

    ``take`` gives the next one, or None: then there is none until another task has ended. After a request to stop, no
    task begins any more, and running tasks get some seconds. Raise BrokenProcessPool when processes are killed again.
    """
    task_pool = TaskPool(pool)
    again: list[Task] = []
    losses = 0
    asked_at: float | None = None
    try:
        while True:
            while task_pool.has_room and not interrupt.requested:
                task = again.pop(0) if again else take()
                if task is None:
                    break
                task_pool.submit(task)
            if not task_pool.running:
                return
            lost = []
            for ended in task_pool.ended():
                if ended.is_lost:
                    lost.append(ended.task)
                else:
                    yield ended
            if lost:
                losses += 1
                again += lost
                if losses == LOST_MAX:
                    raise BrokenProcessPool(LOST)
            if interrupt.requested:
                pool.stop()
                asked_at = asked_at or time.monotonic()
                if time.monotonic() - asked_at > INTERRUPT_SECONDS_MAX:
                    return
    finally:
        task_pool.close()


class LocalPool:
    """Processes of this machine, which end with this one, however it ends."""

    def __init__(self, jobs: int) -> None:
        self.width = jobs
        self._children: dict[int, BaseProcess] = {}  # all processes that it has had
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._executor = self._open()

    def _open(self) -> Executor:
        return ProcessPoolExecutor(
            self.width,
            mp_context=self._context,
            initializer=start_process,
            initargs=(os.getpid(), self._stop),
        )

    def submit(self, function: TaskFunction, argument: Any) -> Future[Any]:
        """Submit a task; raise BrokenProcessPool when a process has been killed."""
        future = self._executor.submit(run_task, function, argument)
        for child in multiprocessing.active_children():
            self._children[child.pid or 0] = child
        return future

    @property
    def pids(self) -> set[int]:
        """Return the ids of all processes that it has had; segments of the killed ones have to be removed."""
        return set(self._children)

    def culprits(self) -> set[int]:
        """Return the processes that ended by themselves or were killed from outside.

        When one of them goes, the executor ends all others by SIGTERM.
        """
        return {
            pid
            for pid, child in self._children.items()
            if child.exitcode not in (None, 0, -signal.SIGTERM)
        }

    def stop(self) -> None:
        """Ask the running tasks to end early."""
        self._stop.set()

    def reopen(self) -> None:
        """Start again after BrokenProcessPool."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._executor = self._open()

    def close(self, *, now: bool) -> None:
        """End the processes; ``now``: also those that run a task."""
        if now:
            # A stuck or abandoned task is killed: with a job process its reactors end.
            for child in multiprocessing.active_children():
                if child.pid in self._children:
                    child.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)


class ExecutorPool:
    """Any executor whose processes see the same files as this one.

    Its owner ends it. If it runs threads, only one: they would share a runner.
    """

    def __init__(self, executor: Executor, width: int) -> None:
        self.width = width
        self._executor = executor
        self._futures: list[Future[Any]] = []

    def submit(self, function: TaskFunction, argument: Any) -> Future[Any]:
        """Submit a task."""
        future = self._executor.submit(run_task, function, argument)
        self._futures = [known for known in self._futures if not known.done()]
        self._futures.append(future)
        return future

    def stop(self) -> None:
        """Do nothing, since not every executor can stop its tasks; they run to their end."""

    def reopen(self) -> None:
        """Do nothing, since its owner has opened it."""

    def close(self, *, now: bool) -> None:
        """Cancel the tasks that have not begun."""
        for future in self._futures:
            future.cancel()
