"""Tasks over processes: what has ended counts, what was lost with a process comes back as lost."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from threading import Thread
from time import sleep

from chaos.crew import Crew, Task


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
    """While the crew waits for what was under way."""
    sleep(0.05)
    futures[1].set_result("one")
    for future in futures[2:]:
        future.set_exception(BrokenProcessPool())


def test_result_that_was_there_before_the_pool_broke_is_not_lost():
    pool = Pool()
    crew = Crew(pool)
    tasks = [Task(print, number) for number in range(4)]
    for task in tasks:
        crew.submit(task)
    assert not crew.has_room
    pool.futures[0].set_exception(BrokenProcessPool())
    later = Thread(target=end_others, args=(pool.futures,))
    later.start()
    ended = crew.ended(1.0)
    later.join()
    assert [(one.task.argument, one.result, one.is_lost) for one in ended] == [
        (0, None, True),
        (1, "one", False),
        (2, None, True),
        (3, None, True),
    ]
    assert pool.reopened == 1
    assert crew.has_room
    assert not crew.running
