"""Tasks over processes: ended tasks count, and those lost with a process are returned as lost."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from os import getpid, kill
from signal import SIGKILL
from threading import Thread
from time import sleep

from chaos.base.job_process import JobProcess
from chaos.base.process_pool import LocalPool, Task, TaskPool


class Pool:
    """A pool whose tasks end as the test says."""

    width = 2

    def __init__(self):
        self.futures = []
        self.reopened = 0

    def submit(self, function, argument):
        self.futures.append(Future())
        return self.futures[-1]

    def stop(self): ...

    def reopen(self):
        self.reopened += 1

    def close(self, *, now): ...


def end_others(futures):
    """End the other processes, while the pool waits for the tasks that ran."""
    sleep(0.05)
    futures[1].set_result("one")
    for future in futures[2:]:
        future.set_exception(BrokenProcessPool())


def test_result_that_was_there_before_the_pool_broke_is_not_lost():
    pool = Pool()
    task_pool = TaskPool(pool)
    tasks = [Task(print, number) for number in range(4)]
    for task in tasks:
        task_pool.submit(task)
    assert not task_pool.has_room
    pool.futures[0].set_exception(BrokenProcessPool())
    later = Thread(target=end_others, args=(pool.futures,))
    later.start()
    ended = task_pool.ended(1.0)
    later.join()
    assert [(one.task.argument, one.result, one.is_lost) for one in ended] == [
        (0, None, True),
        (1, "one", False),
        (2, None, True),
        (3, None, True),
    ]
    assert pool.reopened == 1
    assert task_pool.has_room
    assert not task_pool.running


def end_or_wait(_process: JobProcess, seconds: float) -> int:
    """Kill the task's process, or wait for a while."""
    if not seconds:
        kill(getpid(), SIGKILL)
    sleep(seconds)
    return getpid()


def test_process_that_was_killed_is_told_from_those_that_are_ended_with_it():
    pool = LocalPool(2)
    task_pool = TaskPool(pool)
    try:
        task_pool.submit(Task(end_or_wait, 0.01))
        task_pool.submit(Task(end_or_wait, 0.01))
        living = set()
        while task_pool.running:
            living |= {one.result for one in task_pool.ended()}
        assert living <= pool.pids
        assert pool.culprits() == set()
        for seconds in (60.0, 0.0):
            task_pool.submit(Task(end_or_wait, seconds))
        lost = []
        while task_pool.running:
            lost += task_pool.ended()
        assert [one.is_lost for one in lost] == [True, True]
        assert len(pool.culprits()) == 1
    finally:
        task_pool.close()
