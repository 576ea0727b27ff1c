"""Shrinking: find the smallest script that still shows the same failure.

A candidate is played in ``sim`` and judged. Named passes (``passes.py``) propose smaller ones, in a fixed order, until
none of them makes progress. So the same failure shrinks to the same script on any machine, unless the budget ends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from chaos.base.interrupt import InterruptedRunError, never
from chaos.checkers import Check, Finding
from chaos.drivers.make import Stepped, stepped_driver
from chaos.judging.judge import judge
from chaos.judging.same_failure import overlaps, same_failure
from chaos.plan.plan import Plan
from chaos.plan.rpcs import SET_UP
from chaos.run.execution import Execution
from chaos.scripts.player import LEFT_OUT, STEPS_MAX, Played, Player
from chaos.steps.schedule import ENGINE_STEPS, ORDER, Item, Late, Operate, Rest, Step
from workers.protocol import DefectSource

EXECUTIONS_MAX = 20_000


class ShrinkError(Exception):
    """The failure can't be shrunk; the message is one sentence."""


class OutOfBudgetError(Exception):
    """The budget allows no more candidates; the best one so far is the result."""


def is_outside(item: Item) -> bool:
    """Return whether an item is a step of hosts, operator or nemesis."""
    return not isinstance(item, ORDER)


class Case(msgspec.Struct, frozen=True):
    """A script and its plan; ``to_the_end``: the run heals and audits, else it ends with the failure."""

    plan: Plan
    script: tuple[Item, ...]
    to_the_end: bool

    @property
    def size(self) -> tuple[int, int, int, int]:
        """The measures to minimize, the most important first."""
        layout = self.plan.layout
        parts = layout.reactors + layout.disks + self.plan.hosts
        return (self.outside, self.choices, parts, self.plan.blocks)

    @property
    def outside(self) -> int:
        """The number of steps of hosts, operator and nemesis."""
        return sum(map(is_outside, self.script))

    @property
    def set_up(self) -> int:
        """The number of first outside steps that only set the target up."""
        count = 0
        for item in filter(is_outside, self.script):
            if not (isinstance(item, Operate) and item.method in SET_UP):
                break
            count += 1
        return count

    @property
    def choices(self) -> int:
        """The number of scheduling choices off the default order.

        A choice is an engine step that the script names or that comes late. An outside step is one if it comes before the
        target is at rest: right after another one, or after a number of steps.
        """
        count = 0
        before: Item = Rest()
        for item in self.script:
            if isinstance(item, Late):
                count += 1
                continue
            if isinstance(item, Rest):
                count += item.steps > 0
            elif isinstance(item, ENGINE_STEPS) or is_outside(before):
                count += 1
            before = item
        return count


class Attempt(msgspec.Struct):
    """A candidate with the same failure, and its run up to that."""

    case: Case
    execution: Execution
    finding: Finding
    schedule: list[Step]
    numbers: list[int]  # by item of the case: the number of its step, or LEFT_OUT

    def bare(self, *, with_holds: bool) -> Case:
        """Return the case without the items left out; with holds, engine steps at its end stay, since they are held back."""
        script = self.case.script
        end = len(script)
        while (
            with_holds
            and end
            and self.numbers[end - 1] == LEFT_OUT
            and not is_outside(script[end - 1])
        ):
            end -= 1
        kept = [
            item
            for item, number in zip(script[:end], self.numbers[:end], strict=True)
            if number != LEFT_OUT
        ]
        return msgspec.structs.replace(self.case, script=(*_merged(kept), *script[end:]))


def _merged(items: list[Item]) -> list[Item]:
    """Merge neighbouring rests of a fixed length into one."""
    merged: list[Item] = []
    for item in items:
        before = merged[-1] if merged else None
        if isinstance(item, Rest) and isinstance(before, Rest) and item.steps and before.steps:
            merged[-1] = Rest(before.steps + item.steps)
        else:
            merged.append(item)
    return merged


def _digest(case: Case, patience: int) -> bytes:
    return hashlib.blake2b(msgspec.msgpack.encode((case, patience)), digest_size=16).digest()


