"""The result of a run, from which checks, stories and pages are made."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from chaos.plan.plan import Plan
from chaos.run.driver import Counts
from chaos.run.outcome import PlannedOutcome
from chaos.steps.history import History
from chaos.steps.schedule import Step
from workers.protocol import Crash, WaitRow


class RunEnd(StrEnum):
    """The kind of a run's end."""

    SETTLED = "settled"  # all phases are over, and no step is possible any more
    STUCK = "stuck"  # no step is possible any more, though phases are left
    BOUND_HIT = "bound hit"  # a phase after the chaos took as many steps as its bound allows
    INTERRUPTED = "interrupted"  # cut short: requests in flight are not stuck
    CRASHED = "crashed"


class Execution(msgspec.Struct):
    """Everything that the checks need from one run: history, final disks, final counts."""

    plan: Plan
    history: History
    schedule: list[Step]
    notes: list[str]  # for each step, in a word: the message handled, or that an I/O failed
    fingerprint: str
    steps: int
    crash: Crash | None
    end: RunEnd
    disks: list[list[int]]  # by disk and block: see payload.py
    census: Counts
    waits: list[WaitRow] = []  # for a run that isn't settled: the waits
    outcome: PlannedOutcome | None = None  # a replay has none: nothing is planned in it

    @property
    def settled(self) -> bool:
        """Return whether it reached the end of its phases, with no step left."""
        return self.end is RunEnd.SETTLED

    @property
    def settle_bound_hit(self) -> bool:
        """Return whether a phase after the chaos used up its steps."""
        return self.end is RunEnd.BOUND_HIT

    @property
    def interrupted(self) -> bool:
        """Return whether it was cut short, so that no request in flight is stuck."""
        return self.end is RunEnd.INTERRUPTED
