"""The soak itself: hands out tasks, counts what comes back, and writes down what it knows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from chaos.base.doctor import clean
from chaos.base.interrupt import Interrupt
from chaos.base.process_pool import Ended, LocalPool, Task, TaskPool
from chaos.base.resources import held_now
from chaos.campaigns.runner import RunResult, not_ended
from chaos.checkers import Finding, Verdict
from chaos.checkers.finding import worst
from chaos.judging.reach.count import add_reach
from chaos.soak.agenda import Agenda
from chaos.soak.alarm import Alarm
from chaos.soak.failure_store import FailureStore
from chaos.soak.page import PAGE, page_of
from chaos.soak.state import Chunk, Drift, Group, SoakError, SoakState, write_state, write_whole
from chaos.soak.tasks import (
    Again,
    AgainTask,
    CanaryRan,
    CanaryTask,
    Ran,
    SeedMark,
    SeedsTask,
    ShrinkTask,
    Shrunk,
    read_marks,
)

INTERRUPTED = 130
MARKS = "under-way"
CHUNKS = "chunks.jsonl"  # a line per chunk that counts: [lane, first seed, seeds]
FAILURES = "failures.jsonl"  # a line per failing run
TICK_SECONDS = 0.2
STATE_SECONDS = 1.0
PAGE_SECONDS = 60.0
DRIFT_SECONDS = 10.0
WARM_SECONDS = 4.0
DRIFT_MAX = 2_000  # then every other one goes
INTERRUPT_SECONDS_MAX = 3.0
FINISH_SECONDS_MAX = 120.0  # for what is under way when the time is over
ATTEMPTS_MAX = 2


class FailureLine(msgspec.Struct, frozen=True):
    """A line of failures.jsonl."""

    lane: int
    experiment: str
    driver: str
    defects: list[str]
    seed: int
    code: int
    steps: int
    signature: str
    run_dir: str


class Soak:
    """Runs until the time is over, or the user wants to stop."""

    def __init__(
        self, folder: Path, state: SoakState, on_tick: Callable[[SoakState], None]
    ) -> None:
        self.folder = folder
        self.state = state
        self.on_tick = on_tick
        self.failure_store = FailureStore(folder, state)
        self.alarm = Alarm(folder, state.arguments.on_failure)
        self.marks = folder / MARKS
        self._pool = LocalPool(state.arguments.jobs)
        self.task_pool = TaskPool(self._pool)
        self._begun = time.monotonic()
        self._before = state.seconds
        self._timed_out: dict[tuple[int, int], float] = {}
        # What is held is looked at when there is something: the processes have to start first.
        self._due = {"state": 0.0, "page": 0.0, "drift": state.seconds + WARM_SECONDS}
        self._prepare()
        self.agenda = Agenda(state, self.failure_store, self.marks)

    def _prepare(self) -> None:
        """Undo what a kill has left half done."""
        state = self.state
        state.state = "running"
        clean(owners=set(state.pids))
        state.pids = [os.getpid()]
        self.marks.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.marks.iterdir()):
            path.unlink()
        for name, length in ((CHUNKS, state.chunks_bytes), (FAILURES, state.failures_bytes)):
            path = self.folder / name
            path.touch()
            os.truncate(path, length)
        self.failure_store.tidy()
        write_state(self.folder, state)

    def run(self, interrupt: Interrupt) -> int:
        """The exit code."""
        try:
            self._work(interrupt)
        except KeyboardInterrupt:
            interrupt.requested = True
        finally:
            self.task_pool.close()
            self.alarm.close()
            clean(owners=self._pids())
            self.state.state = "interrupted" if interrupt.requested else "done"
            self._write(everything=True)
        return INTERRUPTED if interrupt.requested else exit_code(self.state)

    def _work(self, interrupt: Interrupt) -> None:
        asked_at: float | None = None
        while True:
            now = self._tick()
            is_over = now >= self.state.arguments.seconds
            if interrupt.requested:
                self.task_pool.pool.stop()
                asked_at = asked_at or now
                if not self.task_pool.running or now - asked_at > INTERRUPT_SECONDS_MAX:
                    return
            elif is_over:
                # What failed last is shrunk too.
                self._hand_out(only_finish=True)
                late = now - self.state.arguments.seconds > FINISH_SECONDS_MAX
                if not self.task_pool.running or late:
                    return
            else:
                self._hand_out(only_finish=False)
            self._take_in()
            self._look_at_marks()

    def _tick(self) -> float:
        """Seconds of the soak; what is due by the clock is done."""
        now = self._before + time.monotonic() - self._begun
        self.state.seconds = now
        self.alarm.look()
        if now >= self._due["drift"]:
            self._due["drift"] = now + DRIFT_SECONDS
            self._sample()
        self._write(everything=False)
        self.on_tick(self.state)
        return now

    def _write(self, *, everything: bool) -> None:
        state = self.state
        state.pids = sorted(self._pids())
        if everything or state.seconds >= self._due["state"]:
            self._due["state"] = state.seconds + STATE_SECONDS
            write_state(self.folder, state)
        if everything or state.seconds >= self._due["page"]:
            self._due["page"] = state.seconds + PAGE_SECONDS
            write_whole(self.folder / PAGE, page_of(state).encode())

    def _pids(self) -> set[int]:
        return {os.getpid(), *self._pool.pids}

    def _hand_out(self, *, only_finish: bool) -> None:
        while self.task_pool.has_room:
            task = self.agenda.take(only_finish=only_finish)
            if task is None:
                return
            self.task_pool.submit(task)

    # What comes back.

    def _take_in(self) -> None:
        if not self.task_pool.running:
            time.sleep(TICK_SECONDS)
            return
        lost: list[Task] = []
        for ended in self.task_pool.ended(TICK_SECONDS):
            if ended.is_lost:
                lost.append(ended.task)
            else:
                self._count(ended)
        if lost:
            self._lost(lost)

    def _count(self, ended: Ended) -> None:
        state = self.state
        result: Any = ended.result
        state.busy_seconds += result.seconds
        match ended.task.argument, result:
            case SeedsTask() as task, Ran():
                self._count_seeds(task, result)
            case CanaryTask() as task, CanaryRan():
                self.agenda.canary_under_way = False
                canary = state.canaries[task.number]
                canary.last_seconds = state.seconds
                if result.caught:
                    canary.caught += 1
                elif result.runs == canary.seeds:
                    canary.missed += 1
            case ShrinkTask() as task, Shrunk():
                self.failure_store.shrunk(task.signature, result)
            case AgainTask() as task, Again():
                state.stored[task.number].state = result.state
            case _:
                raise AssertionError("a task has its own kind of result")

    def _count_seeds(self, task: SeedsTask, ran: Ran) -> None:
        state = self.state
        lane = state.lanes[task.lane]
        lane.seconds += ran.seconds
        for result in ran.results:
            self._count_run(task.lane, result)
        # Of what was asked to end early the rest stays open.
        done = len(ran.results)
        chunk = Chunk(task.lane, task.seeds[0], len(task.seeds))
        state.open.remove(chunk)
        if done < chunk.count:
            rest = Chunk(task.lane, chunk.first + done, chunk.count - done)
            state.open.append(rest)
            self.agenda.again.append(rest)
        if done:
            self._append(CHUNKS, [task.lane, chunk.first, done])

    def _count_run(self, number: int, result: RunResult) -> None:
        state = self.state
        lane = state.lanes[number]
        lane.runs += 1
        lane.steps += result.steps
        add_reach(state.reach, result.reach)
        if not result.findings:
            return
        lane.failed += 1
        spec = lane.spec
        line = FailureLine(
            lane=number,
            experiment=spec.experiment.name,
            driver=spec.driver,
            defects=[defect.id for defect in spec.defects],
            seed=result.seed,
            code=int(result.verdict),
            steps=result.steps,
            signature=result.signature,
            run_dir=result.run_dir,
        )
        self._append(FAILURES, line)
        if self.failure_store.add(number, result):
            self._sound(state.groups[result.signature])

    def _sound(self, group: Group) -> None:
        """A new signature: it is written down before the user's command hears of it, so that it hears once."""
        write_state(self.folder, self.state)
        self.alarm.sound(group)

    def _append(self, name: str, line: object) -> None:
        data = msgspec.json.encode(line) + b"\n"
        try:
            with (self.folder / name).open("ab") as file:
                file.write(data)
        except OSError as error:
            raise SoakError(f"{self.folder / name} can't be written: {error.strerror}") from None
        if name == CHUNKS:
            self.state.chunks_bytes += len(data)
        else:
            self.state.failures_bytes += len(data)

    # What doesn't come back.

    def _look_at_marks(self) -> None:
        """A process that is at one seed for too long is ended; what becomes of the seed is seen when it has."""
        limit = self.state.arguments.seed_seconds
        now = time.monotonic()
        for pid, mark in read_marks(self.marks).items():
            key = (mark.lane, mark.seed)
            if now - mark.since > limit and key not in self._timed_out and _is_alive(pid):
                self._timed_out[key] = now - mark.since
                os.kill(pid, 9)

    def _lost(self, tasks: list[Task]) -> None:
        """A job process has gone, and with it, as the pool is made, what all others had at hand."""
        state = self.state
        state.lost += 1
        culprits = self._pool.culprits()
        for pid, mark in read_marks(self.marks).items():
            (self.marks / str(pid)).unlink(missing_ok=True)
            if pid in culprits:  # the others were at a seed too, which has nothing to do with it
                self._was_at(mark)
        for task in tasks:
            self.agenda.lost(task)

    def _was_at(self, mark: SeedMark) -> None:
        """It was at this seed: it has hung, or, when that happens again, could not be decided."""
        lane = self.state.lanes[mark.lane]
        seconds = self._timed_out.pop((mark.lane, mark.seed), None)
        if seconds is not None:
            check, verdict = "timeout", Verdict.LIVENESS
            summary = f"seed {mark.seed} had not ended after {seconds:.0f} s"
        else:
            key = f"{mark.lane}:{mark.seed}"
            attempts = self.state.attempts.get(key, 0) + 1
            self.state.attempts[key] = attempts
            if attempts < ATTEMPTS_MAX:
                return
            check, verdict = "process", Verdict.UNKNOWN
            summary = (
                f"the process that ran seed {mark.seed} was killed from outside, {attempts} times; "
                "out of memory, perhaps"
            )
        shape = f"{lane.spec.experiment.name}/{lane.spec.driver}"
        finding = Finding(
            check=check, kind="run", shape=shape, summary=summary, step=0, verdict=verdict
        )
        result = not_ended(lane.spec, mark.seed, finding)
        self.agenda.give_up(mark.lane, mark.seed)
        self._count_run(mark.lane, result)
        self._append(CHUNKS, [mark.lane, mark.seed, 1])

    def _sample(self) -> None:
        state = self.state
        held = held_now(self._pids())
        state.drift.append(
            Drift(
                seconds=round(state.seconds, 1),
                runs=state.runs,
                failed=state.failed,
                busy=round(state.busy, 4),
                controller_kib=held.own_kib,
                jobs_kib=held.below_kib("other"),
                reactors_kib=held.below_kib("reactor"),
                descriptors=held.descriptors,
                processes=held.processes,
                segments=held.segments,
                disk_bytes=self.failure_store.look_at_disk(),
            )
        )
        if len(state.drift) > DRIFT_MAX:
            state.drift = state.drift[::2]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def exit_code(state: SoakState) -> int:
    """The worst of what failed; a canary that was missed is a soak that may have missed others."""
    verdicts = [Verdict(group.code) for group in state.groups.values()]
    if any(one.missed for one in state.canaries):
        verdicts.append(Verdict.NOT_EXERCISED)
    return int(worst(verdicts))
