"""Random walks: an operator's requests and disk events on the engine and on SPDK's own code, until both differ.

A step whose difference is declared, or that ends SPDK, is taken back on both sides, and the walk goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from chaos.base.prng import Stream
from chaos.conforming.compare import Difference, differences_of
from chaos.conforming.declared import Case, topic_of
from chaos.conforming.mistakes import ARRAY, UNKNOWN_DISK
from chaos.conforming.player import Player
from chaos.conforming.scenario import CRASH, HANG, Operation, Setup, State, Step
from chaos.conforming.sides import Side

DISKS = 4
STEPS_MIN, STEPS_MAX = 15, 40
SIZE_MAX = 2
TRIES_PER_STEP = 3  # of steps that are taken back
SHRINK_TRIES_MAX = 300
SIZES = (0.5, 1.5)
SPDK_ENDS = "SPDK is at its end"
# Each operation with its weight; the second list is for a target without an array.
WEIGHTS = {
    "add": 6,
    "remove": 6,
    "pull": 4,
    "plug": 5,
    "replug": 4,
    "create": 1,
    "delete": 2,
    "both": 2,
    "restart": 3,
    "grow": 1,
    "examine": 1,
    "addns": 1,
    "rmns": 1,
}
WITHOUT_ARRAY = {
    "create": 8,
    "plug": 4,
    "replug": 3,
    "pull": 1,
    "add": 1,
    "delete": 1,
    "restart": 2,
}


class Passed(msgspec.Struct, frozen=True):
    """A step that was taken back."""

    topic: str
    step: Step


class Walk(msgspec.Struct, frozen=True):
    """A walk: SPDK's answers, and the first difference that isn't declared, in its last step."""

    seed: int
    setup: Setup
    steps: list[Step]
    passed: list[Passed]
    got: Step | None = None  # the engine's answers to the last step
    differences: list[Difference] = []

    @property
    def is_equal(self) -> bool:
        """Return whether nothing differs but as declared."""
        return not self.differences


class Pair:
    """Both sides, in the same state."""

    def __init__(self, setup: Setup, spdk: Side, engine: Side) -> None:
        self.setup = setup
        self._sides = (spdk, engine)
        self.steps: list[Step] = []
        self._begin()

    def _begin(self) -> None:
        spdk, engine = (side.player(self.setup, SIZE_MAX) for side in self._sides)
        self._players: tuple[Player, Player] = spdk, engine

    @property
    def state(self) -> State | None:
        """SPDK's state."""
        last = self.steps[-1].state if self.steps else UNSET
        return last if isinstance(last, State) else None

    @property
    def end(self) -> str:
        """Return how SPDK has ended, if it has."""
        return self._players[0].end

    def play(self, operation: Operation) -> tuple[Step, Step]:
        """Play an operation on both; return the answers of SPDK and the engine."""
        asked = Step(operation, settled=True)
        theirs, ours = (player.play(asked) for player in self._players)
        self.steps.append(theirs)
        return theirs, ours

    def take_back(self) -> None:
        """Undo the last step on both sides: everything before it is played again."""
        self.steps.pop()
        self._begin()
        for step in self.steps:
            for player in self._players:
                player.play(Step(step.do, settled=True))


def walk(seed: int, spdk: Side, engine: Side) -> Walk:
    """Take one walk, to its end or its first difference."""
    stream = Stream(seed, "walk")
    setup = _setup(stream.fork("setup"))
    pair = Pair(setup, spdk, engine)
    present = list(setup.present)
    passed: list[Passed] = []
    count = stream.between(STEPS_MIN, STEPS_MAX)
    for _ in range(count * TRIES_PER_STEP):
        if len(pair.steps) == count:
            break
        operation = _operation(stream, pair, present)
        before = pair.state
        theirs, ours = pair.play(operation)
        topic, differences = _judge(Case(setup, before, theirs, ours), pair.end)
        if topic:
            passed.append(Passed(topic, theirs))
            pair.take_back()
            continue
        if differences:
            return Walk(seed, setup, pair.steps, passed, ours, differences)
        _follow(operation, present)
    return Walk(seed, setup, pair.steps, passed)


