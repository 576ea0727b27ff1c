"""The probability of a failure at each point of a small run, from random continuations of its prefixes.

After a prefix, the remaining outside steps of the script come in the script's order, and all other choices are drawn.
Before each of them, in half of the cases, the target comes to rest; otherwise it takes a drawn number of steps. Every
possible step of the engine has the same chance. Time passes only when a deadline is near or nothing else is possible.
So the curve shows the effect of the order of steps, and not the probability of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import msgspec

from chaos.base.prng import Stream
from chaos.checkers import CHECKS, Check, Finding
from chaos.drivers.make import stepped_driver
from chaos.judging.judge import judge
from chaos.judging.same_failure import same_failure
from chaos.run.controller import Controller
from chaos.run.execution import Execution
from chaos.scripts.generator_after_script import take_over
from chaos.scripts.player import NEAR_US
from chaos.scripts.rules import Rules
from chaos.shrinking.shrinker import Case
from chaos.steps.schedule import ENGINE_STEPS, ORDER, FireTimer, Mark, OutsideStep, Step
from workers.protocol import DefectSource, EngineStep

PREFIXES_MAX = 50
PREFIXES_AT_FIRST = 16  # evenly spread; further prefixes are where the curve rises most
CONTINUATIONS = 20
# This bounds all continuations together, so that slow runs have fewer of them, from fewer prefixes.
STEPS_MAX = 800_000
PREFIXES_MIN = 8
SEED = 0
LIKELY = 0.5
REST_NUMERATOR, REST_DENOMINATOR = 1, 2
HURRY_STEPS_MAX = 15  # between two outside steps, where the target doesn't come to rest
REST_STEPS_MAX = 3_000
PATIENCE = 500  # steps until an outside step becomes possible; after them it is left out


class Point(msgspec.Struct, frozen=True):
    """The number of continuations that fail after a number of steps of the run."""

    after: int
    failures: int
    runs: int

    @property
    def share(self) -> float:
        """Return the share of continuations that fail, from 0 to 1."""
        return self.failures / self.runs


class Rise(msgspec.Struct, frozen=True):
    """The step or steps from which on the failure was likely, and the shares before and after."""

    first: int
    last: int
    before: float
    after: float


class Curve(msgspec.Struct, frozen=True):
    """The points in the order of the run."""

    points: list[Point]

    @property
    def rise(self) -> Rise | None:
        """Return where the share of failures reaches LIKELY and stays there; None if it is so from the beginning."""
        rising = [pair for pair in pairwise(self.points) if _crosses(*pair)]
        if not rising:
            return None
        one, other = rising[-1]
        return Rise(one.after + 1, other.after, one.share, other.share)


def _crosses(one: Point, other: Point) -> bool:
    return one.share < LIKELY <= other.share


class Subject(msgspec.Struct, frozen=True):
    """The run that is continued: its script, the script's places in it, and its failure."""

    case: Case
    schedule: list[Step]
    numbers: list[int]  # by item of the script: the number of its step
    finding: Finding
    defects: tuple[DefectSource, ...]
    checks: tuple[Check, ...]

    @property
    def end(self) -> int:
        """Return the last prefix: up to the failure, or to the heal at the end of every run."""
        marks = [number for number, step in enumerate(self.schedule) if isinstance(step, Mark)]
        return marks[0] if self.case.to_the_end and marks else len(self.schedule)


