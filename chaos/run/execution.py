"""What is known of a run when it is over: all that checks, stories and pages are made from."""

from __future__ import annotations

import msgspec

from chaos.plan.plan import Plan
from chaos.run.driver import Counts
from chaos.steps.history import History
from chaos.steps.schedule import Step
from workers.protocol import Crash, WaitRow


class Execution(msgspec.Struct):
    """Everything a judge needs of one run: history, final disks, final counts."""

    plan: Plan
    history: History
    schedule: list[Step]
    notes: list[str]  # per step, in a word: the message handled, or that an I/O failed
    fingerprint: str
    steps: int
    crash: Crash | None
    settled: bool  # reached the end of its phases
    settle_bound_hit: bool
    disks: list[list[int]]  # per disk and block: see payload.py
    census: Counts
    interrupted: bool = False
    waits: list[WaitRow] = []  # of a run that isn't settled: what waits for what
