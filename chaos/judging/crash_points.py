"""Crash at every prefix: after each write that a disk completes and each answer, a second target starts from the disks.

A target must be able to assemble the array from any such state: with a member that has all acknowledged data, without
members that the array has left behind, and with all that its answers have promised. The disks' caches lose nothing
(``power_loss`` tests that).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

import msgspec

from chaos.base.interrupt import never
from chaos.checkers.register import Reader
from chaos.drivers.make import stepped_driver
from chaos.judging.promises import Promises
from chaos.judging.restart_findings import BrokenPromise, RestartJudge
from chaos.judging.second_target import CHANGING_TYPES, SecondTarget
from chaos.plan.plan import Plan
from chaos.run.controller import Controller
from chaos.steps.history import Completed
from chaos.steps.schedule import FinishIo, Inject, Kill, OutsideStep, PowerLoss, Step
from workers.protocol import DefectSource

DISKS_CHANGE = (Inject, Kill, PowerLoss)


class PointKind(Enum):
    """The reason to crash the target after a step."""

    WRITE = "after a write"
    ANSWER = "after an answer"
    BOTH = "after a write and an answer"  # in the same step
    CRASH = "after the target's own crash"
    ASKED = "after a step"  # the user has named it


class CrashPoint(msgspec.Struct, frozen=True):
    """One prefix: the step after which the target died, the requests answered in it, and what a restart broke."""

    step: int
    kind: PointKind
    after: Step
    answered: list[OutsideStep]
    was_judged: bool
    findings: list[BrokenPromise]


def crash_points(
    plan: Plan,
    schedule: list[Step],
    defects: tuple[DefectSource, ...],
    at: int | None = None,
    gives_up: Callable[[], bool] = never,
) -> Iterator[CrashPoint]:
    """Replay the run, and judge each prefix that ends with a completed write, an answer, or the target's own crash.

    An answer is passed over if it promises nothing new, and no disk has changed since the last point. ``at``: judge
    only the prefix that ends with this step. Raises DivergenceError where a recorded step isn't possible.
    """
    run = _Run(plan, schedule, defects, gives_up)
    try:
        for number, step in enumerate(schedule, 1):
            kind = run.take(step)
            if at is not None:
                kind = None if number != at else kind or PointKind.ASKED
            if kind is not None:
                point = run.crash(step, kind)
                if point.was_judged or kind is not PointKind.ANSWER or run.has_promised:
                    yield point
            if run.recorder.crash is not None or number == at:
                return  # after a crash of its own; the writes of its last step are judged as well
    finally:
        run.close()


class _Run:
    """A recorded run, replayed, with what its answers have promised so far."""

    def __init__(
        self,
        plan: Plan,
        schedule: list[Step],
        defects: tuple[DefectSource, ...],
        gives_up: Callable[[], bool],
    ) -> None:
        self.controller = Controller(plan, stepped_driver(plan.target, gives_up), defects)
        self.recorder = self.controller.recorder
        self.recorder.observer = None  # its observations are for checks that aren't asked here
        self.model = self.recorder.model
        # The schedule answers this, since the history is still empty here.
        power_is_lost = any(isinstance(step, PowerLoss) for step in schedule)
        self.reader = Reader(plan, tracks_power=power_is_lost)
        self.promises = Promises(plan, self.model)
        self.second = SecondTarget(plan, defects, gives_up)
        self.judge = RestartJudge(plan, self.model, self.promises, self.reader.registers)
        self.answered: list[OutsideStep] = []
        self.has_promised = False  # in the newest step
        self._seen = 0
        self._is_news = (
            False  # since the last restart, a disk has changed or something was promised
        )

    def close(self) -> None:
        """End both targets."""
        self.controller.driver.close()
        self.second.driver.close()

    def take(self, step: Step) -> PointKind | None:
        """Take the next step; return the kind of point that it ends with."""
        self.controller.take_recorded(step)
        self._read_history()
        has_written = isinstance(step, FinishIo) and step.io_type in CHANGING_TYPES
        if has_written or self.has_promised or step.__class__ in DISKS_CHANGE:
            self._is_news = True
        if self.recorder.crash is not None:
            return PointKind.CRASH
        if has_written:
            return PointKind.BOTH if self.has_promised else PointKind.WRITE
        return PointKind.ANSWER if self.answered and self._is_news else None

    def _read_history(self) -> None:
        news = self.recorder.history[self._seen :]
        self.reader.take_all(self._seen, news)
        self._seen += len(news)
        self.answered, self.has_promised = [], False
        for entry in news:
            if entry.__class__ is Completed:
                self.answered += self.promises.answered_by(entry)
            if self.promises.take(entry):
                self.has_promised = True

    def crash(self, step: Step, kind: PointKind) -> CrashPoint:
        """Start the second target from the disks as they are, and judge what it makes of them."""
        findings = None
        trusted = self.judge.trusted()
        if trusted is not None or self.judge.must_be_gone():
            disks = self.controller.driver.disks
            restart = self.second.start(disks, trusted, self.recorder.steps)
            left = disks if restart.leaves_data else self.second.driver.disks
            findings = self.judge.findings(restart, trusted, left)
            self._is_news = False
        return CrashPoint(
            self.recorder.steps, kind, step, self.answered, findings is not None, findings or []
        )
