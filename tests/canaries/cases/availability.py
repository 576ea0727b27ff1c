"""No I/O fails while a member works: device errors with members, without any, and between."""

from __future__ import annotations

from chaos.controller import Execution
from chaos.schedule import Operate
from tests.canaries.cases import Case, judged
from tests.stories import ERROR, MISCOMPARE, Story


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_availability", name, execution, *expected)


def online(*disks: int) -> Story:
    return Story().happen("raid.created", *disks)


CASES = [
    case(
        "no error",
        online(0, 1).write(1).read(2, 1).execution(),
    ),
    case(
        "a write failed",
        online(0, 1).send_write(1).answer(1, status=ERROR).execution(),
        "INVALID availability/error/write, ops 1",
        "3: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "a read failed, and another",
        online(0, 1)
        .write(1)
        .send_read(2)
        .send_read(3)
        .answer(3, status=ERROR)
        .answer(2, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 3",
        "6: read op 3 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "a flush failed",
        online(0, 1).send_flush(1).answer(1, status=ERROR).execution(),
        "INVALID availability/error/flush, ops 1",
        "3: flush op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "an error of another kind",
        online(0, 1).send_compare(1, 0).answer(1, status=MISCOMPARE).execution(),
    ),
    case(
        "an operator's request failed",
        online(0, 1).add(Operate(1, "bdev_raid_delete", ())).answer(1, status=ERROR).execution(),
    ),
    case(
        "no array yet",
        Story().send_read(1).answer(1, status=ERROR).execution(),
    ),
    case(
        "sent before there was an array",
        Story().send_read(1).happen("raid.created", 0, 1).answer(1, status=ERROR).execution(),
    ),
    case(
        "the last member was taken out",
        online(0)
        .happen("raid.last_member_removed")
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "sent during an outage",
        online(0)
        .happen("raid.deleted")
        .send_read(1)
        .happen("raid.assembled", 1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "sent after an outage",
        online(0)
        .happen("raid.deleted")
        .happen("raid.assembled", 1)
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 1",
        "5: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "sent after a kill",
        online(0)
        .kill()
        .send_read(1)
        .happen("raid.assembled", 1)
        .answer(1, status=ERROR)
        .send_read(2)
        .answer(2, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 2",
        "7: read op 2 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "assembled of nobody",
        online(0)
        .send_read(1)
        .happen("raid.assembled")
        .happen("rebuild.finished", 0, 1, 0)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 1",
        "5: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "sent first of all, and answered when there was an array",
        Story()
        .send_read(1)
        .happen("raid.created", 0)
        .answer(1, status=ERROR)
        .send_read(2)
        .answer(2, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 2",
        "5: read op 2 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "an answer to nobody",
        online(0).answer(7, status=ERROR).execution(),
    ),
]

EQUIVALENT = {
    "check_availability: 0: 0 is 1": "an array that comes online sets it, and without one nothing is found",
    "check_availability: 0: 0 is -1": "an array that comes online sets it, and without one nothing is found",
    "check_availability: 0: 0 is 1 (2)": "not looked at: nothing was sent",
    "check_availability: 0: 0 is -1 (2)": "not looked at: nothing was sent",
    "check_availability: sent < outage_ended: LtE": "no two entries have one index",
}
