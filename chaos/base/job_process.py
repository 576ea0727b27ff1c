"""A process that runs tasks: the request to stop, the objects that it keeps from task to task, and its start."""

from __future__ import annotations

import signal
from collections.abc import Callable
from multiprocessing.util import Finalize
from typing import Any, Protocol, TypeVar, cast

from chaos.base.interrupt import never
from workers.main import die_with_parent


class Stop(Protocol):
    """A request to end early, of threads or of processes."""

    def is_set(self) -> bool:
        """Return whether it is set."""


class Kept(Protocol):
    """An object that a process keeps from task to task."""

    def __init__(self, is_stopped: Callable[[], bool]) -> None:
        """Make it; ``is_stopped`` says whether this process's tasks are asked to end early."""

    def close(self) -> None:
        """Free its resources, at the end of the process."""


K = TypeVar("K", bound=Kept)
TaskFunction = Callable[["JobProcess", Any], Any]


class JobProcess:
    """A process that runs tasks, as they see it: the request to stop, and the objects kept from task to task."""

    def __init__(self, is_stopped: Callable[[], bool] = never) -> None:
        self.is_stopped = is_stopped
        self._kept: dict[type[Kept], Kept] = {}

    def of(self, kind: type[K]) -> K:
        """Return the process's only object of this class; the first call makes it."""
        kept = self._kept.get(kind)
        if kept is None:
            if not self._kept:
                # Before the process waits for its own children, end them.
                Finalize(None, self.close, exitpriority=100)
            kept = self._kept[kind] = kind(self.is_stopped)
        return cast("K", kept)

    def close(self) -> None:
        """Close all objects that are kept."""
        while self._kept:
            self._kept.popitem()[1].close()


# An executor passes a task only its argument, so the process's object is global.
_here: JobProcess | None = None


def _begin(is_stopped: Callable[[], bool]) -> JobProcess:
    global _here
    _here = JobProcess(is_stopped)
    return _here


def run_task(function: TaskFunction, argument: Any) -> Any:
    """Run one task in this process."""
    return function(_here or _begin(never), argument)


def start_process(parent_pid: int, stop: Stop) -> None:
    """Begin a process that runs tasks for its parent."""
    die_with_parent(parent_pid)
    # Ctrl-C reaches the whole process group; the owner decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _begin(stop.is_set)
