"""``raidstorm walk``: random walks beside SPDK's own code."""

from __future__ import annotations

from collections import Counter

import msgspec

from chaos.base.interrupt import Interrupt, InterruptedRunError, Patience
from chaos.checkers import Verdict as Code
from chaos.cli.parameters import Loudness, named_target
from chaos.cli.screen import Screen, count, print_json
from chaos.conforming.scenario import Recording, Scenario
from chaos.conforming.sides import UNITS, Side, engine_side, spdk_side
from chaos.conforming.walk import SPDK_ENDS, Walk, shrink, walk
from chaos.conforming.words import answer_words, operation_words

PERCENT = 100


class WalkArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    seed: int
    seeds: int
    output: str = "text"
    loudness: Loudness = Loudness.NORMAL


def run(arguments: WalkArguments) -> int:
    """Take the walks, print the differences, and return the exit code."""
    screen = Screen(arguments.loudness, output=arguments.output)
    target = named_target()
    assert target is not None, "the option is required"
    interrupt = Interrupt()
    interrupt.install()
    gives_up = Patience(interrupt)
    spdk, engine = spdk_side(target, UNITS, gives_up), engine_side(UNITS, gives_up)
    walks: list[Walk] = []
    try:
        with screen.progress("walks", arguments.seeds) as bar:
            for seed in range(arguments.seed, arguments.seed + arguments.seeds):
                if interrupt.requested:
                    raise InterruptedRunError
                found = walk(seed, spdk, engine)
                walks.append(found)
                if not found.is_equal:
                    bar.describe(f"walk {seed}: shrinking")
                    walks[-1] = found = shrink(found, spdk, engine, interrupt)
                bar.advance("")
                if screen.prints_text:
                    _show(screen, found)
    except InterruptedRunError:
        pass
    finally:
        _close(spdk, engine)
    if arguments.output == "json":
        print_json(_readable(walks))
    else:
        _summarize(screen, walks)
    if interrupt.requested:
        raise InterruptedRunError
    return int(Code.VALID if all(found.is_equal for found in walks) else Code.INVALID)


def _close(*sides: Side) -> None:
    for side in sides:
        side.driver.close()


def _show(screen: Screen, found: Walk) -> None:
    if found.is_equal:
        screen.detail(f"walk {found.seed}: {count(len(found.steps), 'step')}, equal")
        return
    disks = " ".join(map(str, found.setup.present)) or "none"
    screen.say(f"walk {found.seed} differs; disks plugged in at its start: {disks}", "red")
    for number, step in enumerate(found.steps, 1):
        screen.say(f"  {number:>2}  {operation_words(step.do):<34}  {answer_words(step)}", "dim")
    assert found.got is not None, "the engine has answered the last step, too"
    screen.say(f"      {'here the engine':<34}  {answer_words(found.got)}")
    screen.say("  as a scenario:")
    screen.verdict(msgspec.json.encode(_as_recording([found])).decode())


def _as_recording(walks: list[Walk]) -> Recording:
    target = named_target()
    scenarios = [
        Scenario(name=f"walk_{found.seed}", group="walk", setup=found.setup, steps=found.steps)
        for found in walks
        if not found.is_equal
    ]
    return Recording("spdk", target.version if target else "", UNITS, scenarios)


def _summarize(screen: Screen, walks: list[Walk]) -> None:
    equal = sum(found.is_equal for found in walks)
    passed = Counter(one.topic for found in walks for one in found.passed)
    for topic, number in passed.most_common():
        why = "" if topic.startswith(SPDK_ENDS) else "declared: "
        screen.say(f"  {count(number, 'step')} taken back; {why}{topic}", "dim")
    share = f" ({equal * PERCENT // len(walks)} %)" if walks else ""
    is_red = equal < len(walks)
    word, style = ("FAIL", "bold red") if is_red else ("PASS", "bold green")
    steps = count(sum(len(found.steps) for found in walks), "step")
    screen.verdict(
        f"{word}  {equal} of {count(len(walks), 'walk')}{share} without a difference that isn't declared; "
        f"{steps} compared",
        style,
    )


def _readable(walks: list[Walk]) -> dict[str, object]:
    return {
        "walks": len(walks),
        "equal": sum(found.is_equal for found in walks),
        "taken_back": dict(Counter(one.topic for found in walks for one in found.passed)),
        "differences": [
            {
                "seed": found.seed,
                "differences": msgspec.to_builtins(found.differences),
                "engine": msgspec.to_builtins(found.got),
            }
            for found in walks
            if not found.is_equal
        ],
        "recording": msgspec.to_builtins(_as_recording(walks)),
    }
