"""The possible content of blocks: the register check judges each read here."""

from __future__ import annotations

from types import ModuleType

from chaos.steps.schedule import WriteZeroes
from tests.canaries.cases import Case, durability, judged, tell_briefly
from tests.stories import ERROR, MISCOMPARE, PLAN_OF_TWO_NAMESPACES, Story

ENTRY = "register"


def case(name: str, story: Story, *expected: str) -> Case:
    return judged("check_register", name, story.execution(), *expected, say=tell_briefly)


def state(name: str, story: Story, *expected: str) -> Case:
    """Return the state of the first blocks at the end: newest acknowledged, candidates, readable values."""

    def ask(module: ModuleType) -> list[str]:
        registers = module.judge_reads(story.history, story.plan)[0]
        candidates = [list(registers.candidates_of(lba)) for lba in range(3)]
        allowed = [registers.allowed(lba) for lba in range(3)]
        return [f"{registers.newest_acknowledged[:3]} {candidates} {allowed}"]

    return Case(name, ask, list(expected))


CASES = [
    case(
        "a flush is for its own namespace",
        Story(PLAN_OF_TWO_NAMESPACES)
        .write(1, slba=3)
        .write(2, slba=4)
        .flush(3, 2)
        .lose_power()
        .read(4, 0, slba=3)
        .read(5, 0, slba=4),
        "lost 4-4, ops 2 5, steps 4 11",
    ),
    *durability.CASES,
    case(
        "never written",
        Story().read(1, 0),
    ),
    case(
        "written and read",
        Story().write(1).read(2, 1),
    ),
    case(
        "never lands, and was under way when seen",
        Story().write(1).send_compare(2, 7).send_read(3).answer(2, status=MISCOMPARE).answer(3, 2),
        "stale 0-0, ops 1 2 3, steps 5 6",
    ),
    case(
        "never lands beside another",
        Story()
        .send_write(1)
        .compare(2, 7, status=MISCOMPARE)
        .answer(1)
        .read(3, 1)
        .write(4)
        .read(5, 1),
        "stale 0-0, ops 4 1 5, steps 8 10",
    ),
    case(
        "old or new while a write is out",
        Story().write(1).send_write(2).read(3, 2).read(4, 1).answer(2).read(5, 2),
    ),
    case(
        "what was there when it was sent",
        Story().write(1).send_read(3).write(2).answer(3, 1),
    ),
    case(
        "what came while it was out",
        Story().write(1).send_read(3).write(2).answer(3, 2),
    ),
    case(
        "what came and went while it was out",
        Story().write(1).send_read(3).write(2).write(4).answer(3, 2),
    ),
    case(
        "what was under way and went while it was out",
        Story().write(1).send_write(2).send_read(3).answer(2).write(4).answer(3, 2),
    ),
    case(
        "what had gone before it was sent",
        Story().write(1).write(2).send_read(3).write(4).answer(3, 1),
        "stale 0-0, ops 2 1 3, steps 4 8",
    ),
    case(
        "what was possible and went while it was out",
        Story().send_write(1).answer(1, status=ERROR).send_read(2).write(3).answer(2, 1),
    ),
    case(
        "what was possible and had gone",
        Story().send_write(1).answer(1, status=ERROR).write(3).send_read(2).answer(2, 1),
        "stale 0-0, ops 3 1 2, steps 4 6",
    ),
    case(
        "failed, and here or not",
        Story().write(1).send_write(2).answer(2, status=ERROR).read(3, 2).read(4, 1),
    ),
    case(
        "failed, and gone",
        Story().write(1).send_write(2).answer(2, status=ERROR).write(3).read(4, 2),
        "stale 0-0, ops 3 2 4, steps 6 8",
    ),
    case(
        "failed over part of a write",
        Story()
        .write(1, blocks=3)
        .send_write(2, 1)
        .answer(2, status=ERROR)
        .read(3, 1, 2, 1)
        .write(4, blocks=3)
        .read(5, 4, 2, 4),
        "stale 1-1, ops 4 2 5, steps 8 10",
    ),
    case(
        "a failed write beside another",
        Story()
        .send_write(1)
        .send_write(2)
        .answer(1, status=ERROR)
        .answer(2)
        .read(3, 1)
        .read(4, 2)
        .write(5)
        .read(6, 2),
        "stale 0-0, ops 5 2 6, steps 10 12",
    ),
    case(
        "a late landing",
        Story().write(1).send_write(2).write(3, connection=3).read(4, 2).read(5, 3),
    ),
    case(
        "a late landing that was not yet over when it was replaced",
        Story().send_write(2).write(3, connection=3).end(1).read(4, 2),
    ),
    case(
        "no late landing after the end",
        Story().send_write(2).end(1).write(3, connection=3).read(4, 2),
        "stale 0-0, ops 3 2 4, steps 4 6",
    ),
    case(
        "the end of another connection",
        Story().send_write(2).end(5).write(3, connection=3).read(4, 2),
    ),
    case(
        "two at once, both acknowledged",
        Story().send_write(1).send_write(2).answer(2).answer(1).read(3, 1).read(4, 2).read(5, 0),
        "lost 0-0, ops 1 5, steps 4 10",
    ),
    case(
        "one of two went on",
        Story()
        .send_write(1)
        .send_write(2)
        .answer(2)
        .write(3)
        .read(4, 2)
        .read(5, 1)
        .answer(1)
        .read(6, 3)
        .write(7)
        .read(8, 3),
        "stale 0-0, ops 3 2 4, steps 5 7",
        "stale 0-0, ops 7 3 8, steps 14 16",
    ),
    case(
        "two at once over part of each other",
        Story()
        .send_write(1, 0, 2)
        .send_write(2, 1, 2)
        .answer(1)
        .answer(2)
        .read(3, 1, 1, 2)
        .read(4, 0)
        .read(5, 1, slba=2),
        "lost 0-0, ops 1 4, steps 3 8",
        "foreign 2-2, ops 2 1 5, steps 1 10",
    ),
    case(
        "neighbours don't disturb",
        Story()
        .send_write(1, 1)
        .send_write(2, 2)
        .answer(1)
        .write(3, slba=1)
        .read(4, 1, slba=1)
        .read(5, 2, slba=2)
        .read(6, 2, slba=3),
        "stale 1-1, ops 3 1 4, steps 5 7",
        "foreign 3-3, ops 2 6, steps 2 11",
    ),
    case(
        "unmapped",
        Story().write(1).unmap(2).read(3, 0).read(4, 1),
        "stale 0-0, ops 2 1 4, steps 4 8",
    ),
    case(
        "unmapped, then written",
        Story().unmap(1).write(2).read(3, 0),
        "lost 0-0, ops 2 3, steps 4 6",
    ),
    case(
        "unmapping while a read is out",
        Story().write(1).send_read(2).unmap(3).write(4).answer(2, 0),
    ),
    case(
        "unmapping when a read is sent",
        Story().write(1).send_unmap(2).send_read(3).answer(2).write(4).answer(3, 0),
    ),
    case(
        "an unmap that failed",
        Story()
        .write(1)
        .send_unmap(2)
        .answer(2, status=ERROR)
        .read(3, 0)
        .read(4, 1)
        .write(5)
        .read(6, 0),
        "lost 0-0, ops 5 6, steps 10 12",
    ),
    case(
        "an unmap that failed and went while a read was out",
        Story().write(1).send_unmap(2).answer(2, status=ERROR).send_read(3).write(4).answer(3, 0),
    ),
    case(
        "an unmap beside a write",
        Story()
        .write(1)
        .send_unmap(2)
        .send_write(3)
        .answer(2)
        .answer(3)
        .read(4, 0)
        .read(5, 3)
        .read(6, 1),
        "resurrected 0-0, ops 3 5 1 6, steps 10 12",
    ),
    case(
        "an unmap beside a write, and a slow read",
        Story()
        .write(1)
        .send_unmap(2)
        .send_write(3)
        .send_read(4)
        .answer(2)
        .answer(3)
        .write(5)
        .answer(4, 0),
    ),
    case(
        "an unmap that two others had replaced",
        Story()
        .write(1)
        .send_unmap(2)
        .send_unmap(3)
        .answer(3)
        .send_read(4)
        .answer(2)
        .write(5)
        .answer(4, 0)
        .read(6, 0),
        "lost 0-0, ops 5 6, steps 9 12",
    ),
    case(
        "an unmap long gone",
        Story().unmap(1).write(2).send_read(3).write(4).answer(3, 0),
        "lost 0-0, ops 2 3, steps 4 8",
    ),
    case(
        "an unmap of a neighbour",
        Story().write(1, blocks=3).send_read(2, 0, 3).unmap(3, slba=1).answer(2, 0, 0, 0),
        "lost 0-0, ops 1 2, steps 2 6",
        "lost 2-2, ops 1 2, steps 2 6",
    ),
    case(
        "a failed unmap where nothing was written",
        Story().send_unmap(1).answer(1, status=ERROR).read(2, 0),
    ),
    case(
        "a compare-and-write that expects itself",
        Story().write(1).compare(2, 2),
        "stale 0-0, ops 1 2, steps 2 4",
    ),
    case(
        "an unmap's number is no data",
        Story().write(1).unmap(2).read(3, 2),
        "foreign 0-0, ops 2 3, steps 3 6",
    ),
    case(
        "zeroes written over data",
        Story().write(1).add(WriteZeroes(2, 0, 1, 1, 0, 1)).answer(2).read(3, 0).read(4, 1),
        "stale 0-0, ops 2 1 4, steps 4 8",
    ),
    case(
        "data replaced while a read was out is no zeroes",
        Story().write(1).send_write(2).answer(2, status=ERROR).send_read(3).write(4).answer(3, 0),
        "lost 0-0, ops 1 3, steps 2 8",
    ),
    state("at the end: nothing", Story(), "[0, 0, 0] [[0], [0], [0]] [(0,), (0,), (0,)]"),
    state(
        "at the end: written and unmapped",
        Story().write(1, blocks=3).unmap(2, slba=1),
        "[1, 2, 1] [[1], [2], [1]] [(1,), (0,), (1,)]",
    ),
    state(
        "at the end: others under way beside",
        Story().send_write(1, 1).send_write(2, 2).send_write(3, 2).answer(2).answer(3),
        "[0, 0, 3] [[0], [0, 1], [2, 3]] [(0,), (0, 1), (2, 3)]",
    ),
    state(
        "at the end: failed and killed",
        Story().write(1, blocks=2).send_unmap(2).answer(2, status=ERROR).send_write(3, 1).kill(),
        "[1, 1, 0] [[1, 2], [1, 3, -1], [0]] [(1, 0), (1, 3, -1), (0,)]",
    ),
    state(
        "at the end: power lost",
        Story().write_fua(1).write(2, blocks=2).unmap(3).lose_power(),
        "[3, 2, 0] [[1, 2, 3], [0, 2], [0]] [(1, 2, 0), (0, 2), (0,)]",
    ),
]

INDEX = "no two entries have one index"
SETTLED = "a block with one candidate is judged as a settled one, only slower"
EQUIVALENT = {
    "Registers.acknowledged: self._zeroed_by and NEVER_WRITTEN in held[first:last]: "
    "without self._zeroed_by": "only saves time: a read sent before any block was zeroed has seen what it held",
    "Registers.acknowledged: self._zeroed_by and NEVER_WRITTEN in held[first:last]: "
    "without NEVER_WRITTEN in held[first:last]": "only saves time: each block is asked again",
    "Registers.never_landed: self._settle(lba): forgotten self._settle(lba)": SETTLED,
    "Registers.flushed: when < sent: LtE": INDEX,
    "Registers.power_lost: self._settle(lba): forgotten self._settle(lba)": SETTLED,
    "Registers.may_return: self._last_taint.get(lba, BEFORE_ALL) > sent: GtE": INDEX,
    "Registers._may_return_zeroes: superseded > sent: GtE": INDEX,
    "Registers._supersede: self._settle(lba): forgotten self._settle(lba)": SETTLED,
    "Registers._settle: 1: 1 is 0": SETTLED,
    "is_open_at: change.end > index: GtE": INDEX,
    "_ended_before: end < begun: LtE": INDEX,
}
