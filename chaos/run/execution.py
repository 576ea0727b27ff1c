"""What is known of a run when it is over: all that checks, stories and pages are made from."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from chaos.plan.plan import Plan
from chaos.run.driver import Counts
from chaos.steps.history import History
from chaos.steps.schedule import Step
from workers.protocol import Crash, WaitRow


class RunEnd(StrEnum):
    """How a run ended."""

    SETTLED = "settled"  # all phases are over, and nothing moves any more
    STUCK = "stuck"  # nothing is possible any more, though phases are left
    BOUND_HIT = "bound hit"  # a phase after the chaos took as many steps as its bound allows
    INTERRUPTED = "interrupted"  # cut short: what is in flight is not stuck
    CRASHED = "crashed"


class Execution(msgspec.Struct):
    """Everything a judge needs of one run: history, final disks, final counts."""

    plan: Plan
    history: History
    schedule: list[Step]
    notes: list[str]  # per step, in a word: the message handled, or that an I/O failed
    fingerprint: str
    steps: int
    crash: Crash | None
    end: RunEnd
    disks: list[list[int]]  # per disk and block: see payload.py
    census: Counts
    waits: list[WaitRow] = []  # of a run that isn't settled: what waits for what

    @property
    def settled(self) -> bool:
        """Return whether it reached the end of its phases, with nothing left to do."""
        return self.end is RunEnd.SETTLED

    @property
    def settle_bound_hit(self) -> bool:
        """Return whether a phase after the chaos used up its steps."""
        return self.end is RunEnd.BOUND_HIT

    @property
    def interrupted(self) -> bool:
        """Return whether it was cut short, so that nothing in flight is stuck."""
        return self.end is RunEnd.INTERRUPTED
