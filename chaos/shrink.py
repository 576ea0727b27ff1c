"""Shrinking: the smallest script that still shows the same failure.

A candidate is played in ``sim`` and judged. Named passes (``shrink_passes.py``) propose smaller ones, in a fixed order,
until none of them gets further; so the same failure shrinks to the same script, however fast the machine is, unless the
budget ends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from chaos.checkers import Check, Finding
from chaos.drivers.sim import SimDriver
from chaos.judge import judge
from chaos.plan import Plan
from chaos.recorder import Execution
from chaos.schedule import ENGINE_STEPS, Item, Rest, Step
from chaos.script import LEFT_OUT, STEPS_MAX, Player
from workers.protocol import DefectSource

EXECUTIONS_MAX = 20_000


class ShrinkError(Exception):
    """A failure can't be shrunk, in one sentence."""


class OutOfBudgetError(Exception):
    """No more candidates: what there is is what stays."""


class Case(msgspec.Struct, frozen=True):
    """A script and what it is played on; ``to_the_end``: healed and audited, else it ends with the failure."""

    plan: Plan
    script: tuple[Item, ...]
    to_the_end: bool

    @property
    def size(self) -> tuple[int, int, int, int]:
        """What is to become small, the most important first."""
        layout = self.plan.layout
        parts = layout.reactors + layout.disks + self.plan.hosts
        return (self.outside, self.choices, parts, self.plan.blocks)

    @property
    def outside(self) -> int:
        """Steps that are not the engine's own."""
        return sum(1 for item in self.script if not isinstance(item, (Rest, *ENGINE_STEPS)))

    @property
    def choices(self) -> int:
        """Scheduling choices off the default order.

        These are: an engine step whose place the script names, and a step from outside that comes before the target
        is at rest: right after another one, or after so many steps.
        """
        count = 0
        before: Item = Rest()
        for item in self.script:
            is_first = isinstance(before, (Rest, *ENGINE_STEPS))
            if isinstance(item, Rest):
                count += item.steps > 0
            elif isinstance(item, ENGINE_STEPS) or not is_first:
                count += 1
            before = item
        return count


class Outcome(msgspec.Struct):
    """A candidate that fails as it should: its case without what was left out, and its run up to the failure."""

    case: Case
    execution: Execution
    finding: Finding
    schedule: list[Step]
    numbers: list[int]  # per item of the case, the number of its step
    whole: Case  # with the engine steps that were held back to the end, too
    whole_numbers: list[int]


def same_failure(goal: Finding, found: Finding) -> bool:
    """Is it the same failure? What a hang or a leak consists of may become less, all else is the signature."""
    if (goal.check, goal.kind) != (found.check, found.kind):
        return False
    if goal.check in ("liveness", "references"):
        return set(found.shape.split("+")) <= set(goal.shape.split("+"))
    return goal.shape == found.shape


class Shrinker:
    """Tries candidates for one failure."""

    def __init__(
        self,
        goal: Finding,
        defects: tuple[DefectSource, ...],
        checks: tuple[Check, ...],
        is_over: Callable[[], bool],
        on_progress: Callable[[Case, int], None] | None = None,
    ) -> None:
        self.goal = goal
        self.defects = defects
        self.checks = checks
        self.executions = 0
        self._is_over = is_over
        self._on_progress = on_progress
        self._driver = SimDriver()
        self._refused: set[bytes] = set()  # only asked whether something is in it
        self.best: Outcome | None = None

    def attempt(self, case: Case, patience: int = STEPS_MAX) -> Outcome | None:
        """The candidate's outcome when it fails as it should, which makes it the best; else None."""
        digest = hashlib.blake2b(msgspec.msgpack.encode((case, patience)), digest_size=16).digest()
        if digest in self._refused:
            return None
        if self._is_over() or self.executions >= EXECUTIONS_MAX:
            raise OutOfBudgetError
        outcome = self.play(case, self.defects, patience)
        if outcome is None or (patience and self._is_no_defects_fault(outcome.case)):
            self._refused.add(digest)
            return None
        if self.best is None or outcome.case.size <= self.best.case.size:
            self.best = outcome
        if self._on_progress is not None:
            self._on_progress(outcome.case, self.executions)
        return outcome

    def play(
        self, case: Case, defects: tuple[DefectSource, ...], patience: int = STEPS_MAX
    ) -> Outcome | None:
        """Play a candidate; None when the failure doesn't show."""
        self.executions += 1
        player = Player(case.plan, self._driver, defects)
        played = player.play(list(case.script), to_the_end=case.to_the_end, patience=patience)
        execution = played.execution
        findings = judge(execution, self.checks)
        found = next((one for one in findings if same_failure(self.goal, one)), None)
        if found is None:
            return None
        if not case.to_the_end:
            # The run ends with the failure; what was found later doesn't come before it.
            findings = [one for one in findings if one.step <= found.step]
        if findings[0] is not found:
            return None
        pairs = list(zip(case.script, played.numbers, strict=True))
        taken = [
            (item, number)
            for item, number in pairs
            if number != LEFT_OUT and (case.to_the_end or number <= found.step)
        ]
        # An engine step whose turn hasn't come has been held back all the same.
        held = [pair for pair in pairs if pair in taken or isinstance(pair[0], ENGINE_STEPS)]
        schedule = execution.schedule
        return Outcome(
            _with_items(case, taken),
            execution,
            found,
            schedule if case.to_the_end else schedule[: found.step],
            [number for _, number in taken],
            _with_items(case, held),
            [number for _, number in held],
        )

    def settle(self, outcome: Outcome) -> Outcome:
        """With what was held back to the end, where the script doesn't play to its own run without it."""
        again = self.play(outcome.case, self.defects)
        if again is not None and again.schedule == outcome.schedule:
            return outcome
        return msgspec.structs.replace(outcome, case=outcome.whole, numbers=outcome.whole_numbers)

    def _is_no_defects_fault(self, case: Case) -> bool:
        """Does the reference engine fail alike? Then what was left out has made the script unfair."""
        return bool(self.defects) and self.play(case, ()) is not None


def _with_items(case: Case, pairs: list[tuple[Item, int]]) -> Case:
    return msgspec.structs.replace(case, script=tuple(item for item, _ in pairs))
