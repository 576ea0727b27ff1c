"""The reading of a history: reads, answers, ends, and the possible content of blocks."""

from __future__ import annotations

from types import ModuleType

from chaos.steps.payload import FOREIGN
from chaos.steps.schedule import Inject
from tests.canaries.cases import Case, registers
from tests.canaries.cases.registers import case
from tests.stories import ERROR, MISCOMPARE, PLAN_WITH_SUPERBLOCK, Story


def entry_by_entry(module: ModuleType) -> list[str]:
    """Read a history entry by entry, as during a replay."""
    story = Story().write(1).read(2, 0)
    reader = module.Reader(story.plan, tracks_power=False)
    for index, entry in enumerate(story.history):
        reader.take(index, entry)
    return [f"{wrong.kind} {wrong.lba}" for wrong in reader.wrongs]


def tracked(module: ModuleType) -> list[str]:
    """Return whether a power loss is known before the first entry is read."""
    stories = [Story().write(1), Story().kill(), Story().write(1).lose_power().write(2)]
    readers = [module.reader_for(story.execution()) for story in stories]
    for reader in readers:
        reader.take(0, Story().write(1).history[0])
        reader.take(1, Story().write(1).history[1])
        reader.take(2, Story().lose_power().history[0])
    return [str(reader.registers.allowed(0)) for reader in readers]


CASES = [
    *registers.CASES,
    Case("entry by entry", entry_by_entry, ["lost 0"]),
    Case("power loss foreseen", tracked, ["(1,)", "(1,)", "(0, 1)"]),
    case(
        "never lands, and leaves what was there",
        Story().write(1).compare(2, 7, status=MISCOMPARE).read(3, 1),
    ),
    case(
        "a write that miscompares has only failed",
        Story().write(1).send_write(2).answer(2, status=MISCOMPARE).read(3, 2),
    ),
    case(
        "the second block",
        Story().write(1, blocks=3).write(4, slba=1).read(5, 1, 1, 1),
        "stale 1-1, ops 4 1 5, steps 4 6",
    ),
    case(
        "a failed read says nothing",
        Story().write(1).send_read(2).answer(2, 0, status=ERROR),
    ),
    case(
        "killed: no answer",
        Story()
        .write(1)
        .send_read(2)
        .send_write(3)
        .send_flush(4)
        .kill()
        .answer(2, 7)
        .answer(3)
        .answer(4)
        .read(5, 1),
    ),
    case(
        "compared",
        Story().write(1).compare(2, 1).read(3, 2),
    ),
    case(
        "compared while tainted",
        Story().write(1).rot(0).compare(2, 7),
    ),
    case(
        "power lost: no answer",
        Story()
        .write(1)
        .send_read(2)
        .send_write(3)
        .send_flush(4)
        .lose_power()
        .answer(2, 7)
        .answer(3)
        .answer(4)
        .lose_power()
        .read(5, 0),
    ),
    case(
        "tainted before the first block, and behind the last",
        Story(PLAN_WITH_SUPERBLOCK).write(1).rot(7).rot(16).read(2, FOREIGN),
        "foreign 0-0, ops 1 2, steps 2 6",
    ),
    case(
        "tainted behind a superblock",
        Story(PLAN_WITH_SUPERBLOCK)
        .write(1, blocks=8)
        .rot(8)
        .rot(15)
        .read(2, FOREIGN)
        .read(3, FOREIGN, slba=7)
        .read(4, FOREIGN, slba=6),
        "foreign 6-6, ops 1 4, steps 2 10",
    ),
    case(
        "another fault",
        Story().write(1).add(Inject(97, "read_errors", 0, (0,))).read(2, FOREIGN),
        "foreign 0-0, ops 1 2, steps 2 5",
    ),
    case(
        "misdirected by a disk",
        Story().write(1, blocks=7).happen("disk.misdirected", 0, 1, 4, 2).read(2, *[FOREIGN] * 7),
        "foreign 0-0, ops 1 2, steps 2 5",
        "foreign 3-3, ops 1 2, steps 2 5",
        "foreign 6-6, ops 1 2, steps 2 5",
    ),
    case(
        "another event",
        Story()
        .send_write(1)
        .happen("nvmf.qpair_connected", 1)
        .happen("disk.fault", 0, 1, 0, 2)
        .write(2, connection=2)
        .read(3, 1)
        .read(4, FOREIGN),
        "foreign 0-0, ops 2 4, steps 5 9",
    ),
    case(
        "a last block",
        Story().write(1, slba=7).read(2, 0, slba=7),
        "lost 7-7, ops 1 2, steps 2 4",
    ),
    case(
        "killed: a flush without an answer",
        Story().write(1).send_flush(2).kill().answer(2).lose_power().read(3, 0),
    ),
    case(
        "a compare-and-write that failed",
        Story().write(1).compare(2, 1, status=ERROR).read(3, 2),
    ),
    case(
        "too few blocks",
        Story().send_read(1, 2, 2).answer(1, 0),
        "short 2-2, ops 1, steps 1 2",
    ),
    case(
        "a crash tells nothing of blocks",
        Story().write(1).crash().read(2, 0),
        "lost 0-0, ops 1 2, steps 2 5",
    ),
]

FASTER = "only saves time: what a block held is always allowed, and a read changes nothing"
EQUIVALENT = {
    "Reader.take_all: entry.status == SUCCESS and entry.values != looked[2]: "
    "without entry.values != looked[2]": FASTER,
    "Reader.take_all: 1: 1 is 2": FASTER,
    "Reader.take_all: 1: 1 is 0": FASTER,
    "Reader.take_all: 2: 2 is 3": FASTER,
    "Reader.take_all: 2: 2 is 1": FASTER,
}
