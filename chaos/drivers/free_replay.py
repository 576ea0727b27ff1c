"""From a free run to a plain schedule: its steps are replayed in ``sim``, and each is compared.

Tickets give one order of all steps. A timer is identified by its reactor and number, since its deadline is in another
clock's time. A step that SIGKILL cut short has had its whole effect on a disk, or none (``Disk.undo_step``): it counts as
done when the disks show its effect.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chaos.drivers.sim import SimDriver
from chaos.plan.plan import Plan
from chaos.run.controller import STUCK, Controller, DivergenceError
from chaos.run.execution import Execution
from chaos.steps.recording import Life, Recording
from chaos.steps.schedule import Mark, Step, describe
from workers.protocol import Crash, DefectSource, EngineStep, FireTimer, Outcome, StepRecord
from workers.step_log import recorded

SHOWN_CHARACTERS_MAX = 300


class Divergence(msgspec.Struct, frozen=True):
    """The first difference between a replay and the free run: the number of its step, and a sentence."""

    step: int
    what: str


class Rebuilt(msgspec.Struct):
    """A free run, replayed in ``sim``."""

    execution: Execution | None  # None if it couldn't be replayed at all
    divergence: Divergence | None  # None if all events are the same


def rebuild(recording: Recording, plan: Plan, defects: tuple[DefectSource, ...]) -> Rebuilt:
    """Replay the steps of a free run as far as they are possible."""
    if recording.gap:
        return Rebuilt(None, Divergence(0, recording.gap))
    driver = WatchedDriver()
    walk = Walk(recording, Controller(plan, driver, defects), driver)
    try:
        execution = walk.controller.replay(walk.steps())
    except DivergenceError as error:
        return Rebuilt(None, Divergence(walk.controller.recorder.steps + 1, str(error)))
    return Rebuilt(execution, walk.divergence)


class WatchedDriver(SimDriver):
    """``sim``, with its last outcome and its set timers kept for comparison."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome = Outcome([], [], [], [], [], [])
        self.timers: dict[tuple[int, int], FireTimer] = {}  # by reactor and number

    def restart(self) -> None:
        self.timers = {}
        super().restart()

    def perform(self, step: EngineStep) -> Outcome:
        self.outcome = super().perform(step)
        for timer in self.outcome.armed:
            self.timers[timer.reactor, timer.number] = timer
        return self.outcome


class Walk:
    """Supplies the steps one by one, and compares the outcome of each before it continues."""

    def __init__(self, recording: Recording, controller: Controller, driver: WatchedDriver) -> None:
        self.recording = recording
        self.controller = controller
        self.driver = driver
        self.divergence: Divergence | None = None
        self._is_stopped = False  # the replay cannot continue

    def steps(self) -> Iterator[Step]:
        """Yield all steps, up to the first that isn't possible."""
        for life in self.recording.lives:
            yield from self._life(life)
            if self._is_stopped:
                return
            yield from self._torn(life)
            self._compare_disks(life)
            if life.ended_by is not None:
                yield life.ended_by
        yield from self._end()

    def _life(self, life: Life) -> Iterator[Step]:
        for item in life.in_order():
            if not isinstance(item, tuple):
                yield item
                continue
            reactor, record = item
            step = self._possible(reactor, record.step)
            if step is None:
                self._is_stopped = True
                self._diverge(f"{describe(record.step)} is not possible", ahead=1)
                return
            yield step
            self._compare(record)
            self._is_stopped = self._crashed(record)
            if self._is_stopped:
                return

    def _crashed(self, record: StepRecord) -> bool:
        """Return whether the target crashed, in the free run or here: both end the replay."""
        recorded_crash = record.outcome is not None and record.outcome.crash is not None
        return recorded_crash or self.controller.recorder.crash is not None

    def _possible(self, reactor: int, step: EngineStep) -> EngineStep | None:
        """Return the step under its name here, or None if it isn't possible."""
        if isinstance(step, FireTimer):
            return self.driver.timers.pop((reactor, step.number), None)
        return step if step in self.controller.agenda else None

    def _torn(self, life: Life) -> Iterator[Step]:
        record = life.torn
        # In the last target no step was killed; a step that never ends can't be replayed.
        if record is None or life.ended_by is None or self._digests() == life.disks:
            return
        step = self._possible(record.step.reactor, record.step)
        if step is not None:
            yield step

    def _end(self) -> Iterator[Step]:
        agenda = self.controller.agenda
        if not self.recording.settled:
            yield Mark(STUCK)
            return
        # Timers can outlive their purpose; the free run didn't wait for them.
        for _ in range(self.controller.plan.settle_steps):
            if not agenda.choices or self.controller.recorder.crash is not None:
                return
            yield agenda.oldest()

    # Comparisons.

    def _compare(self, record: StepRecord) -> None:
        assert record.outcome is not None, "a torn step is not compared"
        then, now = _comparable(record.outcome), _comparable(recorded(self.driver.outcome))
        for name, was in then.items():
            if now[name] != was:
                self._diverge(
                    f"{describe(record.step)}: {name} {_shown(was)} were recorded, the replay has {_shown(now[name])}"
                )
                return

    def _compare_disks(self, life: Life) -> None:
        if not life.disks or (life.torn is not None and life.ended_by is None):
            return
        for number, (then, now) in enumerate(zip(life.disks, self._digests(), strict=True)):
            if then != now:
                self._diverge(f"disk {number} has other content at the end of its target")
                return

    def _digests(self) -> list[str]:
        return [disk.digest() for disk in self.driver.disks]

    def _diverge(self, what: str, *, ahead: int = 0) -> None:
        """Record the first difference only, since others follow from it."""
        if self.divergence is None:
            self.divergence = Divergence(self.controller.recorder.steps + ahead, what)


def _comparable(outcome: Outcome) -> dict[str, list[object]]:
    """Return the parts that must be equal: everything except deadlines, and line numbers of a crash."""
    crash = outcome.crash
    return {
        "events": [*outcome.events],
        "replies": [*outcome.replies],
        "crash": [_crash(crash)] if crash is not None else [],
        "messages": [*outcome.posted],
        "disk I/Os": [*outcome.started],
        "timers": [(timer.thread, timer.number) for timer in outcome.armed],
    }


def _crash(crash: Crash) -> tuple[int, int, str, str, str]:
    return crash.reactor, crash.thread, crash.kind, crash.where, crash.message


def _shown(values: list[object]) -> str:
    text = str(values) if values else "none"
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}..."
