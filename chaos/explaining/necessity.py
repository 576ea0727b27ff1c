"""The need for each step of a script: the script is played without the step, and the result is a phrase."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from chaos.drivers.make import stepped_driver
from chaos.judging.judge import judge
from chaos.narrating.close_look import Moment
from chaos.scripts.player import LEFT_OUT, Player
from chaos.showing.wording.words import Words
from chaos.shrinking.lateness import STEPS_UNTIL_NEVER
from chaos.shrinking.shrinker import Case, Shrinker
from chaos.steps.schedule import ENGINE_STEPS, ORDER, EngineStep, Item, Late, OutsideStep, Rest

NeedKind = Literal["step", "choice"]
TRIES_MIN = 20  # independent of the time they take; more tries only where runs are short
STEPS_MAX = 3_000_000
IS_VALID = "the run is valid"
FAILS_ALIKE = "it fails all the same"
IMPOSSIBLE = "is no longer possible"
IS_UNFAIR = "the reference engine fails, too: the run would prove nothing about a defect"


class Need(msgspec.Struct, frozen=True):
    """A step of hosts, operator and nemesis, or a scheduling choice, and the result without it.

    ``item`` is its place in the script, from 0; ``step`` the number of its step.
    """

    item: int
    step: int
    kind: NeedKind
    what: str
    without: str

    @property
    def is_needed(self) -> bool:
        """Return whether the failure disappears without it."""
        return self.without != FAILS_ALIKE


class Change(msgspec.Struct, frozen=True):
    """One change of the script: a step or choice left out, and its name."""

    item: int
    kind: NeedKind
    what: str
    script: tuple[Item, ...]
    gone: bool  # the item is left out; otherwise only its place has changed


def needs(
    shrinker: Shrinker,
    case: Case,
    numbers: list[int],
    moments: list[Moment],
    is_over: Callable[[], bool] = lambda: False,
) -> list[Need]:
    """Return a row for each outside step and each choice; ``numbers`` are those of their steps.

    An interrupted explanation, or one that would take too long, has fewer rows.
    """
    found: list[Need] = []
    tries_max = max(TRIES_MIN, STEPS_MAX // max(1, len(moments)))
    for change in changes(case, numbers, moments):
        if is_over() or len(found) >= tries_max:
            break
        without = _without(shrinker, case, change)
        found.append(Need(change.item, numbers[change.item], change.kind, change.what, without))
    return found


def changes(case: Case, numbers: list[int], moments: list[Moment]) -> Iterator[Change]:
    """Return every single step or choice that can be left out."""
    words = Words(case.plan)
    script = case.script
    before: Item = Rest()
    for index, item in enumerate(script):
        less = (*script[:index], *script[index + 1 :])
        if isinstance(item, Rest):
            if item.steps:
                what = f"the next outside step comes {_steps(item.steps)} later, before the target is at rest"
                at_rest = (*script[:index], Rest(), *script[index + 1 :])
                yield Change(index, "choice", what, at_rest, False)
        elif isinstance(item, Late):
            yield Change(index, "choice", _late(item, words), less, True)
            continue
        elif isinstance(item, ENGINE_STEPS):
            yield Change(index, "choice", _choice(item, numbers[index], words, moments), less, True)
        else:
            yield Change(index, "step", words.step(item), less, True)
            if isinstance(before, ENGINE_STEPS) or not isinstance(before, Rest):
                what = f"it comes before the target is at rest: {words.step(item)}"
                at_rest = (*script[:index], Rest(), *script[index:])
                yield Change(index, "choice", what, at_rest, False)
        before = item


def _choice(item: EngineStep, number: int, words: Words, moments: list[Moment]) -> str:
    if number != LEFT_OUT:
        return f"just then {words.engine(item, moments[number - 1].note)}"
    return f"held back to the end: {words.engine(item)}"


def _late(item: Late, words: Words) -> str:
    long = "to the end" if item.steps >= STEPS_UNTIL_NEVER else f"for {_steps(item.steps)}"
    return f"held back {long}: {words.engine(item.step)}"


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _without(shrinker: Shrinker, case: Case, change: Change) -> str:
    """Run the script without it, and return the result in a phrase."""
    less = msgspec.structs.replace(case, script=change.script)
    if shrinker.play(less, shrinker.defects) is not None:
        is_unfair = bool(shrinker.defects) and shrinker.play(less, ()) is not None
        return IS_UNFAIR if is_unfair else FAILS_ALIKE
    player = Player(case.plan, stepped_driver(case.plan.target), shrinker.defects)
    played = player.play(list(less.script), to_the_end=case.to_the_end)
    findings = judge(played.execution, shrinker.checks)
    outcome = f"it fails in another way: {findings[0].signature}" if findings else IS_VALID
    if findings and played.execution.crash is not None:
        return outcome  # no further step was possible, and the rest of the result doesn't matter
    impossible = [
        item
        for item, number in zip(less.script, played.numbers, strict=True)
        if number == LEFT_OUT and not isinstance(item, ORDER)
    ]
    if not impossible:
        return outcome
    return f"{_impossible(impossible, case)}; {outcome}"


def _impossible(items: list[OutsideStep], case: Case) -> str:
    first = Words(case.plan).step(items[0])
    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    return f'"{first}"{more} {IMPOSSIBLE}'
