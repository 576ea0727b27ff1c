"""Facts that begin and end: which held since a moment."""

from __future__ import annotations

from types import ModuleType

from tests.canaries.cases import Case

FACT, OTHER, THIRD = ("fact",), ("other", 1), ("third",)


def case(name: str, does, *expected: str) -> Case:
    """Do something at moment 5; expected is the text about the moments since 4, 5, 6 and 7, as they are at moment 7."""

    def ask(module: ModuleType) -> list[str]:
        moments = module.Moments()
        moments.now = 5
        does(moments)
        moments.now = 7
        return [_text(moments, fact) for fact in (FACT, OTHER)]

    return Case(name, ask, list(expected))


def _text(moments, fact) -> str:
    ever = [since for since in (4, 5, 6, 7) if moments.ever(fact, since)]
    always = [since for since in (4, 5, 6, 7) if moments.always(fact, since)]
    return f"{fact[0]} ever {ever}, always {always}, now {moments.holds(fact)}"


NOTHING = ("fact ever [], always [], now False", "other ever [], always [], now False")
HELD = "fact ever [4, 5, 6, 7], always [5, 6, 7], now True"
OVER = "fact ever [4], always [], now False"


def begins_twice(moments) -> None:
    moments.begin(FACT)
    moments.now = 6
    moments.begin(FACT)


def begins_and_ends(moments) -> None:
    moments.now = 4
    moments.begin(FACT)
    moments.now = 5
    moments.end(FACT)


def ends_twice(moments) -> None:
    begins_and_ends(moments)
    moments.now = 6
    moments.end(FACT)


def changes(moments) -> None:
    moments.change(FACT, holds=True)
    moments.change(OTHER, holds=True)
    moments.change(OTHER, holds=False)


def replaces(moments) -> None:
    moments.begin(FACT)
    moments.begin(OTHER)
    moments.now = 6
    moments.replace([FACT, OTHER], {FACT: None})


def replaces_by_new(moments) -> None:
    moments.begin(THIRD)
    moments.replace([THIRD], {FACT: None})


def clears(moments) -> None:
    moments.begin(FACT)
    moments.mark(OTHER)
    moments.clear()


CASES = [
    case("nothing", lambda _: None, *NOTHING),
    case("begun", lambda moments: moments.begin(FACT), HELD, NOTHING[1]),
    case("begun again", begins_twice, HELD, NOTHING[1]),
    case("over", begins_and_ends, OVER, NOTHING[1]),
    case("ended again", ends_twice, OVER, NOTHING[1]),
    case("never begun", lambda moments: moments.end(FACT), *NOTHING),
    case("marked", lambda moments: moments.mark(FACT), OVER, NOTHING[1]),
    case("changed", changes, HELD, "other ever [4], always [], now False"),
    case("replaced", replaces, HELD, "other ever [4, 5], always [], now False"),
    case("replaced by a new one", replaces_by_new, HELD, NOTHING[1]),
    Case("the beginning", lambda module: [str(module.Moments().now)], ["0"]),
    case("cleared", clears, *NOTHING),
]

EQUIVALENT = {"Moments.always: 1: 1 is 2": "both are after all moments that can be asked for"}
