"""Changes that are in flight together come to all members in one order: the members, and what reads show of it."""

from __future__ import annotations

from chaos.run.execution import Execution, RunEnd
from chaos.steps.history import Compared
from tests.canaries.cases import in_doubt
from tests.canaries.cases.in_doubt import (
    AGREED,
    APART,
    acknowledged,
    case,
    differs,
    ends,
    held,
    online,
    sent,
)
from tests.stories import ERROR, Story


def rebuilt(story: Story, *values: int) -> Execution:
    """End a rebuild of disk 1 with this content, and the run with equal disks."""
    story.happen("rebuild.finished", 1, 1, 0)
    return ends(story.observe(Compared, "rebuild.finished", held(*values)), *AGREED)


def last(story: Story, copies: int) -> Execution:
    """Acknowledge both writes; these disks have the second one then."""
    return ends(story.answer(1).answer(2, copies=copies), 2, 2, 2)


def partly(step: int, shown: str) -> tuple[str, str]:
    return (
        "INVALID order/divergence/acknowledgement, ops 1 2, blocks 0-0, disk None",
        f"{step}: op 2 (block 0) was in flight together with op 1; all have ended, and the members don't agree whether it "
        f"came last: {shown}",
    )


def flipped(step: int, block: int = 0) -> tuple[str, str]:
    return (
        f"INVALID order/flipped/read, ops 1 2 3 4, blocks {block}-{block}, disk None",
        f"{step}: read op 4 of host 0 got op 1 in block {block}, but op 3 had read op 2 there when both writes had ended",
    )


MEMBERS = [
    case("both members have the same last one", ends(acknowledged(), 2, 2)),
    case("the members don't agree", ends(acknowledged()), *differs(5)),
    case(
        "disks in the order of their numbers",
        ends(acknowledged(online(1, 0))),
        *differs(5),
    ),
    case("a disk that is no member differs", ends(acknowledged(online(0, 2)), 1, 2, 1)),
    case("one after the other, and that is for other checks", ends(online(0, 1).write(1).write(2))),
    case("older data on one of them is for other checks", ends(acknowledged(), 1, 7)),
    case(
        "older data on a third one",
        ends(acknowledged(online(0, 1, 2)), 1, 7, 2),
        *differs(5, shown="disk 0: op 1, disk 1: op 7, disk 2: op 2"),
    ),
    case(
        "of three, the last two",
        ends(sent().answer(1).send_write(3).answer(2).answer(3), 2, 3),
        *differs(7, "1 2 3", shown="disk 0: op 2, disk 1: op 3"),
    ),
    case(
        "two pairs, one after the other",
        ends(acknowledged().send_write(3).send_write(4).answer(3).answer(4), 3, 4),
        *differs(9, "3 4", shown="disk 0: op 3, disk 1: op 4"),
    ),
    case(
        "only where they overlap, at a border",
        online(0, 1)
        .send_write(1, slba=0, blocks=2)
        .send_write(2, slba=1, blocks=2)
        .answer(1)
        .answer(2)
        .execution(disks=[[1, 1, 1, 0, 0, 0, 0, 0], [2, 2, 2, 0, 0, 0, 0, 0]]),
        *differs(5, block=1),
    ),
    case(
        "a third one is in flight elsewhere",
        ends(acknowledged(online(0, 1).send_write(3, slba=5)).answer(3)),
        *differs(7),
    ),
    case(
        "side by side",
        online(0, 1)
        .send_write(1, slba=0, blocks=2)
        .send_write(2, slba=2, blocks=2)
        .answer(1)
        .answer(2)
        .execution(disks=[[1] * 8, [2] * 8]),
    ),
    case(
        "the first of several blocks",
        online(0, 1)
        .send_write(1, blocks=3)
        .send_write(2, blocks=3)
        .answer(1)
        .answer(2)
        .execution(disks=[[2, 1, 1, *[0] * 5], [2, 2, 2, *[0] * 5]]),
        *differs(5, block=1),
    ),
    case(
        "stuck in the middle of a removal",
        acknowledged().execution(end=RunEnd.STUCK, disks=held(1, 2)),
    ),
    case("no member is left at the end", ends(acknowledged().happen("raid.deleted"))),
]

REBUILDS = [
    case(
        "at the end of a rebuild",
        rebuilt(acknowledged(online(0)), *APART),
        *differs(7, when="end of a rebuild"),
    ),
    case(
        "at the end of a rebuild, one of them is still in flight",
        rebuilt(sent(online(0)).answer(1), *APART),
    ),
    case(
        "at the end of a rebuild, another block is still being written",
        rebuilt(acknowledged(online(0)).send_write(3, slba=1), *APART),
        *differs(8, when="end of a rebuild"),
    ),
    case(
        "pulled since the rebuild has begun, and another device is in its place",
        rebuilt(
            acknowledged(online(0).happen("rebuild.started", 1, 1))
            .inject("disk_pull", 1)
            .inject("disk_return_blank", 1),
            *APART,
        ),
    ),
    case(
        "pulled and returned before",
        rebuilt(
            acknowledged(
                online(0)
                .inject("disk_pull", 1)
                .inject("disk_return", 1)
                .happen("rebuild.started", 1, 1)
            ),
            *APART,
        ),
        *differs(10, when="end of a rebuild"),
    ),
]

