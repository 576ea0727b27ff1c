"""What blocks may hold after a kill, a power loss, silent corruption: each read is judged by the register check."""

from __future__ import annotations

from chaos.steps.payload import FOREIGN, TORN
from tests.canaries.cases import Case, judged, tell_briefly
from tests.stories import ERROR, MISCOMPARE, Story


def case(name: str, story: Story, *expected: str) -> Case:
    return judged("check_register", name, story.execution(), *expected, say=tell_briefly)


CASES = [
    case(
        "killed",
        Story().write(1).send_write(2).kill().read(3, 2).read(4, 1).read(5, TORN).read(6, 0),
        "lost 0-0, ops 1 6, steps 2 12",
    ),
    case(
        "killed, and overwritten",
        Story()
        .send_write(2, 0, 2)
        .kill()
        .write(3)
        .read(4, TORN)
        .read(5, 2)
        .read(6, TORN, slba=1)
        .read(7, TORN, slba=2),
        "torn 0-0, ops 3 4, steps 4 6",
        "stale 0-0, ops 3 2 5, steps 4 8",
        "torn 2-2, ops 7, steps 11 12",
    ),
    case(
        "killed: what was acknowledged stays",
        Story().write(1).write(2).kill().read(3, 1),
        "stale 0-0, ops 2 1 3, steps 4 7",
    ),
    case(
        "killed: no cache is lost",
        Story().write(1).kill().read(3, 0),
        "lost 0-0, ops 1 3, steps 2 5",
    ),
    case(
        "torn beside a late read",
        Story().send_write(2).kill().send_read(3).write(4).answer(3, TORN),
    ),
    case(
        "power: unflushed",
        Story().write(1).write(2).lose_power().read(3, 2).read(4, 1).read(5, 0),
    ),
    case(
        "power: flushed",
        Story().write(1).flush(2).write(3).lose_power().read(4, 1).read(5, 3).read(6, 0),
        "lost 0-0, ops 3 6, steps 6 13",
    ),
    case(
        "power: replaced by a flushed one",
        Story().write(1).write(2).flush(3).lose_power().read(4, 1),
        "stale 0-0, ops 2 1 4, steps 4 9",
    ),
    case(
        "power: FUA",
        Story().write(1).write_fua(2).lose_power().read(3, 1),
        "stale 0-0, ops 2 1 3, steps 4 7",
    ),
    case(
        "power: overwritten",
        Story().write(1).lose_power().write(2).read(3, 1),
        "stale 0-0, ops 2 1 3, steps 5 7",
    ),
    case(
        "power: flushed too early",
        Story().send_flush(2).write(1).answer(2).lose_power().read(3, 0),
    ),
    case(
        "power: not flushed",
        Story().write(1).send_flush(2).answer(2, status=ERROR).lose_power().read(3, 0),
    ),
    case(
        "power: in flight",
        Story()
        .write_fua(1)
        .send_write(2, 0, 2)
        .lose_power()
        .read(3, 2)
        .read(4, TORN)
        .read(5, 1)
        .read(6, 0)
        .read(7, TORN, slba=2),
        "lost 0-0, ops 1 6, steps 2 12",
        "torn 2-2, ops 7, steps 13 14",
    ),
    case(
        "power: killed before, and torn",
        Story()
        .write_fua(1)
        .send_write(2)
        .kill()
        .lose_power()
        .read(3, TORN)
        .write_fua(4)
        .lose_power()
        .read(5, TORN),
        "torn 0-0, ops 4 5, steps 9 12",
    ),
    case(
        "power: killed before, and failed",
        Story()
        .write_fua(1)
        .send_write(2)
        .answer(2, status=ERROR)
        .lose_power()
        .read(3, 2)
        .write_fua(4)
        .lose_power()
        .read(5, 2),
        "stale 0-0, ops 4 2 5, steps 9 12",
    ),
    case(
        "power: never landed",
        Story().write_fua(1).compare(2, 7, status=MISCOMPARE).lose_power().read(3, 2),
        "stale 0-0, ops 1 2 3, steps 4 7",
    ),
    case(
        "power: flushed after it was lost",
        Story().write(1).lose_power().flush(2).lose_power().read(3, 0),
    ),
    case(
        "power: twice",
        Story()
        .write(1)
        .flush(2)
        .write(3)
        .flush(4)
        .write(5)
        .lose_power()
        .write(6)
        .lose_power()
        .read(7, 3)
        .read(8, 1),
        "resurrected 0-0, ops 6 3 7 1 8, steps 16 18",
    ),
    case(
        "power: two at once, flushed",
        Story()
        .send_write(1)
        .send_write(2)
        .answer(1)
        .answer(2)
        .flush(3)
        .lose_power()
        .read(4, 1)
        .read(5, 2)
        .read(6, 0),
        "lost 0-0, ops 2 6, steps 4 13",
    ),
    case(
        "power: of several blocks",
        Story().write(1, blocks=3).flush(2).lose_power().read(3, 0, 1, 0),
        "lost 0-0, ops 1 3, steps 2 7",
        "lost 2-2, ops 1 3, steps 2 7",
    ),
    case(
        "tainted",
        Story().write(1).rot(0).read(2, FOREIGN),
    ),
    case(
        "tainted, and overwritten",
        Story().write(1).rot(0).write(2).read(3, FOREIGN),
        "foreign 0-0, ops 2 3, steps 5 7",
    ),
    case(
        "tainted while it was overwritten",
        Story().send_write(1).rot(0).answer(1).read(2, FOREIGN),
    ),
    case(
        "tainted, and a neighbour",
        Story().write(1, blocks=3).rot(1).read(2, FOREIGN, FOREIGN, FOREIGN),
        "foreign 0-0, ops 1 2, steps 2 5",
        "foreign 2-2, ops 1 2, steps 2 5",
    ),
    case(
        "tainted, and overwritten beside",
        Story().write(1, blocks=2).rot(0).write(2, slba=1).read(3, FOREIGN),
    ),
    case(
        "tainted while a read was out",
        Story().write(1).send_read(2).rot(0).answer(2, FOREIGN),
    ),
    case(
        "tainted and overwritten while a read was out",
        Story().write(1).send_read(2).rot(0).write(3).answer(2, FOREIGN),
    ),
    case(
        "tainted when a read was sent",
        Story().write(1).rot(0).send_read(2).write(3).answer(2, FOREIGN),
    ),
    case(
        "tainted, and overwritten before power was lost",
        Story().write(1).rot(0).write(2).lose_power().read(3, FOREIGN),
    ),
    case(
        "tainted, and overwritten for good before power was lost",
        Story().write(1).rot(0).write_fua(2).lose_power().read(3, FOREIGN),
        "foreign 0-0, ops 2 3, steps 5 8",
    ),
    case(
        "power: unmapped",
        Story().write(1).unmap(2).lose_power().read(3, 1),
    ),
    case(
        "power: written again, twice at once",
        Story().write(1).write(2).lose_power().send_write(3).write(4).answer(3).write(5).read(6, 5),
    ),
]
