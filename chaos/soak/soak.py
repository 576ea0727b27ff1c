"""The soak itself: it submits tasks, counts their results, and writes its state."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from chaos.base.doctor import clean
from chaos.base.interrupt import Interrupt
from chaos.base.process_pool import LocalPool, Task, TaskPool
from chaos.base.resources import held_now
from chaos.checkers import Verdict
from chaos.checkers.finding import worst
from chaos.soak.agenda import Agenda
from chaos.soak.alarm import Alarm
from chaos.soak.counting import Counter
from chaos.soak.failure_store import FailureStore, bytes_below
from chaos.soak.ledger import Ledger
from chaos.soak.page import PAGE, page_of
from chaos.soak.state import Drift, SoakState, write_state, write_whole
from chaos.soak.watchdog import Watchdog

INTERRUPTED = 130
MARKS = "under-way"
TICK_SECONDS = 0.2
STATE_SECONDS = 1.0
PAGE_SECONDS = 60.0
DRIFT_SECONDS = 10.0
WARM_SECONDS = 4.0
DRIFT_MAX = 2_000  # beyond these samples, every other one is removed
INTERRUPT_SECONDS_MAX = 10.0  # a task stops its run sooner; one that is stuck is killed
FINISH_SECONDS_MAX = 120.0  # for the tasks that run when the time is over


class Soak:
    """Runs until the time is over, or the user wants to stop."""

    def __init__(
        self,
        folder: Path,
        state: SoakState,
        on_tick: Callable[[SoakState], None],
        pool: LocalPool | None = None,
    ) -> None:
        self.folder = folder
        self.state = state
        self.on_tick = on_tick
        self.failure_store = FailureStore(folder, state)
        self.alarm = Alarm(folder, state.arguments.on_failure)
        self.marks = folder / MARKS
        self.ledger = Ledger(folder, state)
        self._pool = pool or LocalPool(state.arguments.jobs)
        self.task_pool = TaskPool(self._pool)
        self._begun = time.monotonic()
        self._before = state.seconds
        # The first sample comes after the processes have started.
        self._due = {"state": 0.0, "page": 0.0, "drift": state.seconds + WARM_SECONDS}
        self._prepare()
        self.agenda = Agenda(state, self.failure_store, self.marks)
        self.counter = Counter(state, self.agenda, self.failure_store, self.ledger)
        self.watchdog = Watchdog(state, self.marks, self._pool, self.agenda, self.counter)

    def _prepare(self) -> None:
        """Clean up after a kill."""
        state = self.state
        state.state = "running"
        clean(owners=set(state.pids))
        state.pids = [os.getpid()]
        self.marks.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.marks.iterdir()):
            path.unlink()
        self.ledger.restore()
        self.failure_store.tidy()
        self._commit()

    def run(self, interrupt: Interrupt) -> int:
        """Run it, and return the exit code."""
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
        over_at: float | None = None
        while True:
            now = self._tick()
            if interrupt.requested:
                self.task_pool.pool.stop()
                asked_at = now if asked_at is None else asked_at
                last = asked_at + INTERRUPT_SECONDS_MAX
            elif self.state.is_over:
                # What failed last is shrunk too.
                self._hand_out(only_finish=True)
                over_at = now if over_at is None else over_at
                last = over_at + FINISH_SECONDS_MAX
            else:
                self._hand_out(only_finish=False)
                last = math.inf
            if last < math.inf and (not self.task_pool.running or now > last):
                return
            self._take_in()
            self.watchdog.look()

    def _tick(self) -> float:
        """Do everything that is due by the clock; return the seconds of the soak."""
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
            self._commit()
        if everything or state.seconds >= self._due["page"]:
            self._due["page"] = state.seconds + PAGE_SECONDS
            write_whole(self.folder / PAGE, page_of(state).encode())

    def _commit(self) -> None:
        """Write the state, which counts its results from now on; no other file decides that.

        Directories that it no longer names are removed after it, so that a killed soak never names a missing one.
        """
        write_state(self.folder, self.state)
        self.failure_store.sweep()

    def _pids(self) -> set[int]:
        return {os.getpid(), *self._pool.pids}

    def _hand_out(self, *, only_finish: bool) -> None:
        while self.task_pool.has_room:
            task = self.agenda.take(only_finish=only_finish)
            if task is None:
                return
            self.task_pool.submit(task)

    def _take_in(self) -> None:
        if not self.task_pool.running:
            time.sleep(TICK_SECONDS)
            return
        lost: list[Task] = []
        for ended in self.task_pool.ended(TICK_SECONDS):
            if ended.is_lost:
                lost.append(ended.task)
            else:
                self.counter.count(ended)
        if lost:
            self.watchdog.lost(lost)
        self._announce()

    def _announce(self) -> None:
        """Run the user's command for new signatures; the state has them before, so that it runs once."""
        news = self.counter.news()
        if news:
            self._commit()
        for group in news:
            self.alarm.sound(group)

    def _sample(self) -> None:
        state = self.state
        held = held_now(self._pids())
        used = bytes_below(self.folder)
        if self.failure_store.is_too_much(used):
            self._commit()
            used = bytes_below(self.folder)
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
                disk_bytes=used,
            )
        )
        if len(state.drift) > DRIFT_MAX:
            state.drift = state.drift[::2]


def exit_code(state: SoakState) -> int:
    """Return the most severe code of the failures; a missed canary counts, since the soak may have missed other failures."""
    verdicts = [Verdict(group.code) for group in state.groups.values()]
    if any(one.missed for one in state.canaries):
        verdicts.append(Verdict.NOT_EXERCISED)
    return int(worst(verdicts))