ACKNOWLEDGEMENTS = [
    case("the last one is on both members", last(sent(), 3)),
    case("the last one is on no member", last(sent(), 0)),
    case(
        "the last one is on one member",
        last(sent(), 2),
        *partly(5, "disk 0 lacks it, disk 1 holds it"),
    ),
    case(
        "the last one is on the other member, in the order of their numbers",
        last(sent(online(1, 0)), 1),
        *partly(5, "disk 0 holds it, disk 1 lacks it"),
    ),
    case(
        "the first one is on one member yet",
        ends(sent().answer(1, copies=1).answer(2, copies=3), *AGREED),
    ),
    case(
        "another block is still being written",
        last(sent(online(0, 1).send_write(3, slba=1)), 2),
        *partly(6, "disk 0 lacks it, disk 1 holds it"),
    ),
    case(
        "one of its blocks met another one",
        last(online(0, 1).send_write(1, slba=3).send_write(2, slba=2, blocks=2), 2),
        "INVALID order/divergence/acknowledgement, ops 1 2, blocks 2-3, disk None",
        "5: op 2 (blocks 2-3) was in flight together with op 1; all have ended, and the members don't agree whether it came "
        "last: disk 0 lacks it, disk 1 holds it",
    ),
    case(
        "it has met no other, and that is for another check",
        ends(online(0, 1).send_write(2).answer(2, copies=1), *AGREED),
    ),
    case(
        "the other one has failed",
        ends(sent().answer(1, status=ERROR).answer(2, copies=1), *AGREED),
    ),
    case(
        "the other one has failed, and met it in one of two blocks",
        ends(
            online(0, 1)
            .send_write(1, slba=1)
            .send_write(2, blocks=2)
            .send_write(3)
            .answer(3)
            .answer(1, status=ERROR)
            .answer(2, copies=1),
            *AGREED,
        ),
    ),
    case("a disk that is no member lacks it", last(sent(online(0, 2)), 5)),
    case("a member was pulled", last(sent(online(0, 1).inject("disk_pull", 1)), 1)),
]

RESTARTS = [
    case(
        "the target was killed after both",
        ends(acknowledged().kill().happen("raid.assembled", 0, 1)),
    ),
    case(
        "the target was killed with one in flight, and later ones meet",
        ends(
            online(0, 1)
            .send_write(7)
            .kill()
            .happen("raid.assembled", 0, 1)
            .send_write(1)
            .send_write(2)
            .answer(1)
            .answer(2)
        ),
        *differs(8),
    ),
    case(
        "the target was killed with one in flight, and a later one alone is on one member",
        ends(online(0, 1).send_write(2).kill().happen("raid.assembled", 0, 1).write(1)),
    ),
    case(
        "the power was lost after both",
        ends(acknowledged().lose_power().happen("raid.assembled", 0, 1)),
    ),
    case("the target was killed, and has no array since", ends(acknowledged().kill())),
    case("the power was lost, and there is no array since", ends(acknowledged().lose_power())),
]

READS = [
    case("two reads agree", ends(acknowledged().read(3, 2).read(4, 2), *AGREED)),
    case("two reads don't agree", ends(acknowledged().read(3, 2).read(4, 1), *AGREED), *flipped(9)),
    case(
        "reads of the second block",
        ends(
            online(0, 1)
            .send_write(1, slba=2)
            .send_write(2, slba=2)
            .answer(1)
            .answer(2)
            .read(3, 0, 2, slba=1)
            .read(4, 0, 1, slba=1),
            *AGREED,
        ),
        *flipped(9, 2),
    ),
    case(
        "both sent before one was answered",
        ends(acknowledged().send_read(3).send_read(4).answer(3, 2).answer(4, 1), *AGREED),
        *flipped(9),
    ),
    case(
        "the first was sent while one was in flight",
        ends(sent().answer(2).send_read(3).answer(1).answer(3, 2).read(4, 1), *AGREED),
    ),
    case(
        "the first was sent while another block was being written",
        ends(acknowledged().send_write(9, slba=1).read(3, 2).read(4, 1), *AGREED),
        *flipped(10),
    ),
    case(
        "the second read another block", ends(acknowledged().read(3, 2).read(4, 1, slba=1), *AGREED)
    ),
    case(
        "the second saw data that is neither's", ends(acknowledged().read(3, 2).read(4, 7), *AGREED)
    ),
    case(
        "written again since the first",
        ends(acknowledged().read(3, 2).write(5).read(4, 1), *AGREED),
    ),
    case(
        "the block was written again while the second waited",
        ends(
            acknowledged()
            .read(3, 2)
            .send_read(4)
            .send_write(1)
            .send_write(2)
            .answer(1)
            .answer(2)
            .read(6, 2)
            .answer(4, 1),
            *AGREED,
        ),
    ),
    case(
        "another block was written while the second waited",
        ends(acknowledged().read(3, 2).send_read(4).write(5, slba=1).answer(4, 1), *AGREED),
        *flipped(11),
    ),
    case("one was in flight alone", ends(online(0, 1).write(1).read(3, 1).read(4, 0), *AGREED)),
]

CASES = [*MEMBERS, *REBUILDS, *in_doubt.CASES, *ACKNOWLEDGEMENTS, *RESTARTS, *READS]
