"""No I/O fails while a member works: device errors with members, without any, and between."""

from __future__ import annotations

from chaos.steps.schedule import Inject, Operate
from tests.canaries.cases import failing_bdevs, leaving, removals
from tests.canaries.cases.removals import case, hurt, online, remove
from tests.stories import ERROR, MISCOMPARE, Story, observed

CASES = [
    *removals.CASES,
    *leaving.CASES,
    *failing_bdevs.CASES,
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
        "the target was killed, and has no member yet",
        online(0, 1).kill().send_read(1).answer(1, status=ERROR).execution(),
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
        "assembled of no member",
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
        "an answer without a request",
        online(0).answer(7, status=ERROR).execution(),
    ),
    case(
        "the only member can't be read",
        hurt(online(0), (0, "read_errors")).send_read(1).answer(1, status=ERROR).execution(),
    ),
    case(
        "nor compared",
        hurt(online(0), (0, "bad_blocks")).send_compare(1, 0).answer(1, status=ERROR).execution(),
    ),
    case(
        "but written",
        hurt(online(0), (0, "read_errors")).send_write(1).answer(1, status=ERROR).execution(),
        "INVALID availability/error/write, ops 1",
        "4: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "one of two can't be read",
        hurt(online(0, 1), (0, "read_errors")).send_read(1).answer(1, status=ERROR).execution(),
        "INVALID availability/error/read, ops 1",
        "4: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "one member fails every I/O but has missed no write yet, the other one can't read some blocks",
        hurt(online(0, 1), (0, "disk_failure"), (1, "read_errors"))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "one member fails every I/O, the other one works",
        hurt(online(0, 1), (0, "disk_failure")).send_read(1).answer(1, status=ERROR).execution(),
        "INVALID availability/error/read, ops 1",
        "4: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "neither of two can be read",
        hurt(online(0, 1), (0, "read_errors"), (1, "bad_blocks"))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "healed",
        hurt(online(0), (0, "read_errors"), (0, "disk_heal"))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 1",
        "5: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "healed, since it was hurt twice",
        hurt(online(0), (0, "read_errors"), (0, "bad_blocks"), (0, "disk_heal"))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 1",
        "6: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "healed after the read was sent",
        hurt(hurt(online(0), (0, "read_errors")).send_read(1), (0, "disk_heal"))
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "another was healed",
        hurt(online(0), (0, "read_errors"), (1, "disk_heal"))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "hurt otherwise",
        hurt(online(0), (0, "disk_failure")).send_read(1).answer(1, status=ERROR).execution(),
        "INVALID availability/error/read, ops 1",
        "4: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "replaced",
        hurt(online(0), (0, "bad_blocks"), (0, "disk_return_blank"))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 1",
        "5: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "the only member can't be written",
        hurt(online(0), (0, "write_errors")).send_write(1).answer(1, status=ERROR).execution(),
    ),
    case(
        "the only member can't be written, and is read",
        hurt(online(0), (0, "write_errors")).send_read(1).answer(1, status=ERROR).execution(),
        "INVALID availability/error/read, ops 1",
        "4: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "the only member can't be read, and is written",
        hurt(online(0), (0, "bad_blocks")).send_write(1).answer(1, status=ERROR).execution(),
        "INVALID availability/error/write, ops 1",
        "4: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "one of two can't be written",
        hurt(online(0, 1), (0, "flush_errors")).send_write(1).answer(1, status=ERROR).execution(),
        "INVALID availability/error/write, ops 1",
        "4: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "the only member could be written again",
        hurt(online(0), (0, "unmap_errors"), (0, "disk_heal"))
        .send_unmap(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/unmap, ops 1",
        "5: unmap op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "sent while the only member couldn't be written",
        hurt(hurt(online(0), (0, "write_errors")).send_write(1), (0, "disk_heal"))
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "the only member is on its way out, and nothing is wrong with it",
        online(0)
        .happen("raid.removing_member", 1, 0)
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/write, ops 1",
        "4: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "the only member is on its way out and can't be written, but read",
        hurt(online(0).happen("raid.removing_member", 1, 0), (0, "write_errors"))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 1",
        "5: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "the only member is on its way out and can't be read, but written",
        hurt(online(0).happen("raid.removing_member", 1, 0), (0, "bad_blocks"))
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/write, ops 1",
        "5: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "a member removed without a request",
        hurt(online(0, 1).happen("raid.member_removed", 0, 1), (0, "write_errors"))
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "another member is on its way out",
        hurt(online(0, 1).happen("raid.removing_member", 0, 1), (0, "write_errors"))
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "the other member was removed, and rebuilt",
        hurt(online(0, 1).happen("raid.removing_member", 0, 1), (0, "write_errors"))
        .happen("raid.member_removed", 0, 1)
        .happen("rebuild.finished", 0, 1, 0)
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/write, ops 1",
        "7: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "killed while the other member was on its way out",
        hurt(online(0, 1).happen("raid.removing_member", 0, 1), (0, "write_errors"))
        .kill()
        .happen("raid.assembled", 0, 1)
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/write, ops 1",
        "7: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "returned as it was",
        hurt(online(0), (0, "bad_blocks"), (0, "disk_return"))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    *(
        case(
            f"{fault} on the only member, while it is written",
            hurt(online(0), (0, fault)).send_write(1).answer(1, status=ERROR).execution(),
        )
        for fault in ("unmap_errors", "flush_errors")
    ),
    case(
        "a smaller one in its place",
        hurt(online(0), (0, "bad_blocks"), (0, "disk_return_small"))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 1",
        "5: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "a fault that has hit it is healed before the other member goes",
        hurt(online(0, 1), (0, "flush_errors"))
        .send_flush(1)
        .add(Inject(93, "disk_heal", 0, ()))
        .add(remove(1))
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "a fault was healed before it was sent, and the other member goes",
        hurt(online(0, 1), (0, "flush_errors"), (0, "disk_heal"))
        .send_flush(1)
        .add(remove(1))
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/flush, ops 1",
        "6: flush op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "a fault was healed before it was sent, and is healed again",
        hurt(online(0), (0, "flush_errors"), (0, "disk_heal"))
        .send_flush(1)
        .add(Inject(93, "disk_heal", 0, ()))
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/flush, ops 1",
        "6: flush op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "two faults were healed, one of them before it was sent",
        hurt(online(0, 1), (0, "flush_errors"), (1, "flush_errors"), (0, "disk_heal"))
        .send_flush(1)
        .add(Inject(93, "disk_heal", 1, ()))
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/flush, ops 1",
        "7: flush op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "a write failed, where the order was observed",
        observed(online(0, 1).send_write(1).answer(1, status=ERROR).execution()),
        "INVALID availability/error/write, ops 1",
        "3: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
]

FIRST = "an array that comes online sets it, and without one nothing is found"
EQUIVALENT = {
    "_Array.took: 0: 0 is -1": "the request has one argument",
    "check_availability: 0: 0 is -1": FIRST,
    "check_availability: 0: 0 is 1 (2)": "not looked at: nothing was sent",
    "check_availability: 0: 0 is -1 (2)": "not looked at: nothing was sent",
    "check_availability: step is None or not array.members.disks or sent < outage_ended: without step is None": (
        "what was not sent counts as sent before anything could be wrong"
    ),
    "check_availability: sent < outage_ended: LtE": "no two entries have one index",
    "check_availability: sent <= blind: Lt": "what ends the blindness still counts to it, and is no I/O",
    "check_availability: sent <= barred: Lt": "as with the blindness",
}
