"""No I/O fails while a member works, but a member that waits for its removal is unreliable."""

from __future__ import annotations

from tests.canaries.cases.removals import case, hurt, online, remove
from tests.stories import ERROR

CASES = [
    case(
        "a member waits to be removed, and the other one can't change some blocks",
        hurt(online(0, 1), (0, "write_errors"))
        .add(remove(1))
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "its removal is answered, but not emitted yet",
        hurt(online(0, 1), (0, "write_errors"))
        .add(remove(1))
        .answer(91)
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "the only member fails every I/O, a disk that is none can't be read",
        hurt(online(0), (0, "disk_failure"), (1, "read_errors"))
        .send_read(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/read, ops 1",
        "5: read op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "a member waits to be removed, and the other one fails every I/O",
        hurt(online(0, 1), (0, "disk_failure"))
        .add(remove(1))
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "the removal of a disk that is no member waits, and the only member fails every I/O",
        hurt(online(0), (0, "disk_failure"))
        .add(remove(1))
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/write, ops 1",
        "5: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "its removal was refused",
        hurt(online(0, 1), (0, "write_errors"))
        .add(remove(1))
        .answer(91, status=-19)
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/write, ops 1",
        "6: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "another member's removal was refused",
        hurt(online(0, 1), (0, "write_errors"))
        .add(remove(1))
        .answer(92, status=-19)
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "it was removed, and is a member again",
        hurt(online(0, 1), (0, "write_errors"))
        .add(remove(1))
        .happen("raid.member_removed", 5, 1)
        .answer(91)
        .happen("rebuild.started", 1, 1)
        .happen("rebuild.finished", 1, 1, 0)
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/write, ops 1",
        "9: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
    case(
        "another one was removed, and it still waits",
        hurt(online(0, 1, 2), (0, "write_errors"))
        .add(remove(1))
        .happen("raid.member_removed", 2, 2)
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
    ),
    case(
        "its removal was asked of a target that was killed since",
        hurt(online(0, 1), (0, "write_errors"))
        .add(remove(1))
        .kill()
        .happen("raid.assembled", 0, 1)
        .send_write(1)
        .answer(1, status=ERROR)
        .execution(),
        "INVALID availability/error/write, ops 1",
        "7: write op 1 of host 0 ended with Internal Device Error, though a member with all acknowledged data works",
    ),
]