def _judge(case: Case, end: str) -> tuple[str, list[Difference]]:
    """Return why a step is taken back, or what differs in it; ``end``: how SPDK has ended in it."""
    declared = topic_of(case)
    if declared is not None:
        return declared.topic, []
    differences = list(differences_of(case.step, case.got))
    if case.got.code in (CRASH, HANG):
        return "", differences or [Difference("code", "an answer", case.got.code)]
    if case.step.code in (CRASH, HANG):
        return f"{SPDK_ENDS}: {end}", []
    return "", differences


# The draws.


def _setup(stream: Stream) -> Setup:
    has_superblock = stream.chance(1, 2)
    sizes = {}
    if stream.chance(1, 4):
        sizes[stream.integer_below(DISKS)] = stream.choice(SIZES)
    return Setup(
        disks=DISKS,
        present=stream.shuffled(range(DISKS))[: stream.between(2, DISKS)],
        sizes=sizes,
        storage="aio" if has_superblock else "malloc",
        superblock=has_superblock,
    )


def _operation(stream: Stream, pair: Pair, present: list[int]) -> Operation:
    state = pair.state
    has_array = state is not None and state.state is not None
    weights = WEIGHTS if has_array else WITHOUT_ARRAY
    names = [name for name, weight in weights.items() for _ in range(weight)]
    superblock = pair.setup.superblock
    while True:
        name = stream.choice(names)
        made = _draw(name, stream, present, superblock=superblock)
        if made is not None:
            return made


def _draw(name: str, stream: Stream, present: list[int], *, superblock: bool) -> Operation | None:
    """Draw the operation's arguments; return None where it makes no sense now."""
    disks = list(range(DISKS))
    absent = [disk for disk in disks if disk not in present]
    disk = UNKNOWN_DISK if stream.chance(1, 30) else stream.choice(disks)
    match name:
        case "create":
            return [name, superblock, stream.shuffled(disks)[: stream.between(2, 3)]]
        case "delete":
            return [name, superblock and stream.chance(1, 3)]
        case "add" | "remove" | "examine":
            is_array = name == "add" and stream.chance(1, 30)
            return [name, ARRAY if is_array else disk]
        case "both":
            two = stream.shuffled(disks)[:2]
            return [name, *([["remove", one] for one in two])]
        case "plug":
            return [name, stream.choice(absent)] if absent else None
        case "pull" | "replug":
            return [name, stream.choice(present)] if present else None
        case "restart":
            return (
                [name, stream.shuffled(disks)[: stream.between(1, DISKS)]] if superblock else None
            )
        case "grow":
            return [name, stream.choice(present), SIZE_MAX] if present else None
        case _:
            return [name, 1]


def _follow(operation: Operation, present: list[int]) -> None:
    """Keep the list of the disks that are plugged in."""
    name, *args = operation
    match name:
        case "plug":
            present.append(args[0])
        case "pull":
            present.remove(args[0])
        case "restart":
            present[:] = args[0]
        case _:
            pass


# The smallest walk.


def shrink(found: Walk, spdk: Side, engine: Side, gives_up: Callable[[], bool]) -> Walk:
    """Leave out all steps that the difference doesn't need."""
    best = found
    wanted = _kind(found)
    tries = 0
    at = len(best.steps) - 1
    while at > 0 and tries < SHRINK_TRIES_MAX and not gives_up():
        at -= 1
        tries += 1
        fewer = [step.do for place, step in enumerate(best.steps) if place != at]
        again = _retaken(best, fewer, spdk, engine)
        if again is not None and _kind(again) == wanted:
            best = again
            at = min(at + 1, len(best.steps) - 1)
    return best


def _kind(found: Walk) -> tuple[object, ...]:
    places = sorted({difference.place.partition("[")[0] for difference in found.differences})
    return (found.steps[-1].operation, *places)


def _retaken(found: Walk, operations: list[Operation], spdk: Side, engine: Side) -> Walk | None:
    pair = Pair(found.setup, spdk, engine)
    for operation in operations:
        before = pair.state
        theirs, ours = pair.play(operation)
        topic, differences = _judge(Case(found.setup, before, theirs, ours), pair.end)
        if topic:
            return None
        if differences:
            return Walk(found.seed, found.setup, pair.steps, [], ours, differences)
    return None
