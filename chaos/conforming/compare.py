"""One scenario compared: step by step, up to its end, its first difference, or the first step in which SPDK is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import msgspec
from msgspec import UNSET

from chaos.conforming.acknowledged import Acknowledged
from chaos.conforming.declared import Case, Declared, topic_of
from chaos.conforming.player import Player
from chaos.conforming.scenario import CRASH, HANG, NOT_PLAYED, Scenario, State, Step

COMPARED = ("code", "status", "data", "members", "state")


class Verdict(Enum):
    """The result of a comparison."""

    EQUAL = "equal"
    DECLARED = "differs as declared"
    SPDK_IS_WRONG = "equal up to where SPDK is wrong"
    DIFFERENT = "differs"


class Difference(msgspec.Struct, frozen=True):
    """One value: its place in the step, and both answers."""

    place: str
    spdk: Any
    ours: Any


class Parting(msgspec.Struct, frozen=True):
    """A step whose answers differ, or in which SPDK is wrong."""

    number: int  # from 1
    step: Step
    got: Step
    differences: list[Difference]
    topic: str = ""  # of the declared difference that this is
    spdk_is_wrong: str = ""
    sentence: str = ""  # what is wrong with ours, beside the differences


class Comparison(msgspec.Struct, frozen=True):
    """A scenario, and what came out."""

    scenario: Scenario
    verdict: Verdict
    partings: list[Parting]


def compare_engine(scenario: Scenario, player: Player) -> Comparison:
    """Compare the engine with a recording; a declared difference is passed over, but ends it if the states differ."""
    partings: list[Parting] = []
    acknowledged = Acknowledged(player)
    before: State | None = None
    for number, step in enumerate(scenario.steps, 1):
        got = player.play(step)
        acknowledged.take(step.do, got)
        wrong = step.spdk_is_wrong is not UNSET
        differences = list(differences_of(step, got))
        if not (wrong or differences):
            before = before if step.state is UNSET else step.state
            continue
        topic = topic_of(Case(scenario.setup, before, step, got))
        if wrong:
            sentence = _worse(scenario.steps[number:], got, player, acknowledged)
            partings.append(_parting(number, step, got, differences, topic, sentence))
            verdict = Verdict.DIFFERENT if sentence else Verdict.SPDK_IS_WRONG
            return Comparison(scenario, verdict, partings)
        sentence = player.end if topic is None else ""
        partings.append(_parting(number, step, got, differences, topic, sentence))
        if topic is None:
            return Comparison(scenario, Verdict.DIFFERENT, partings)
        if step.state is not UNSET and got.state != step.state:
            # What follows grew out of it, and can't be compared.
            if sentence := _worse(scenario.steps[number:], got, player, acknowledged):
                partings[-1] = msgspec.structs.replace(partings[-1], sentence=sentence)
                return Comparison(scenario, Verdict.DIFFERENT, partings)
            break
        before = before if step.state is UNSET else step.state
    return Comparison(scenario, Verdict.DECLARED if partings else Verdict.EQUAL, partings)


def compare_spdk(scenario: Scenario, player: Player) -> Comparison:
    """Compare SPDK's own code with a recording of it, mistakes included."""
    for number, step in enumerate(scenario.steps, 1):
        got = player.play(step)
        differences = list(differences_of(step, got))
        if differences:
            parting = _parting(number, step, got, differences, None, player.end)
            return Comparison(scenario, Verdict.DIFFERENT, [parting])
    return Comparison(scenario, Verdict.EQUAL, [])


def _parting(
    number: int,
    step: Step,
    got: Step,
    differences: list[Difference],
    topic: Declared | None,
    sentence: str = "",
) -> Parting:
    wrong = "" if step.spdk_is_wrong is UNSET else step.spdk_is_wrong
    name = "" if topic is None else topic.topic
    return Parting(number, step, got, differences, name, wrong, sentence)


def _worse(rest: list[Step], got: Step, player: Player, acknowledged: Acknowledged) -> str:
    """Play the rest; return what is wrong with the engine's answers, for it must answer and keep acknowledged data."""
    for step in [*rest, None]:
        if got.code in (CRASH, HANG):
            return f"the engine comes to its end: {player.end}"
        if lost := acknowledged.lost():
            return lost
        if step is not None:
            got = player.play(step)
            acknowledged.take(step.do, got)
    return ""


def differences_of(step: Step, got: Step) -> Iterator[Difference]:
    """Yield where the answers to a step differ."""
    for place in COMPARED:
        theirs, ours = getattr(step, place), getattr(got, place)
        # A look that depended on its moment was not recorded.
        if place == "state" and theirs is UNSET and got.code not in (CRASH, HANG, NOT_PLAYED):
            continue
        yield from _differences(place, _plain(theirs), _plain(ours))


def _plain(value: Any) -> Any:
    return None if value is UNSET else msgspec.to_builtins(value)


def _differences(place: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    if theirs == ours:
        return
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        for key in theirs:
            yield from _differences(f"{place}.{key}", theirs[key], ours[key])
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for at, pair in enumerate(zip(theirs, ours, strict=True)):
            yield from _differences(f"{place}[{at}]", *pair)
    else:
        yield Difference(place, theirs, ours)