def curve(
    subject: Subject,
    continuations: int = CONTINUATIONS,
    is_over: Callable[[], bool] = lambda: False,
    on_point: Callable[[int], None] = lambda _: None,
) -> Curve:
    """Measure the points of the curve, with at most this number of continuations of each prefix.

    Evenly spread prefixes come first, then those halfway to where it becomes likely, and where neighbours differ most.
    """
    end = subject.end
    runs = STEPS_MAX // max(1, len(subject.schedule))
    prefixes = min(PREFIXES_MAX, max(PREFIXES_MIN, runs))
    continuations = max(1, min(continuations, runs // prefixes))
    count = min(PREFIXES_AT_FIRST, prefixes, end + 1)
    wanted = sorted({round(end * part / max(1, count - 1)) for part in range(count)})
    points: dict[int, Point] = {}
    while wanted and not is_over():
        after = wanted.pop(0)
        points[after] = _point(subject, after, continuations)
        on_point(len(points))
        if not wanted and len(points) < prefixes:
            wanted = _halfway(sorted(points.values(), key=lambda point: point.after))
    return Curve(sorted(points.values(), key=lambda point: point.after))


def _halfway(points: list[Point]) -> list[int]:
    """Return the prefix between the neighbours that differ most, if there is one."""
    crossing = [pair for pair in pairwise(points) if _crosses(*pair)][-1:]
    apart = [
        (pair in crossing, abs(pair[1].share - pair[0].share), pair[0].after, pair[1].after)
        for pair in pairwise(points)
        if pair[1].after - pair[0].after > 1 and pair[1].share != pair[0].share
    ]
    if not apart:
        return []
    _, _, low, high = max(apart, key=lambda row: (row[0], row[1], -row[2]))
    return [(low + high) // 2]


def _point(subject: Subject, after: int, continuations: int) -> Point:
    if after >= len(subject.schedule):
        return Point(after, 1, 1)  # the run itself: no choice is left
    stream = Stream(SEED, f"continuations after {after}")
    fails = [
        Continuation(subject, after, stream.fork(str(number))).fails()
        for number in range(continuations)
    ]
    return Point(after, sum(fails), continuations)


class Continuation:
    """One run that continues a prefix."""

    def __init__(self, subject: Subject, after: int, stream: Stream) -> None:
        self.subject = subject
        self.stream = stream
        plan = subject.case.plan
        self.controller = Controller(plan, stepped_driver(plan.target), subject.defects)
        self.recorder = self.controller.recorder
        self.rules = Rules(plan, self.recorder.model)
        self.recorder.generator = self.rules
        for step in subject.schedule[:after]:
            if not isinstance(step, ENGINE_STEPS):
                self.rules.may(step)  # the rules also keep the model of the disks up to date
            self.controller.take(step)
        self.left: list[OutsideStep] = [
            item
            for item, number in zip(subject.case.script, subject.numbers, strict=True)
            if number > after and not isinstance(item, ORDER)
        ]

    def fails(self) -> bool:
        """Run the remaining steps, and return whether the run fails in the same way."""
        for item in self.left:
            self._between()
            if self._wait_for(item):
                self.controller.take(self.rules.bind(item))
        execution = self._end()
        goal = self.subject.finding
        names = (goal.check,) if goal.check in CHECKS else ()
        findings = judge(execution, self.subject.checks, names)
        return any(same_failure(goal, finding) for finding in findings)

    def _end(self) -> Execution:
        case = self.subject.case
        if not case.to_the_end:
            self._rest()
            return self.controller.execution_so_far()
        if self.recorder.crash is not None:
            return self.controller.execution_so_far()
        generator = take_over(case.plan, self.recorder.model, self.rules, list(case.script))
        self.recorder.generator = generator
        return self.controller.settle(generator)

    def _between(self) -> None:
        if self.stream.chance(REST_NUMERATOR, REST_DENOMINATOR):
            self._rest()
            return
        for _ in range(self.stream.between(0, HURRY_STEPS_MAX)):
            if not self._step():
                return

    def _wait_for(self, item: OutsideStep) -> bool:
        for _ in range(PATIENCE):
            if self.recorder.crash is not None:
                return False
            if self.rules.may(item):
                return True
            if not self._step():
                return False
        return False

    def _rest(self) -> None:
        for _ in range(REST_STEPS_MAX):
            choices = self._moving()
            if not choices or self.recorder.crash is not None:
                return
            self.controller.take(self.stream.choice(choices))

    def _moving(self) -> list[EngineStep]:
        """Return all possible steps except the passing of time."""
        return [step for step in self.controller.agenda.choices if step.__class__ is not FireTimer]

    def _step(self) -> bool:
        """Take one of the possible steps, and return whether there was one."""
        if self.recorder.crash is not None:
            return False
        choices: list[EngineStep] = self._moving()
        now = self.recorder.model.clock_us
        timers = [
            step
            for step in self.controller.agenda.choices
            if isinstance(step, FireTimer) and (not choices or step.deadline_us - now < NEAR_US)
        ]
        if not choices and not timers:
            return False
        self.controller.take(self.stream.choice([*choices, *timers]))
        return True
