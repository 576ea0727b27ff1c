"""The text about a read that returned wrong data: the fault, the disk, the events, word by word."""

from __future__ import annotations

from chaos.steps.payload import FOREIGN, MISDIRECTED, TORN
from chaos.steps.schedule import Read, WriteZeroes
from tests.canaries.cases import Case, judged
from tests.stories import ERROR, MISCOMPARE, PLAN_WITH_SUPERBLOCK, Story
from workers.bdev.io import IoType

ENTRY = "register"


def case(name: str, story: Story, *expected: str) -> Case:
    return judged("check_register", name, story.execution(), *expected)


CASES = [
    case(
        "lost",
        Story().write(1).read(2, 0),
        "INVALID register/lost/read, ops 1 2, blocks 0-0, disk None",
        "4: lost data: read op 2 of host 0 got zeroes in block 0, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  4: read op 2 of host 0 got zeroes in block 0",
    ),
    case(
        "stale",
        Story().write(1).write(2).read(3, 1),
        "INVALID register/stale/read, ops 2 1 3, blocks 0-0, disk None",
        "6: stale data: read op 3 of host 0 got op 1 in block 0, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  6: read op 3 of host 0 got op 1 in block 0",
    ),
    case(
        "stale, and served by a disk",
        Story().write(1).write(2).send_read(3).serve(1).answer(3, 1),
        "INVALID register/stale/read, ops 2 1 3, blocks 0-0, disk 1",
        "7: stale data: read op 3 of host 0 got op 1 in block 0 from disk 1, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  7: read op 3 of host 0 got op 1 in block 0 from disk 1",
    ),
    case(
        "served elsewhere, by others, before and after, in vain",
        Story()
        .write(1)
        .write(2)
        .serve(2)
        .send_read(3)
        .serve(0, thread=5)
        .serve(0, 1)
        .serve(0, io_type=IoType.WRITE)
        .serve(0, note="failed")
        .serve(1)
        .answer(3, 1)
        .serve(2),
        "INVALID register/stale/read, ops 2 1 3, blocks 0-0, disk 1",
        "12: stale data: read op 3 of host 0 got op 1 in block 0 from disk 1, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  12: read op 3 of host 0 got op 1 in block 0 from disk 1",
    ),
    case(
        "served by two",
        Story().write(1).write(2).send_read(3).serve(1).serve(0).answer(3, 1),
        "INVALID register/stale/read, ops 2 1 3, blocks 0-0, disk None",
        "8: stale data: read op 3 of host 0 got op 1 in block 0, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  8: read op 3 of host 0 got op 1 in block 0",
    ),
    case(
        "served by no known disk",
        Story().write(1).write(2).send_read(3).answer(3, 1).serve(0),
        "INVALID register/stale/read, ops 2 1 3, blocks 0-0, disk None",
        "6: stale data: read op 3 of host 0 got op 1 in block 0, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  6: read op 3 of host 0 got op 1 in block 0",
    ),
    case(
        "served behind a superblock",
        Story(PLAN_WITH_SUPERBLOCK)
        .write(1, slba=1, blocks=2)
        .send_read(2, 1, 2)
        .serve(0, 8)
        .serve(0, 11)
        .serve(1, 9, 2)
        .answer(2, 0, 0),
        "INVALID register/lost/read, ops 1 2, blocks 1-2, disk 1",
        "7: lost data: read op 2 of host 0 got zeroes in blocks 1-2 from disk 1, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  7: read op 2 of host 0 got zeroes in blocks 1-2 from disk 1",
    ),
    case(
        "served in two parts",
        Story().write(1, blocks=2).send_read(2, 0, 2).serve(1, 0).serve(1, 1).answer(2, 0, 0),
        "INVALID register/lost/read, ops 1 2, blocks 0-1, disk 1",
        "6: lost data: read op 2 of host 0 got zeroes in blocks 0-1 from disk 1, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  6: read op 2 of host 0 got zeroes in blocks 0-1 from disk 1",
    ),
    case(
        "served in the very last step",
        Story().write(1).add(Read(2, 0, 2, 1, 0, 1)).serve(0, thread=1).answer(2, 0),
        "INVALID register/lost/read, ops 1 2, blocks 0-0, disk 0",
        "5: lost data: read op 2 of host 0 got zeroes in block 0 from disk 0, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  5: read op 2 of host 0 got zeroes in block 0 from disk 0",
    ),
    case(
        "resurrected",
        Story().write(1).write(2).read(3, 2).read(4, 1),
        "INVALID register/resurrected/read, ops 2 3 1 4, blocks 0-0, disk None",
        "8: resurrected data: read op 4 of host 0 got op 1 in block 0, but op 3 had read op 2 there, which replaced it",
        "  6: op 3 had read op 2 there, which replaced it",
        "  8: read op 4 of host 0 got op 1 in block 0",
    ),
    case(
        "resurrected, whatever was seen since",
        Story().write(1).write(2).write(3).read(4, 3).read(5, 2).read(6, 2),
        "INVALID register/resurrected/read, ops 3 4 2 5, blocks 0-0, disk None",
        "10: resurrected data: read op 5 of host 0 got op 2 in block 0, but op 4 had read op 3 there, which replaced it",
        "  8: op 4 had read op 3 there, which replaced it",
        "  10: read op 5 of host 0 got op 2 in block 0",
        "INVALID register/resurrected/read, ops 3 4 2 6, blocks 0-0, disk None",
        "12: resurrected data: read op 6 of host 0 got op 2 in block 0, but op 4 had read op 3 there, which replaced it",
        "  8: op 4 had read op 3 there, which replaced it",
        "  12: read op 6 of host 0 got op 2 in block 0",
    ),
    case(
        "resurrected after a compare-and-write had matched",
        Story().write(1).write(2).compare(3, 2).read(4, 1),
        "INVALID register/resurrected/read, ops 3 2 1 4, blocks 0-0, disk None",
        "8: resurrected data: read op 4 of host 0 got op 1 in block 0, but op 3 had read op 2 there, which replaced it",
        "  6: op 3 had read op 2 there, which replaced it",
        "  8: read op 4 of host 0 got op 1 in block 0",
    ),
    case(
        "stale, since what was seen had not replaced it",
        Story().send_write(1).send_write(2).answer(1).answer(2).read(3, 2).write(4).read(5, 1),
        "INVALID register/stale/read, ops 4 1 5, blocks 0-0, disk None",
        "10: stale data: read op 5 of host 0 got op 1 in block 0, but write op 4 of that block was acknowledged before the read was sent",
        "  8: write op 4 of that block was acknowledged",
        "  10: read op 5 of host 0 got op 1 in block 0",
    ),
    case(
        "stale, since a read that failed has seen nothing",
        Story().write(1).write(2).send_read(3).answer(3, 2, status=ERROR).read(4, 1),
        "INVALID register/stale/read, ops 2 1 4, blocks 0-0, disk None",
        "8: stale data: read op 4 of host 0 got op 1 in block 0, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  8: read op 4 of host 0 got op 1 in block 0",
    ),
    case(
        "stale, since only a neighbour was seen",
        Story().write(1, blocks=2).write(2, blocks=2).read(3, 2).read(4, 1, slba=1),
        "INVALID register/stale/read, ops 2 1 4, blocks 1-1, disk None",
        "8: stale data: read op 4 of host 0 got op 1 in block 1, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  8: read op 4 of host 0 got op 1 in block 1",
    ),
    case(
        "stale, since what was seen was not its write",
        Story().write(1).write(2).read(3, 77).read(4, 1),
        "INVALID register/foreign/read, ops 2 77 3, blocks 0-0, disk None",
        "6: foreign data: read op 3 of host 0 got op 77 in block 0, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  6: read op 3 of host 0 got op 77 in block 0",
        "INVALID register/stale/read, ops 2 1 4, blocks 0-0, disk None",
        "8: stale data: read op 4 of host 0 got op 1 in block 0, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  8: read op 4 of host 0 got op 1 in block 0",
    ),
    case(
        "never lands, and seen",
        Story().write(1).compare(2, 7, status=MISCOMPARE).read(3, 2),
        "INVALID register/stale/read, ops 1 2 3, blocks 0-0, disk None",
        "6: stale data: read op 3 of host 0 got op 2 in block 0, but op 2 has changed nothing",
        "  4: op 2 has changed nothing",
        "  6: read op 3 of host 0 got op 2 in block 0",
    ),
    case(
        "foreign",
        Story().write(1).read(2, 77),
        "INVALID register/foreign/read, ops 1 77 2, blocks 0-0, disk None",
        "4: foreign data: read op 2 of host 0 got op 77 in block 0, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  4: read op 2 of host 0 got op 77 in block 0",
    ),
    case(
        "foreign, of another block",
        Story().write(1, slba=3, blocks=2).read(2, 1, slba=2).read(3, 1, slba=5),
        "INVALID register/foreign/read, ops 1 2, blocks 2-2, disk None",
        "4: foreign data: read op 2 of host 0 got op 1 in block 2, but write op 1 is for blocks 3-4",
        "  1: write op 1 is for blocks 3-4",
        "  4: read op 2 of host 0 got op 1 in block 2",
        "INVALID register/foreign/read, ops 1 3, blocks 5-5, disk None",
        "6: foreign data: read op 3 of host 0 got op 1 in block 5, but write op 1 is for blocks 3-4",
        "  1: write op 1 is for blocks 3-4",
        "  6: read op 3 of host 0 got op 1 in block 5",
    ),
    case(
        "foreign, of another kind",
        Story().write(1).unmap(2).read(3, 2),
        "INVALID register/foreign/read, ops 2 3, blocks 0-0, disk None",
        "6: foreign data: read op 3 of host 0 got op 2 in block 0, but unmap op 2 is for block 0",
        "  3: unmap op 2 is for block 0",
        "  6: read op 3 of host 0 got op 2 in block 0",
    ),
    case(
        "foreign, of no writer",
        Story().write(1).read(2, FOREIGN),
        "INVALID register/foreign/read, ops 1 2, blocks 0-0, disk None",
        "4: foreign data: read op 2 of host 0 got garbage in block 0, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  4: read op 2 of host 0 got garbage in block 0",
    ),
    case(
        "torn",
        Story().write(1).read(2, TORN),
        "INVALID register/torn/read, ops 1 2, blocks 0-0, disk None",
        "4: torn data: read op 2 of host 0 got garbage in block 0, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  4: read op 2 of host 0 got garbage in block 0",
    ),
    case(
        "misdirected, where nothing was written",
        Story().read(2, MISDIRECTED),
        "INVALID register/misdirected/read, ops 2, blocks 0-0, disk None",
        "2: misdirected data: read op 2 of host 0 got garbage in block 0",
        "  1: op 2 was sent",
        "  2: read op 2 of host 0 got garbage in block 0",
    ),
    case(
        "several blocks of two faults",
        Story().write(1, blocks=5).write(2, blocks=5).read(3, 1, 1, 0, 2, 1),
        "INVALID register/stale/read, ops 2 1 3, blocks 0-1, disk None",
        "6: stale data: read op 3 of host 0 got op 1 in blocks 0-1, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  6: read op 3 of host 0 got op 1 in blocks 0-1",
        "INVALID register/lost/read, ops 2 3, blocks 2-2, disk None",
        "6: lost data: read op 3 of host 0 got zeroes in block 2, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  6: read op 3 of host 0 got zeroes in block 2",
        "INVALID register/stale/read, ops 2 1 3, blocks 4-4, disk None",
        "6: stale data: read op 3 of host 0 got op 1 in block 4, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  6: read op 3 of host 0 got op 1 in block 4",
    ),
    case(
        "several values of one fault",
        Story().write(1).write(2, slba=1).write(3, blocks=2).read(4, 1, 2),
        "INVALID register/stale/read, ops 3 1 4, blocks 0-1, disk None",
        "8: stale data: read op 4 of host 0 got op 1, op 2 in blocks 0-1, but write op 3 of that block was acknowledged before the read was sent",
        "  6: write op 3 of that block was acknowledged",
        "  8: read op 4 of host 0 got op 1, op 2 in blocks 0-1",
    ),
    case(
        "two reads of one block",
        Story().write(1).send_read(2).send_read(3).answer(2, 0).answer(3, 0),
        "INVALID register/lost/read, ops 1 2, blocks 0-0, disk None",
        "5: lost data: read op 2 of host 0 got zeroes in block 0, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  5: read op 2 of host 0 got zeroes in block 0",
        "INVALID register/lost/read, ops 1 3, blocks 0-0, disk None",
        "6: lost data: read op 3 of host 0 got zeroes in block 0, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  6: read op 3 of host 0 got zeroes in block 0",
    ),
    case(
        "two reads of neighbours",
        Story().write(1, blocks=2).send_read(2).send_read(3, 1).answer(2, 0).answer(3, 0),
        "INVALID register/lost/read, ops 1 2, blocks 0-0, disk None",
        "5: lost data: read op 2 of host 0 got zeroes in block 0, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  5: read op 2 of host 0 got zeroes in block 0",
        "INVALID register/lost/read, ops 1 3, blocks 1-1, disk None",
        "6: lost data: read op 3 of host 0 got zeroes in block 1, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  6: read op 3 of host 0 got zeroes in block 1",
    ),
    case(
        "short",
        Story().send_read(1, 2, 2).answer(1, 0),
        "INVALID register/short/read, ops 1, blocks 2-2, disk None",
        "2: short data: read op 1 of host 0 of blocks 2-3 got 1 blocks",
        "  1: op 1 was sent",
        "  2: read op 1 of host 0 of blocks 2-3 got 1 blocks",
    ),
    case(
        "long",
        Story().send_read(1, 2).answer(1, 0, 0),
        "INVALID register/short/read, ops 1, blocks 2-2, disk None",
        "2: short data: read op 1 of host 0 of block 2 got 2 blocks",
        "  1: op 1 was sent",
        "  2: read op 1 of host 0 of block 2 got 2 blocks",
    ),
    case(
        "zeroes written",
        Story().write(1).add(WriteZeroes(2, 0, 1, 1, 0, 1)).answer(2).read(3, 1),
        "INVALID register/stale/read, ops 2 1 3, blocks 0-0, disk None",
        "6: stale data: read op 3 of host 0 got op 1 in block 0, but write zeroes op 2 of that block was acknowledged before the read was sent",
        "  4: write zeroes op 2 of that block was acknowledged",
        "  6: read op 3 of host 0 got op 1 in block 0",
    ),
    case(
        "compared with what is gone",
        Story().write(1).write(2).compare(3, 1),
        "INVALID register/stale/compare-and-write, ops 2 1 3, blocks 0-0, disk None",
        "6: stale data: compare-and-write op 3 of host 0 got op 1 in block 0, but write op 2 of that block was acknowledged before the read was sent",
        "  4: write op 2 of that block was acknowledged",
        "  6: compare-and-write op 3 of host 0 got op 1 in block 0",
    ),
    case(
        "served in two parts by two",
        Story().write(1, blocks=2).send_read(2, 0, 2).serve(0, 0).serve(1, 1).answer(2, 0, 0),
        "INVALID register/lost/read, ops 1 2, blocks 0-1, disk None",
        "6: lost data: read op 2 of host 0 got zeroes in blocks 0-1, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  6: read op 2 of host 0 got zeroes in blocks 0-1",
    ),
    case(
        "misdirected, and only a neighbour was written",
        Story().write(1).read(2, MISDIRECTED, slba=1),
        "INVALID register/misdirected/read, ops 2, blocks 1-1, disk None",
        "4: misdirected data: read op 2 of host 0 got garbage in block 1",
        "  3: op 2 was sent",
        "  4: read op 2 of host 0 got garbage in block 1",
    ),
    case(
        "lost after a kill, and what was acknowledged too late",
        Story().write(1).send_write(2).kill().answer(2).read(3, 0),
        "INVALID register/lost/read, ops 1 3, blocks 0-0, disk None",
        "7: lost data: read op 3 of host 0 got zeroes in block 0, but write op 1 of that block was acknowledged before the read was sent",
        "  2: write op 1 of that block was acknowledged",
        "  7: read op 3 of host 0 got zeroes in block 0",
    ),
    case(
        "resurrected, seen later than what came back",
        Story().write(1).read(2, 1).write(3).read(4, 3).read(5, 1),
        "INVALID register/resurrected/read, ops 3 4 1 5, blocks 0-0, disk None",
        "10: resurrected data: read op 5 of host 0 got op 1 in block 0, but op 4 had read op 3 there, which replaced it",
        "  8: op 4 had read op 3 there, which replaced it",
        "  10: read op 5 of host 0 got op 1 in block 0",
    ),
    case(
        "resurrected, seen twice",
        Story().write(1).write(2).read(3, 2).read(4, 2).read(5, 1),
        "INVALID register/resurrected/read, ops 2 3 1 5, blocks 0-0, disk None",
        "10: resurrected data: read op 5 of host 0 got op 1 in block 0, but op 3 had read op 2 there, which replaced it",
        "  6: op 3 had read op 2 there, which replaced it",
        "  10: read op 5 of host 0 got op 1 in block 0",
    ),
    case(
        "several strange values",
        Story().read(1, FOREIGN, 77, FOREIGN),
        "INVALID register/foreign/read, ops 1, blocks 0-2, disk None",
        "2: foreign data: read op 1 of host 0 got garbage, op 77 in blocks 0-2",
        "  1: op 1 was sent",
        "  2: read op 1 of host 0 got garbage, op 77 in blocks 0-2",
    ),
]

EQUIVALENT = {
    "_was_seen_replaced: sight.begun > end: GtE": "no two entries have one index",
}
