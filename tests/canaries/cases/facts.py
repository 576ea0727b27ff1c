"""Stories for the facts by which answers are judged, and cases that ask for them."""

from __future__ import annotations

from types import ModuleType

from msgspec import structs

from chaos.checkers.target_facts import EVENTS
from chaos.plan.rpcs import Rpc
from chaos.steps.history import Completed, EngineEvent, Invoked, Seen, Written
from chaos.steps.schedule import Inject, Kill, Operate
from tests.canaries.cases import Case
from tests.stories import PLAN, PLAN_WITH_SUPERBLOCK, Story
from workers.bdev.stack import Stack
from workers.protocol import Layout

ABSENT, CONFIGURING, ONLINE, OFFLINE = range(4)
EMPTY, OCCUPIED, MEMBER, TARGET, FAILED, SCHEDULED = 0, 1, 3, 7, 11, 19
# The top of disk 2 is its error bdev, 6; the array is 3.
LAYOUT = Layout(2, 3, 20, 4, stacks=(0, 0, int(Stack.ERROR)))
WITH = structs.replace(PLAN_WITH_SUPERBLOCK, layout=LAYOUT)
WITHOUT = structs.replace(PLAN, layout=LAYOUT)
STACKED = structs.replace(WITH, layout=structs.replace(LAYOUT, array_passthru=True))
FACTS = [
    *(("state", state) for state in range(4)),
    *(
        (name,)
        for name in ("source", "free slot", "rebuild", "assembling", "writing", "finishing", "left")
    ),
    *(("members", mask) for mask in (0, 1, 2, 3, 64, 65)),
    *(
        (name, number)
        for name in (
            "slot",
            "removable",
            "left",
            "ready",
            "registered",
            "harmed",
            "superblock",
            "other superblock",
            "newer superblock",
            "attached",
            "listener",
            "group",
            "raid.created",
            "raid.deleted",
            "raid.member_too_small",
            "raid.superblock_ended",
            "rebuild.started",
            "bdev.reset",
            "disk.channel_failed",
            "nvmf.listener_changed",
            "nvmf.namespace_attached",
            "nvmf.poll_group_created",
        )
        for number in (-5, -1, 0, 1, 2, 3, 6)
    ),
]


def follow(facts, history) -> None:
    """Follow a history as the check does."""
    for now, entry in enumerate(history):
        facts.moments.now = now
        match entry:
            case EngineEvent() if entry.event.name in EVENTS:
                facts.observe(entry.event)
            case Seen():
                facts.saw(entry)
            case Written():
                facts.wrote(entry)
            case Invoked():
                facts.took(entry.step)
            case Completed():
                facts.answered(entry)
            case _:
                pass


def case(name: str, story: Story, *expected: str) -> Case:
    """Expected are the facts that hold in the end, those that held once, and the rest, where it isn't what it was at first."""

    def ask(module: ModuleType) -> list[str]:
        facts = module.TargetFacts(story.plan)
        follow(facts, story.history)
        holding = [fact for fact in FACTS if facts.moments.holds(fact)]
        over = [fact for fact in FACTS if facts.moments.ever(fact, -1) and fact not in holding]
        rest = [
            f"array {facts.array}" if facts.array != -1 else "",
            "sizes differ" if facts.sizes_differ else "",
            f"members {facts.members}" if facts.members else "",
            f"released {facts.released}" if facts.released else "",
        ]
        texts = [_text("holds", holding), _text("held", over), ", ".join(filter(None, rest))]
        return [text for text in texts if text]

    return Case(name, ask, list(expected))


def _text(word: str, facts: list) -> str:
    names = [" ".join(map(str, fact)) for fact in facts]
    return f"{word}: {', '.join(names)}" if names else ""


def saw(story: Story, state: int, *slots: tuple[int, int], thread: int = 0) -> Story:
    """See the array's record, with (flags, bdev) of each slot."""
    flags, bdevs = [flag for flag, _ in slots], [bdev for _, bdev in slots]
    return story.observe(Seen, state, 0, 0, 0, 0, flags, bdevs, thread)


def online(plan=WITH) -> Story:
    """Have disks 0 and 2 as members of an array that is online."""
    return saw(Story(plan), ONLINE, (MEMBER, 0), (MEMBER, 6))


def started(plan=WITH, disks=(0, 1, 2), story: Story | None = None) -> Story:
    """Start the target."""
    story = story or Story(plan)
    return story.add(Operate(1, Rpc.FRAMEWORK_START_INIT, disks)).answer(1)


def inject(story: Story, op: int, fault: str, disk: int = 1) -> Story:
    return story.add(Inject(op, fault, disk, ()))


def wrote(
    story: Story, disk: int, *, array=5, sequence=1, configured=3, by_target=True, blank=False
) -> Story:
    return story.observe(Written, disk, by_target, sequence, array, configured, blank)


def killed(story: Story, clones=()) -> Story:
    return story.add(Kill(90, clones))


def bdevs(name: str, plan, *expected: str) -> Case:
    """Expected are the bdevs with the facts that make them ready."""

    def ask(module: ModuleType) -> list[str]:
        ready = module.TargetFacts(plan).ready
        return [f"{bdev}: {' '.join(map(str, ready[bdev]))}" for bdev in sorted(ready)]

    return Case(name, ask, list(expected))


def pull(story: Story, op: int = 30, disk: int = 1) -> Story:
    return inject(story, op, "disk_pull", disk)
