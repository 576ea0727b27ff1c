"""The facts about disks and their superblocks, and what is left of them when their target dies."""

from __future__ import annotations

from chaos.plan.rpcs import Rpc
from chaos.steps.schedule import Operate
from tests.canaries.cases.facts import (
    CONFIGURING,
    EMPTY,
    MEMBER,
    ONLINE,
    WITH,
    WITHOUT,
    case,
    inject,
    killed,
    online,
    pull,
    saw,
    started,
    wrote,
)
from tests.stories import Story


def foreign() -> Story:
    """Write the array's superblock to disk 0, and find another array's on disk 1."""
    return wrote(wrote(Story(WITH), 0), 1, array=6, by_target=False)


CASES = [
    # Superblocks.
    case("a superblock", wrote(Story(WITH), 0), "holds: state 0, superblock 0", "array 5"),
    case(
        "a superblock from outside",
        wrote(Story(WITH), 0, by_target=False),
        "holds: state 0, superblock 0, other superblock 0, newer superblock 0",
    ),
    case(
        "an old superblock of the array",
        wrote(wrote(Story(WITH), 0), 1, by_target=False),
        "holds: state 0, superblock 0, superblock 1",
        "array 5",
    ),
    case(
        "the first sequence number",
        wrote(Story(WITH), 0, sequence=0),
        "holds: state 0, superblock 0",
        "array 5",
    ),
    case(
        "a superblock that the array has outgrown",
        wrote(wrote(wrote(Story(WITH), 0), 1, by_target=False, sequence=2), 0, sequence=3),
        "holds: state 0, superblock 0, superblock 1",
        "held: newer superblock 1",
        "array 5",
    ),
    case(
        "a newer superblock of the array",
        wrote(wrote(Story(WITH), 0), 1, by_target=False, sequence=2),
        "holds: state 0, superblock 0, superblock 1, newer superblock 1",
        "array 5",
    ),
    case(
        "an unreadable superblock",
        wrote(wrote(Story(WITH), 0), 1, array=-1, sequence=-1),
        "holds: state 0, superblock 0, superblock 1, other superblock 1",
        "array 5",
    ),
    case(
        "a wiped superblock",
        wrote(wrote(Story(WITH), 0), 0, array=-1, sequence=-1, blank=True),
        "holds: state 0",
        "held: superblock 0",
        "array 5",
    ),
    case(
        "another array",
        wrote(wrote(Story(WITH), 0), 1, array=6),
        "holds: state 0, superblock 0, superblock 1, other superblock 0",
        "array 6",
    ),
    case(
        "an array that is assembled from a foreign disk",
        saw(foreign(), CONFIGURING, (EMPTY, -1), (MEMBER, 1)),
        "holds: state 1, source, free slot, members 2, slot 1, removable 1, superblock 0, superblock 1, other superblock 0",
        "held: state 0, other superblock 1",
        "array 6",
    ),
    case(
        "an array that is online with a foreign disk",
        saw(foreign(), ONLINE, (EMPTY, -1), (MEMBER, 1)),
        "holds: state 2, source, free slot, members 2, slot 1, removable 1, superblock 0, superblock 1, other superblock 1",
        "held: state 0",
        "array 5",
    ),
    case(
        "an array that waits, of a disk without a superblock and an unreadable one",
        saw(wrote(foreign(), 2, array=-1, sequence=-1), CONFIGURING, (MEMBER, 3), (MEMBER, 6)),
        "holds: state 1, source, slot 3, slot 6, removable 3, removable 6, superblock 0, superblock 1, superblock 2, "
        "other superblock 1, other superblock 2",
        "held: state 0",
        "array 5",
    ),
    case(
        "a foreign disk",
        inject(Story(WITH), 30, "disk_return_foreign"),
        "holds: state 0",
        "held: harmed 1",
    ),
    case(
        "a foreign disk without superblocks",
        inject(Story(WITHOUT), 30, "disk_return_foreign"),
        "holds: state 0, superblock 1, other superblock 1",
        "held: harmed 1",
    ),
    case(
        "a blank disk without superblocks",
        inject(Story(WITHOUT), 30, "disk_return_blank"),
        "holds: state 0",
        "held: harmed 1",
    ),
    case(
        "superblocks outlive their target",
        killed(wrote(Story(WITH), 0)),
        "holds: state 0, superblock 0",
        "array 5",
    ),
    # Disks.
    case(
        "started",
        started(),
        "holds: state 0, ready 0, ready 1, ready 2, registered 0, registered 1, registered 2",
    ),
    case("started with one", started(disks=(1,)), "holds: state 0, ready 1, registered 1"),
    case(
        "refused to start",
        Story(WITH).add(Operate(1, Rpc.FRAMEWORK_START_INIT, (0,))).answer(1, status=-5),
        "holds: state 0",
    ),
    case(
        "another request",
        Story(WITH).add(Operate(1, Rpc.BDEV_EXAMINE_AGAIN, (0,))).answer(1),
        "holds: state 0",
    ),
    case(
        "a disk is hit",
        inject(started(), 30, "disk_hang"),
        "holds: state 0, ready 0, ready 1, ready 2, registered 0, registered 1, registered 2",
        "held: harmed 1",
    ),
    case(
        "a disk is being pulled",
        pull(started()),
        "holds: state 0, ready 0, ready 2, registered 0, registered 1, registered 2",
        "held: ready 1, harmed 1",
    ),
    case(
        "a disk was pulled",
        pull(started()).happen("bdev.unregistered", 1).answer(30),
        "holds: state 0, ready 0, ready 2, registered 0, registered 2",
        "held: ready 1, registered 1, harmed 1",
    ),
    case(
        "a pull had no effect",
        pull(started()).answer(30, status=-16),
        "holds: state 0, ready 0, ready 1, ready 2, registered 0, registered 1, registered 2",
        "held: harmed 1",
    ),
    case(
        "a disk is back",
        inject(pull(started()).happen("bdev.unregistered", 1).answer(30), 31, "disk_return")
        .happen("bdev.registered", 1)
        .answer(31),
        "holds: state 0, ready 0, ready 1, ready 2, registered 0, registered 1, registered 2",
        "held: harmed 1",
    ),
    case(
        "a bdev was deleted when the target starts",
        started(story=inject(Story(WITH), 30, "bdev_delete").answer(30)),
        "holds: state 0, ready 0, ready 1, ready 2, registered 0, registered 1, registered 2",
        "held: harmed 1",
    ),
    case(
        "a bdev was deleted and created again when the target starts",
        started(story=inject(inject(Story(WITH), 30, "bdev_delete"), 31, "bdev_create")),
        "holds: state 0, ready 0, ready 2, registered 0, registered 1, registered 2",
        "held: harmed 1",
    ),
    case(
        "a disk is back and being pulled again",
        pull(
            inject(pull(started()).happen("bdev.unregistered", 1).answer(30), 31, "disk_return"), 32
        )
        .happen("bdev.registered", 1)
        .answer(31),
        "holds: state 0, ready 0, ready 2, registered 0, registered 1, registered 2",
        "held: ready 1, harmed 1",
    ),
    case(
        "a disk is pulled when the target starts",
        started(story=pull(Story(WITH)).answer(30)),
        "holds: state 0, ready 0, ready 2, registered 0, registered 2",
        "held: harmed 1",
    ),
    case(
        "another disk is back",
        started(story=inject(pull(Story(WITH)).answer(30), 31, "disk_return", 0)),
        "holds: state 0, ready 0, ready 2, registered 0, registered 2",
        "held: harmed 0, harmed 1",
    ),
    case(
        "a pulled disk is back before the target starts",
        started(story=inject(pull(Story(WITH)).answer(30), 31, "disk_return")),
        "holds: state 0, ready 0, ready 1, ready 2, registered 0, registered 1, registered 2",
        "held: harmed 1",
    ),
    case(
        "a disk arrives",
        Story(WITH).happen("bdev.registered", 0),
        "holds: state 0, ready 0, registered 0",
    ),
    case(
        "a disk grows",
        inject(Story(WITH), 30, "disk_grow"),
        "holds: state 0",
        "held: harmed 1",
        "sizes differ",
    ),
    case(
        "a small disk, and another fault",
        inject(inject(Story(WITH), 30, "disk_return_small"), 31, "disk_hang"),
        "holds: state 0",
        "held: harmed 1",
        "sizes differ",
    ),
    case(
        "a large disk",
        inject(Story(WITH), 30, "disk_return_large"),
        "holds: state 0",
        "held: harmed 1",
        "sizes differ",
    ),
    # Deaths of the target.
    case("killed", killed(started(story=online())), "holds: state 0"),
    case(
        "killed while a disk is being pulled",
        started(story=inject(killed(pull(started())), 31, "disk_return")),
        "holds: state 0, ready 0, ready 1, ready 2, registered 0, registered 1, registered 2",
        "held: harmed 1",
    ),
    case(
        "killed while it starts",
        killed(Story(WITH).add(Operate(1, Rpc.FRAMEWORK_START_INIT, (0,)))).answer(1),
        "holds: state 0",
    ),
    case(
        "killed with a disk pulled",
        started(story=killed(pull(started()).answer(30))),
        "holds: state 0, ready 0, ready 2, registered 0, registered 2",
    ),
    case(
        "killed, and disks are copied",
        started(story=killed(inject(pull(started()).answer(30), 31, "disk_grow"), (0, 1))),
        "holds: state 0, ready 0, ready 1, ready 2, registered 0, registered 1, registered 2",
    ),
    case("power was lost", online().lose_power(), "holds: state 0"),
    case(
        "a write is no death",
        online().write(1),
        "holds: state 2, source, members 65, slot 0, slot 6, removable 0, removable 6",
        "held: state 0",
    ),
]