class Shrinker:
    """Tries candidates for one failure."""

    def __init__(
        self,
        goal: Finding,
        defects: tuple[DefectSource, ...],
        checks: tuple[Check, ...],
        is_over: Callable[[], bool],
        on_progress: Callable[[Case, int], None] | None = None,
        gives_up: Callable[[], bool] = never,
    ) -> None:
        self.goal = goal
        self.defects = defects
        self.checks = checks
        self.executions = 0
        self._is_over = is_over
        self._on_progress = on_progress
        self._gives_up = gives_up
        self._driver: Stepped | None = None
        self._refused: set[bytes] = set()  # used only for membership
        self.best: Attempt | None = None
        self.is_finished = False  # no pass makes the best case smaller

    def attempt(self, case: Case, patience: int = STEPS_MAX) -> Attempt | None:
        """Play a candidate; return its attempt, which becomes the best, if it has the same failure, else None."""
        digest = _digest(case, patience)
        if digest in self._refused:
            return None
        if self._is_over() or self.executions >= EXECUTIONS_MAX:
            raise OutOfBudgetError
        outcome = self._play_bare(case, patience)
        if outcome is None or self._is_no_defects_fault(outcome.case, patience):
            self._refused.add(digest)
            return None
        if self.best is None or outcome.case.size <= self.best.case.size:
            self.best = outcome
        if self._on_progress is not None:
            self._on_progress(outcome.case, self.executions)
        return outcome

    def take_for_goal(self, case: Case) -> bool:
        """Make another list of stuck things the goal if it overlaps the present one."""
        played = self._played(case, self.defects, 0)
        found = next(
            (one for one in judge(played.execution, self.checks) if overlaps(self.goal, one)), None
        )
        if found is None:
            return False
        self.goal = found
        self._refused.clear()
        return True

    def improve(self, case: Case, smaller: Case, patience: int = STEPS_MAX) -> Attempt | None:
        """Play a smaller candidate; return its attempt if it has the same failure and its run is smaller."""
        outcome = self.attempt(smaller, patience)
        if outcome is not None:
            now = outcome.case
            if (now.size, len(now.script)) < (case.size, len(case.script)):
                return outcome
            # It won't be smaller than any later case either, so it is never tried again.
            self._refused.add(_digest(smaller, patience))
        return None

    def _play_bare(self, case: Case, patience: int) -> Attempt | None:
        """Play a candidate, and again without the items left out, as long as that fails as well.

        An engine step that was not reached was still held back, so without it the run may be another one.
        """
        outcome = self.play(case, self.defects, patience)
        while outcome is not None:
            bare = outcome.bare(with_holds=patience > 0)
            if bare == outcome.case:
                break
            barer = self.play(bare, self.defects, patience)
            if barer is None:
                break
            outcome = barer
        return outcome

    def play(
        self, case: Case, defects: tuple[DefectSource, ...], patience: int = STEPS_MAX
    ) -> Attempt | None:
        """Play a candidate; return None if the failure doesn't show."""
        played = self._played(case, defects, patience)
        execution = played.execution
        findings = judge(execution, self.checks)
        found = next((one for one in findings if same_failure(self.goal, one)), None)
        if found is None:
            return None
        if not case.to_the_end:
            # The run ends with the failure, so later findings don't count.
            findings = [one for one in findings if one.step <= found.step]
        if findings[0] is not found:
            return None
        last = len(execution.schedule) if case.to_the_end else found.step
        numbers = [number if number <= last else LEFT_OUT for number in played.numbers]
        return Attempt(case, execution, found, execution.schedule[:last], numbers)

    def _played(self, case: Case, defects: tuple[DefectSource, ...], patience: int) -> Played:
        self.executions += 1
        if self._driver is None:
            self._driver = stepped_driver(case.plan.target, self._gives_up)
        player = Player(case.plan, self._driver, defects)
        try:
            return player.play(list(case.script), to_the_end=case.to_the_end, patience=patience)
        except InterruptedRunError:
            raise OutOfBudgetError from None

    def _is_no_defects_fault(self, case: Case, patience: int) -> bool:
        """Return whether the reference engine fails alike, so that the omissions have made the script unfair.

        Another engine can't follow a recording of every step, so that one is checked only for hangs: an engine with too
        few steps to finish hangs.
        """
        is_asked = bool(self.defects) and (patience > 0 or case.to_the_end)
        return is_asked and self.play(case, (), patience) is not None
