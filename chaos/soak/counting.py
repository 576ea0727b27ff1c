"""From results of tasks to the soak's state, one task at a time.

The soak writes the state between two tasks, and this module never does: on disk every result is counted fully or not
at all.
"""

from __future__ import annotations

from typing import Any

from chaos.base.process_pool import Ended
from chaos.campaigns.reached import add_never_came, add_run, never_came_in
from chaos.campaigns.runner import RunResult
from chaos.judging.reach.count import add_reach
from chaos.soak.agenda import Agenda
from chaos.soak.failure_store import FailureStore
from chaos.soak.ledger import Ledger
from chaos.soak.state import Chunk, Group, SoakState
from chaos.soak.tasks import (
    Again,
    AgainTask,
    CanaryRan,
    CanaryTask,
    Ran,
    SeedsTask,
    ShrinkTask,
    Shrunk,
)


class Counter:
    """Counts the results of tasks."""

    def __init__(
        self, state: SoakState, agenda: Agenda, failure_store: FailureStore, ledger: Ledger
    ) -> None:
        self.state = state
        self.agenda = agenda
        self.failure_store = failure_store
        self.ledger = ledger
        self._news: list[Group] = []

    def news(self) -> list[Group]:
        """Return the new signatures that have not been announced, and take them off the list."""
        news, self._news = self._news, []
        return news

    def count(self, ended: Ended) -> None:
        """Count one task."""
        state = self.state
        result: Any = ended.result
        state.busy_seconds += result.seconds
        match ended.task.argument, result:
            case SeedsTask() as task, Ran():
                self._count_seeds(task, result)
            case CanaryTask() as task, CanaryRan():
                self._count_canary(task, result)
            case ShrinkTask() as task, Shrunk():
                self.failure_store.shrunk(task.signature, result)
            case AgainTask() as task, Again():
                state.stored[task.number].state = result.state
            case _:
                raise AssertionError("a task has its own kind of result")

    def give_up(self, number: int, result: RunResult) -> None:
        """Count a seed whose process died while running it."""
        if self.agenda.give_up(number, result.seed):
            self._count_run(number, result)
            self.ledger.add_seeds(number, result.seed, 1)

    def _count_canary(self, task: CanaryTask, ran: CanaryRan) -> None:
        self.agenda.canary_runs = False
        canary = self.state.canaries[task.number]
        canary.last_seconds = self.state.seconds
        if ran.caught:
            canary.caught += 1
        elif ran.runs == canary.seeds:
            canary.missed += 1

    def _count_seeds(self, task: SeedsTask, ran: Ran) -> None:
        self.state.lanes[task.lane].seconds += ran.seconds
        for result in ran.results:
            self._count_run(task.lane, result)
        # A task that was asked to end early leaves the rest open.
        done = len(ran.results)
        chunk = Chunk(task.lane, task.seeds[0], len(task.seeds))
        self.state.open.remove(chunk)
        if done < chunk.count:
            rest = Chunk(task.lane, chunk.first + done, chunk.count - done)
            self.state.open.append(rest)
            self.agenda.again.append(rest)
        if done:
            self.ledger.add_seeds(task.lane, chunk.first, done)

    def _count_run(self, number: int, result: RunResult) -> None:
        state = self.state
        lane = state.lanes[number]
        lane.runs += 1
        lane.steps += result.steps
        if not result.known:
            add_reach(state.reach, result.reach)
            add_run(lane.reached_in, result.reach, result.seed)
            add_never_came(lane.never_came, never_came_in(result.outcome))
        if not result.findings:
            return
        self.ledger.add_failure(number, result)
        if result.known:
            lane.known += 1
            self.failure_store.add_known(number, result)
            return
        lane.failed += 1
        if self.failure_store.add(number, result):
            self._news.append(state.groups[result.signature])
