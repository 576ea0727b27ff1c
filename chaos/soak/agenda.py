"""The next task of a soak: a stored failure, a canary that is due, a shrink, seeds that a kill cut off, new seeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chaos.base.process_pool import Task
from chaos.plan.driver_names import DRIVERS, DriverName
from chaos.soak.failure_store import FailureStore
from chaos.soak.state import Chunk, SoakState
from chaos.soak.tasks import (
    AgainTask,
    CanaryTask,
    SeedsTask,
    run_again,
    run_canary,
    run_seeds,
    shrink_run,
)

CHUNK_SECONDS = 1.0
CHUNK_SEEDS_MAX = 64
KEPT_TIMES_MAX = 5  # the soak prunes the runs that a process keeps


class Agenda:
    """Hands out tasks, and takes back those that were lost."""

    def __init__(self, state: SoakState, failure_store: FailureStore, marks: Path) -> None:
        self.state = state
        self.failure_store = failure_store
        self.marks = marks
        self.again: list[Chunk] = list(state.open)
        self.canary_runs = False
        self._stored = [number for number, one in enumerate(state.stored) if one.state == "waiting"]
        self._handed: dict[
            int, int
        ] = {}  # by lane: the seeds submitted since this process of the soak began

    def take(self, *, only_finish: bool = False) -> Task | None:
        """Return the next task; ``only_finish``: no seeds and no canaries."""
        if self._stored:
            number = self._stored.pop(0)
            return Task(run_again, AgainTask(number, self.state.stored[number].capsule))
        if not only_finish:
            canary = self._due_canary()
            if canary is not None:
                self.canary_runs = True
                return Task(run_canary, canary)
        shrink = self.failure_store.next_shrink()
        if shrink is not None:
            return Task(shrink_run, shrink)
        if only_finish:
            return None
        if self.again:
            return self._task(self.again.pop(0))
        if self.state.seeds_left == 0:
            return None
        chunk = self._new_chunk()
        self.state.open.append(chunk)
        return self._task(chunk)

    def lost(self, task: Task) -> None:
        """Take back a task whose process has gone; seeds that were given up meanwhile are not run again."""
        match task.argument:
            case SeedsTask():
                self.again += list(self._open_within(task.argument))
            case AgainTask():
                self._stored.append(task.argument.number)
            case CanaryTask():
                self.canary_runs = False
            case _:
                self.failure_store.lost_shrink()

    def give_up(self, lane: int, seed: int) -> bool:
        """Remove a seed from its open chunk; return whether there is one.

        The rest of the chunk is two open chunks now.
        """
        for chunk in list(self.state.open):
            if chunk.lane == lane and chunk.first <= seed < chunk.first + chunk.count:
                self.state.open.remove(chunk)
                parts = (
                    Chunk(lane, chunk.first, seed - chunk.first),
                    Chunk(lane, seed + 1, chunk.first + chunk.count - seed - 1),
                )
                self.state.open += [part for part in parts if part.count]
                return True
        return False

    def _open_within(self, task: SeedsTask) -> Iterator[Chunk]:
        for chunk in self.state.open:
            if chunk.lane == task.lane and chunk.first in task.seeds:
                yield chunk

    def _task(self, chunk: Chunk) -> Task:
        spec = self.state.lanes[chunk.lane].spec
        kept_max = KEPT_TIMES_MAX * self.state.arguments.keep
        return Task(run_seeds, SeedsTask(chunk.lane, spec, chunk.seeds, str(self.marks), kept_max))

    def _due_canary(self) -> CanaryTask | None:
        every = self.state.arguments.canary_seconds
        if every is None or self.canary_runs:
            return None
        for number, canary in enumerate(self.state.canaries):
            last = canary.last_seconds
            if last is None or self.state.seconds - last >= every:
                seeds = tuple(range(canary.first_seed, canary.first_seed + canary.seeds))
                return CanaryTask(number, canary.spec, seeds, canary.expect_code)
        return None

    def _new_chunk(self) -> Chunk:
        """Take seeds of the driver that has worked least, from its lane that is furthest behind its share."""
        lanes = self.state.lanes
        seconds: dict[DriverName, float] = {}
        for number, lane in enumerate(lanes):
            handed = self._handed.get(number, 0) * _seconds_a_seed(self.state, number)
            driver = lane.spec.driver
            seconds[driver] = seconds.get(driver, 0.0) + max(lane.seconds, handed)
        driver = min(seconds, key=lambda name: seconds[name])
        number = min(
            (number for number, lane in enumerate(lanes) if lane.spec.driver == driver),
            key=lambda number: (
                (lanes[number].next_seed - lanes[number].first_seed) / lanes[number].share
            ),
        )
        lane = lanes[number]
        count = DRIVERS[driver].soak_chunk_seeds
        if driver == "sim" and lane.runs:
            count = int(CHUNK_SECONDS / max(_seconds_a_seed(self.state, number), 0.001))
            count = max(1, min(CHUNK_SEEDS_MAX, count))
        if self.state.seeds_left is not None:
            count = min(count, self.state.seeds_left)
        chunk = Chunk(number, lane.next_seed, count)
        lane.next_seed += count
        self._handed[number] = self._handed.get(number, 0) + count
        return chunk


def _seconds_a_seed(state: SoakState, number: int) -> float:
    lane = state.lanes[number]
    return lane.seconds / lane.runs if lane.runs else 0.0
