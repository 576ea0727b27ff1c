"""A script: the steps that act on a target, and the few scheduling choices that matter. The rest is default order.

A recorded schedule has every step. A script has the outside steps, the engine steps whose place matters, and **rests**:

* an engine step that the script names is held back until its turn: until then others go first. At its turn the
  target runs in default order until that step is possible, and then it comes before all others.
* a step that is late lets others go first, for a number of steps from when it would come.
* a step from outside is taken at once, or as soon as it could be taken (a read: when its queue is connected).
* a rest lets the target come to rest first: nothing is possible any more but what is held back, or that time passes.
  A rest may have a number of steps, after which it ends.

The default order is: the oldest possible step; time passes when nothing else is possible. A step that is no longer
possible is left out and reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

import msgspec

from chaos.plan.plan import Plan
from chaos.run.controller import Controller
from chaos.run.driver import SteppingDriver
from chaos.run.execution import Execution
from chaos.scripts.generator_after_script import take_over
from chaos.scripts.rules import Rules
from chaos.steps.schedule import (
    ENGINE_STEPS,
    Deliver,
    EngineStep,
    FinishIo,
    FireTimer,
    Item,
    Kill,
    Late,
    OutsideStep,
    PowerLoss,
    Rest,
    Script,
)
from workers.protocol import FIRST_CONNECTION, DefectSource

NEAR_US = 500_000  # a timer due within this time fires before a step that is held back
TIMERS_MAX = 64  # fired in a row, without another step
LEFT_OUT = -1
STEPS_MAX = 20_000  # default steps until one item of a script is possible


class Played(msgspec.Struct):
    """The result of a script: the run, and for each item the number of its step (of a rest: of the first one).

    ``numbers`` has LEFT_OUT for an item that wasn't possible, or whose turn came after the end of the run.
    """

    execution: Execution
    numbers: list[int]


def identity(step: EngineStep) -> Hashable:
    """Return what makes a step of one run the same as a step of another."""
    match step:
        case Deliver():
            # The target chooses the poll group of a connection.
            is_hosts = step.sender >= FIRST_CONNECTION
            return step.sender if is_hosts else (step.sender, step.receiver)
        case FinishIo():
            return (step.thread, step.disk, step.io_type, step.offset, step.count)
        case FireTimer():
            return None  # time passes, whatever waits for it


def twin(step: EngineStep) -> Hashable:
    """Return the identity, but distinguish I/Os that are alike and in flight together."""
    return (identity(step), step.tag_number) if isinstance(step, FinishIo) else identity(step)


def _is_later(timer: FireTimer, recorded: EngineStep) -> bool:
    """Return whether taking it would let more time pass than the recording did at this place."""
    return timer.deadline_us > recorded.deadline_us  # type: ignore[union-attr]


class _Delay:
    """A step that is late: ``since`` is the number of steps when it was due."""

    __slots__ = ("since", "skip", "steps")

    def __init__(self, skip: int, steps: int) -> None:
        self.skip = skip
        self.steps = steps
        self.since = -1


class Player:
    """Plays one script on a target."""

    def __init__(
        self, plan: Plan, driver: SteppingDriver, defects: tuple[DefectSource, ...]
    ) -> None:
        self.plan = plan
        self.controller = Controller(plan, driver, defects)
        self.recorder = self.controller.recorder
        self.agenda = self.controller.agenda
        self.rules = Rules(plan, self.recorder.model)
        self.recorder.generator = self.rules
        self._held: Counter[Hashable] = Counter()
        self._delays: dict[Hashable, list[_Delay]] = {}
        self._timers = 0  # fired in a row

    def play(self, script: Script, *, to_the_end: bool, patience: int = STEPS_MAX) -> Played:
        """Play the script; ``to_the_end`` adds heal, settling and audit, as in every run.

        ``patience``: the number of default steps until an item must be possible. Without any, the script is a recording of
        every step, and an item that isn't possible at its place is left out.
        """
        self._held = Counter(identity(item) for item in script if isinstance(item, ENGINE_STEPS))
        del self._held[None]
        numbers = [LEFT_OUT] * len(script)
        for index, item in enumerate(script):
            if self.recorder.crash is not None:
                break
            before = self.recorder.steps
            if self._take_item(item, patience):
                is_step = not isinstance(item, (Rest, Late))
                numbers[index] = self.recorder.steps if is_step else before + 1
        if self.recorder.crash is None and to_the_end:
            return Played(self._end(script), numbers)
        if patience:
            self._rest(0)
        return Played(self.controller.execution_so_far(), numbers)

    def _take_item(self, item: Item, patience: int) -> bool:
        if isinstance(item, Rest):
            self._rest(item.steps)
            return True
        if isinstance(item, Late):
            delays = self._delays.setdefault(twin(item.step), [])
            delays.append(_Delay(item.skip, item.steps))
            return True
        if isinstance(item, ENGINE_STEPS):
            return self._take_engine(item, patience)
        if not self._wait_until_allowed(item, patience):
            return False
        if isinstance(item, (Kill, PowerLoss)):
            self._delays.clear()
        self.controller.take(self.rules.bind(item))
        return True

    def _take(self, step: EngineStep) -> None:
        if self._delays:
            for delay in self._delays.get(twin(step), ()):
                delay.skip -= 1  # below 0 it is due
        self.controller.take(step)

    def _take_engine(self, wanted: EngineStep, patience: int) -> bool:
        key = identity(wanted)
        if key is not None:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
        for _ in range(patience + 1):
            found = self._find(wanted, key)
            if not patience and isinstance(found, FireTimer) and _is_later(found, wanted):
                return False
            if found is not None:
                self._take(found)
                return True
            if self.recorder.crash is not None or not patience or not self._step_by_default():
                return False
        return False

    def _find(self, wanted: EngineStep, key: Hashable) -> EngineStep | None:
        agenda = self.agenda
        if wanted in agenda and key is not None:
            return wanted
        if isinstance(wanted, FireTimer) and agenda.is_armed(wanted):
            return wanted  # a free run's timers fire in another order than that of their deadlines
        for step in agenda.by_age():
            if identity(step) == key and step.__class__ is wanted.__class__:
                return step
        return None

    def _wait_until_allowed(self, step: OutsideStep, patience: int) -> bool:
        for _ in range(patience + 1):
            if self.rules.may(step):
                return True
            if self.recorder.crash is not None or not patience or not self._step_by_default():
                return False
        return False

    # The default order.

    def _rest(self, steps: int) -> None:
        if steps:
            for _ in range(steps):
                if self.recorder.crash is not None or not self._step_by_default():
                    return
            return
        for _ in range(STEPS_MAX):
            step = next(
                (
                    step
                    for step in self.agenda.by_age()
                    if step.__class__ is not FireTimer and not self._is_held(step)
                ),
                None,
            )
            if step is None or self.recorder.crash is not None:
                return
            self._take(step)

    def _step_by_default(self) -> bool:
        """Take one step in default order; what is held back comes when only far deadlines are left.

        A late step lets time pass, too.
        """
        timer: EngineStep | None = None
        held: EngineStep | None = None
        late: EngineStep | None = None
        for step in self.agenda.by_age():
            if step.__class__ is FireTimer:
                timer = step
            elif self._is_late(step):
                late = step if late is None else late
            elif self._is_named(step):
                held = step if held is None else held
            else:
                self._timers = 0
                self._take(step)
                return True
        is_near = (
            timer is not None and timer.deadline_us - self.recorder.model.clock_us < NEAR_US  # type: ignore[union-attr]
        )
        has_time = timer is not None and self._timers < TIMERS_MAX
        chosen = timer if has_time and (is_near or held is None) else held or late
        if chosen is None:
            return False
        self._timers = self._timers + 1 if chosen is timer else 0
        self._take(chosen)
        return True

    def _is_held(self, step: EngineStep) -> bool:
        return self._is_named(step) or self._is_late(step)

    def _is_named(self, step: EngineStep) -> bool:
        return bool(self._held) and identity(step) in self._held

    def _is_late(self, step: EngineStep) -> bool:
        if not self._delays:
            return False
        for delay in self._delays.get(twin(step), ()):
            if delay.skip == 0:
                if delay.since < 0:
                    delay.since = self.recorder.steps
                if self.recorder.steps - delay.since < delay.steps:
                    return True
        return False

    # The end of every run.

    def _end(self, script: Script) -> Execution:
        generator = take_over(self.plan, self.recorder.model, self.rules, script)
        self.recorder.generator = generator
        return self.controller.settle(generator)
