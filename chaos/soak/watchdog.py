"""Job processes that are at one seed for too long, or that were killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from chaos.base.process_pool import LocalPool, Task
from chaos.campaigns.runner import RunResult, not_ended
from chaos.checkers import Finding, Verdict
from chaos.soak.agenda import Agenda
from chaos.soak.counting import Counter
from chaos.soak.state import SoakState
from chaos.soak.tasks import SeedMark, read_marks

ATTEMPTS_MAX = 2


class Watchdog:
    """Ends processes that take too long, and decides about the seeds of those that are gone."""

    def __init__(
        self, state: SoakState, marks: Path, pool: LocalPool, agenda: Agenda, counter: Counter
    ) -> None:
        self.state = state
        self.marks = marks
        self.pool = pool
        self.agenda = agenda
        self.counter = counter
        self._timed_out: dict[tuple[int, int], float] = {}

    def look(self) -> None:
        """End a process that is at one seed for too long; its seed is counted when the process is gone."""
        limit = self.state.arguments.seed_seconds
        now = time.monotonic()
        for pid, mark in read_marks(self.marks).items():
            key = (mark.lane, mark.seed)
            if now - mark.since > limit and key not in self._timed_out and _is_alive(pid):
                self._timed_out[key] = now - mark.since
                os.kill(pid, signal.SIGKILL)

    def lost(self, tasks: list[Task]) -> None:
        """Handle the death of a job process, with which the pool loses the tasks of all others, too."""
        self.state.lost += 1
        culprits = self.pool.culprits()
        for pid, mark in read_marks(self.marks).items():
            (self.marks / str(pid)).unlink(missing_ok=True)
            if pid in culprits:  # the other processes' seeds have nothing to do with it
                self._was_at(mark)
        self._timed_out.clear()  # one that went on to another seed before it was ended gets its time again
        for task in tasks:
            self.agenda.lost(task)

    def _was_at(self, mark: SeedMark) -> None:
        """Count the seed that the process was at: it hangs, or, after repeated kills, has no verdict."""
        result = self._result_of(mark)
        if result is not None:
            self.counter.give_up(mark.lane, result)

    def _result_of(self, mark: SeedMark) -> RunResult | None:
        """Return the result of the seed; None: it is run again."""
        spec = self.state.lanes[mark.lane].spec
        seconds = self._timed_out.get((mark.lane, mark.seed))
        if seconds is not None:
            check, verdict = "timeout", Verdict.LIVENESS
            summary = f"seed {mark.seed} had not ended after {seconds:.0f} s"
        else:
            key = f"{mark.lane}:{mark.seed}"
            attempts = self.state.attempts.get(key, 0) + 1
            self.state.attempts[key] = attempts
            if attempts < ATTEMPTS_MAX:
                return None
            check, verdict = "process", Verdict.UNKNOWN
            summary = (
                f"the process that ran seed {mark.seed} was killed from outside {attempts} times, "
                "perhaps for lack of memory"
            )
        shape = f"{spec.experiment.name}/{spec.driver}"
        finding = Finding(
            check=check, kind="run", shape=shape, summary=summary, step=0, verdict=verdict
        )
        return not_ended(spec, mark.seed, finding)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
