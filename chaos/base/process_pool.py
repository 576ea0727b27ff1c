"""Tasks over processes: handed to an executor, so many under way, and none lost when a process is.

A task is a function of a module and one argument that can be pickled; whatever executor runs it, the same argument
gives the same result. The local executor is a pool of this machine's processes; ``chaos.clustering.dask_cluster`` has another one.
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
from workers.main import die_with_parent

WAIT_SECONDS = 0.2
INTERRUPT_SECONDS_MAX = 10.0  # a task gives up its run before that; one that is stuck is ended
LOST_MAX = 2
LOST = "a job process was killed from outside, twice"


class TaskLostError(Exception):
    """One task's process is gone for good; the pool and its other tasks go on."""


class Stop(Protocol):
    """A wish to end early, of threads or of processes."""

    def is_set(self) -> bool:
        """Is it there?"""


class Pool(Protocol):
    """An executor, and what its owner must be able to do with it besides."""

    width: int  # how many tasks run at once

    def submit(self, function: Callable[[Any], Any], argument: Any) -> Future[Any]:
        """Hand over a task; raises BrokenProcessPool when a process has been killed."""

    def stop(self) -> None:
        """Ask the tasks under way to end early."""

    def reopen(self) -> None:
        """Start anew after BrokenProcessPool."""

    def close(self, *, now: bool) -> None:
        """End the processes; ``now``: also those at work."""


class Task(NamedTuple):
    """What was asked for."""

    function: Callable[[Any], Any]
    argument: Any


class Ended(NamedTuple):
    """A task that is over: with its result, or lost with its process."""

    task: Task
    result: Any
    is_lost: bool


class TaskPool:
    """The tasks under way in a pool."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.running: dict[Future[Any], Task] = {}
        self._broken = False

    @property
    def has_room(self) -> bool:
        """Is it time for another task? Each process has its next one at hand."""
        return not self._broken and len(self.running) < 2 * self.pool.width

    def submit(self, task: Task) -> None:
        """Hand it over; what the pool can't take any more comes back as lost."""
        with shielded():
            try:
                future = self.pool.submit(task.function, task.argument)
            except BrokenProcessPool as error:
                future = Future()
                future.set_exception(error)
        self.running[future] = task

    def ended(self, seconds: float = WAIT_SECONDS) -> list[Ended]:
        """The tasks that have ended, in the order of their submission; waits at most so long for one.

        What a task raised is raised here.
        """
        wait(self.running, seconds, FIRST_COMPLETED)
        ended = self._collected()
        if self._broken:
            # With one process all are gone, and with them what they had at hand; not what had ended before.
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
        """What is still under way is not waited for."""
        self.pool.stop()
        self.pool.close(now=bool(self.running))
        self.running.clear()


def run_all(
    pool: Pool, take: Callable[[], Task | None], interrupt: Interrupt
) -> Generator[Ended, None, None]:
    """All tasks, as they end; what was lost with a process is done again, once.

    ``take`` gives the next one; None: there is none now, and none will come but from what has not ended. When the user wants to stop, no more tasks are begun, and those under way get some seconds. Raises
    BrokenProcessPool when processes are killed again.
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


# In a process that runs tasks.

_stop: Stop | None = None  # it has no other place to keep things between tasks


def is_stopped() -> bool:
    """In a task: has its owner asked it to end early?"""
    return _stop is not None and _stop.is_set()


def obey(stop: Stop) -> None:
    """From now on, this is how this process's tasks are asked to end early."""
    global _stop
    _stop = stop


def _start(parent_pid: int, stop: Stop) -> None:
    die_with_parent(parent_pid)
    # Ctrl-C reaches the whole process group; the owner decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    obey(stop)


class LocalPool:
    """So many processes, which end with this one, however it ends."""

    def __init__(self, jobs: int) -> None:
        self.width = jobs
        self._children: dict[int, BaseProcess] = {}  # all it has had
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._executor = self._open()

    def _open(self) -> Executor:
        return ProcessPoolExecutor(
            self.width,
            mp_context=self._context,
            initializer=_start,
            initargs=(os.getpid(), self._stop),
        )

    def submit(self, function: Callable[[Any], Any], argument: Any) -> Future[Any]:
        """Hand over a task; raises BrokenProcessPool when a process has been killed."""
        future = self._executor.submit(function, argument)
        for child in multiprocessing.active_children():
            self._children[child.pid or 0] = child
        return future

    @property
    def pids(self) -> set[int]:
        """Of all the processes it has had: what the killed ones left is to be tidied up."""
        return set(self._children)

    def culprits(self) -> set[int]:
        """The processes that ended by themselves or were killed from outside.

        With one of them all others are ended too, by SIGTERM.
        """
        return {
            pid
            for pid, child in self._children.items()
            if child.exitcode not in (None, 0, -signal.SIGTERM)
        }

    def stop(self) -> None:
        """Ask the tasks under way to end early; they ask with ``is_stopped``."""
        self._stop.set()

    def reopen(self) -> None:
        """Start anew after BrokenProcessPool."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._executor = self._open()

    def close(self, *, now: bool) -> None:
        """End the processes; ``now``: also those at work."""
        if now:
            # Stuck, or not waited for: with a job process its reactors end.
            for child in multiprocessing.active_children():
                if child.pid in self._children:
                    child.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)


class ExecutorPool:
    """Any executor whose processes see the same files as this one. Of threads it may have one: they share a runner.

    It remains its owner's, who ends it.
    """

    def __init__(self, executor: Executor, width: int) -> None:
        self.width = width
        self._executor = executor
        self._futures: list[Future[Any]] = []

    def submit(self, function: Callable[[Any], Any], argument: Any) -> Future[Any]:
        """Hand over a task."""
        future = self._executor.submit(function, argument)
        self._futures = [known for known in self._futures if not known.done()]
        self._futures.append(future)
        return future

    def stop(self) -> None:
        """Not every executor can be told; its tasks end by themselves."""

    def reopen(self) -> None:
        """What is broken stays so: the owner has opened it."""

    def close(self, *, now: bool) -> None:
        """Give up what has not begun."""
        for future in self._futures:
            future.cancel()
