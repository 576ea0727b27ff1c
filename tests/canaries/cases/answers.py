"""Answers of RPCs, right and wrong."""

from __future__ import annotations

import msgspec

from chaos.plan.rpcs import Rpc
from chaos.run.execution import Execution, RunEnd
from chaos.steps.history import Completed, Seen
from tests.canaries.cases import armed_bdevs
from tests.canaries.cases.answer_reasons import (
    ADD,
    CREATE,
    DELETE,
    DIVIDED,
    GROUP,
    NEW,
    REMOVE,
    RESET,
)
from tests.canaries.cases.armed_bdevs import ask, case, ready, send
from tests.canaries.cases.facts import (
    ABSENT,
    EMPTY,
    MEMBER,
    ONLINE,
    WITH,
    inject,
    killed,
    online,
    saw,
    started,
    wrote,
)
from tests.stories import ENGINE_STEP, Story, observed
from workers.bdev.io import IoType
from workers.bdev.split import partition_id
from workers.errors import EALREADY

EXAMINE, WAIT, GET = Rpc.BDEV_EXAMINE_AGAIN, Rpc.BDEV_WAIT_FOR_EXAMINE, Rpc.BDEV_RAID_GET_BDEVS


def members(story: Story, value: int) -> Story:
    story = send(story, 9, GET)
    return story._add(ENGINE_STEP, Completed(story._number(), 9, 0, value, []))


def unobserved(story: Story) -> Execution:
    """Return the same run as free-running reactors report it."""
    return story.execution(
        history=[entry for entry in story.history if not isinstance(entry, Seen)]
    )


def old(story: Story) -> Execution:
    """Return the same run as it was stored before the bdevs in the slots were seen."""
    history = [
        msgspec.structs.replace(entry, bdevs=[]) if isinstance(entry, Seen) else entry
        for entry in story.history
    ]
    return story.execution(history=history)


CASES = [
    *armed_bdevs.CASES,
    case("nothing", Story(WITH)),
    case(
        "two deletions at once",
        send(send(online(), 8, DELETE, 0), 9, DELETE, 0).answer(9, status=EALREADY),
    ),
    case(
        "a deletion beside a creation",
        send(send(online(), 8, CREATE, 1, 5, 0, 6), 9, DELETE, 0).answer(9, status=EALREADY),
        "INVALID answers/code/bdev_raid_delete EALREADY, ops 9",
        "4: bdev_raid_delete(0) was answered with EALREADY, which is right only if another request deletes it; "
        "that did not hold at any moment from its sending to its answer",
    ),
    case(
        "a partition of the array is examined",
        ask(
            saw(started(story=Story(DIVIDED)).serve(0).serve(1).serve(2), ONLINE),
            9,
            EXAMINE,
            partition_id(DIVIDED.layout, 1),
        ),
    ),
    case(
        "a partition of an array that isn't online is examined",
        ask(
            started(story=Story(DIVIDED)).serve(0).serve(1).serve(2),
            9,
            EXAMINE,
            partition_id(DIVIDED.layout, 1),
        ),
        "INVALID answers/promise/bdev_examine_again OK, ops 9",
        "7: bdev_examine_again(15) was answered with OK, which promises that the bdev is there; that did not hold at any moment from its sending to its answer",
    ),
    # Errors.
    case("an error with its reason", ask(ready(), 9, ADD, 6, status=-19)),
    case(
        "an error without its reason",
        ask(ready(), 9, EXAMINE, 6, status=-19),
        "INVALID answers/code/bdev_examine_again ENODEV, ops 9",
        "7: bdev_examine_again(6) was answered with ENODEV, which is right only if the bdev can't be opened; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "an error that never comes",
        ask(ready(), 9, EXAMINE, 6, status=-5),
        "INVALID answers/code/bdev_examine_again EIO, ops 9",
        "7: bdev_examine_again(6) was answered with EIO, which this request never gets",
    ),
    case(
        "an error of no name",
        ask(ready(), 9, EXAMINE, 6, status=-999),
        "INVALID answers/code/bdev_examine_again an unknown error, ops 9",
        "7: bdev_examine_again(6) was answered with an unknown error, which this request never gets",
    ),
    case(
        "of the last request",
        ask(ask(ready(), 8, ADD, 6, status=-19), 9, REMOVE, 6, status=-5),
        "INVALID answers/code/bdev_raid_remove_base_bdev EIO, ops 9",
        "9: bdev_raid_remove_base_bdev(6) was answered with EIO, which is right only if a superblock can't be written; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "the reason came before",
        ask(
            saw(ready(), ONLINE, (MEMBER, 0), (MEMBER, 6)).happen("raid.superblock_ended", -5),
            9,
            REMOVE,
            6,
            status=-5,
        ),
        "INVALID answers/code/bdev_raid_remove_base_bdev EIO, ops 9",
        "9: bdev_raid_remove_base_bdev(6) was answered with EIO, which is right only if a superblock can't be written; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "the reason came meanwhile",
        send(online(), 9, REMOVE, 6).happen("raid.superblock_ended", -5).answer(9, status=-5),
    ),
    case("a host's read fails", online().send_read(9).answer(9, status=-5)),
    # Successes.
    case(
        "a promise kept",
        saw(send(online(), 9, REMOVE, 6), ONLINE, (MEMBER, 0), (EMPTY, -1)).answer(9),
    ),
    case(
        "a promise not kept",
        ask(online(), 9, REMOVE, 6),
        "INVALID answers/promise/bdev_raid_remove_base_bdev OK, ops 9",
        "3: bdev_raid_remove_base_bdev(6) was answered with OK, which promises that the bdev leaves its slot, or the array goes offline; that did not hold at any moment from its sending to its answer",
    ),
    case("members", members(online(), 65)),
    case(
        "other members",
        members(online(), 64),
        "INVALID answers/promise/bdev_raid_get_bdevs OK, ops 9",
        "3: bdev_raid_get_bdevs() was answered with OK, which promises that the answer lists the members of some moment; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "created, and not written everywhere",
        wrote(
            send(ready(), 9, CREATE, *NEW).happen("raid.created", 0, 2, thread=0), 0, configured=5
        ).answer(9),
        "INVALID answers/promise/bdev_raid_create OK, ops 9",
        "9: bdev_raid_create(1 5 0 6) was answered with OK, which promises that each member's superblock lists the members; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "created, and written everywhere",
        wrote(
            wrote(
                send(ready(), 9, CREATE, *NEW).happen("raid.created", 0, 2, thread=0),
                0,
                configured=5,
            ),
            2,
            configured=5,
        ).answer(9),
    ),
    # Requests in flight at the same time.
    case("a second addition", ask(send(online(), 8, ADD, 0), 9, ADD, 1, status=-1)),
    case(
        "an addition after another one",
        ask(ask(online(), 8, ADD, 0, status=-1), 9, ADD, 1, status=-1),
        "INVALID answers/code/bdev_raid_add_base_bdev EPERM, ops 9",
        "5: bdev_raid_add_base_bdev(1) was answered with EPERM, which is right only if the array waits or is being changed, or the bdev is claimed; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "an addition after two at the same time",
        ask(
            send(send(online(), 7, ADD, 0), 8, ADD, 0).answer(7, status=-1).answer(8, status=-1),
            9,
            ADD,
            1,
            status=-1,
        ),
        "INVALID answers/code/bdev_raid_add_base_bdev EPERM, ops 9",
        "7: bdev_raid_add_base_bdev(1) was answered with EPERM, which is right only if the array waits or is being changed, or the bdev is claimed; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "a reset ends beside an addition that began before a channel failed",
        send(send(ready(), 8, ADD, 6).happen("disk.channel_failed", 2), 9, RESET, 6).answer(
            9, status=-12
        ),
        "INVALID answers/code/bdev_reset ENOMEM, ops 9",
        "9: bdev_reset(6) was answered with ENOMEM, which is right only if the creation of a channel of a disk fails; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "an addition beside a removal",
        ask(send(online(), 8, REMOVE, 0), 9, ADD, 1, status=-1),
        "INVALID answers/code/bdev_raid_add_base_bdev EPERM, ops 9",
        "4: bdev_raid_add_base_bdev(1) was answered with EPERM, which is right only if the array waits or is being changed, or the bdev is claimed; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "two poll groups",
        ask(send(Story(WITH), 8, GROUP, 0), 9, GROUP, 1, status=-16),
        "INVALID answers/code/nvmf_create_poll_group EBUSY, ops 9",
        "3: nvmf_create_poll_group(1) was answered with EBUSY, which is right only if the reactor has a poll group, or it comes or goes; that did not hold at any moment from its sending to its answer",
    ),
    case("a poll group twice", ask(send(Story(WITH), 8, GROUP, 0), 9, GROUP, 0, status=-16)),
    case(
        "a reset ends with one that began before",
        send(send(ready(), 8, RESET, 6).happen("disk.channel_failed", 2), 9, RESET, 6).answer(
            9, status=-12
        ),
    ),
    case(
        "a reset after one with an error",
        ask(ready().happen("disk.channel_failed", 2), 9, RESET, 6, status=-12),
        "INVALID answers/code/bdev_reset ENOMEM, ops 9",
        "8: bdev_reset(6) was answered with ENOMEM, which is right only if the creation of a channel of a disk fails; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "an examination beside a reset",
        send(
            inject(send(ready(), 8, RESET, 6), 31, "disk_pull", 2)
            .happen("bdev.unregistered", 2)
            .happen("bdev.registered", 2)
            .answer(31),
            9,
            EXAMINE,
            6,
        ).answer(9, status=-19),
        "INVALID answers/code/bdev_examine_again ENODEV, ops 9",
        "12: bdev_examine_again(6) was answered with ENODEV, which is right only if the bdev can't be opened; that did not hold at any moment from its sending to its answer",
    ),
    # The death of a target.
    case("answered by no target", killed(send(online(), 9, REMOVE, 6)).answer(9)),
    case("answered after a loss of power", send(online(), 9, REMOVE, 6).lose_power().answer(9)),
    # What can be judged of other runs.
    case("not observed", unobserved(ask(online(), 9, REMOVE, 6))),
    case(
        "an error of an unobserved run",
        unobserved(ask(saw(ready(), ONLINE, (MEMBER, 0), (MEMBER, 6)), 9, REMOVE, 6, status=-5)),
    ),
    case(
        "an error that never comes, not observed",
        unobserved(ask(online(), 9, REMOVE, 6, status=-16)),
        "INVALID answers/code/bdev_raid_remove_base_bdev EBUSY, ops 9",
        "3: bdev_raid_remove_base_bdev(6) was answered with EBUSY, which this request never gets",
    ),
    case(
        "stored without bdevs",
        old(ask(saw(ready(), ONLINE, (MEMBER, 0), (MEMBER, 6)), 9, REMOVE, 6)),
    ),
    case(
        "without an array",
        ask(Story(WITH), 9, REMOVE, 6, status=-5),
        "INVALID answers/code/bdev_raid_remove_base_bdev EIO, ops 9",
        "2: bdev_raid_remove_base_bdev(6) was answered with EIO, which is right only if a superblock can't be written; that did not hold at any moment from its sending to its answer",
    ),
    # Examinations.
    case("waited for", ask(ask(ready(), 8, EXAMINE, 6).serve(2), 9, WAIT)),
    case(
        "not waited for",
        ask(ask(ready(), 8, EXAMINE, 6), 9, WAIT),
        "INVALID answers/promise/bdev_wait_for_examine OK, ops 9",
        "9: bdev_wait_for_examine() was answered with OK, which promises that each examination that had begun has ended; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "of the start not waited for",
        ask(started(), 9, WAIT),
        "INVALID answers/promise/bdev_wait_for_examine OK, ops 9",
        "4: bdev_wait_for_examine() was answered with OK, which promises that each examination that had begun has ended; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "of an arrival not waited for",
        ask(started(disks=(0, 1)).serve(0).serve(1).happen("bdev.registered", 2), 9, WAIT),
        "INVALID answers/promise/bdev_wait_for_examine OK, ops 9",
        "7: bdev_wait_for_examine() was answered with OK, which promises that each examination that had begun has ended; that did not hold at any moment from its sending to its answer",
    ),
    case(
        "of an arrival in an unobserved run",
        unobserved(started(disks=(0, 1)).happen("bdev.registered", 2)),
    ),
    case("examined later", send(ready(), 9, WAIT).answer(9)),
    case(
        "examined beside a wait",
        ask(send(ready(), 9, WAIT), 8, EXAMINE, 6).answer(9).serve(2),
    ),
    case(
        "never examined",
        ask(ready(), 8, EXAMINE, 6),
        "INVALID answers/promise/no examination, ops 8",
        "7: bdev 6 was to be examined, but its superblock was never read",
    ),
    case(
        "never examined before the run was cut short",
        observed(ask(started(), 8, EXAMINE, 6).execution(end=RunEnd.STUCK)),
    ),
    case("never examined before a kill", killed(ask(started(), 8, EXAMINE, 6))),
    case("examined by a run that nothing was seen of", unobserved(ask(started(), 8, EXAMINE, 6))),
    case(
        "examined in the last step",
        ask(ready(), 8, EXAMINE, 6).serve(2, io_type=IoType.READ),
    ),
    case(
        "refused to examine",
        ask(
            inject(ready(), 31, "disk_pull", 2),
            8,
            EXAMINE,
            6,
            status=-19,
        ),
    ),
    case("array states follow the record", ask(saw(online(), ABSENT), 9, ADD, 6, status=-19)),
]

EQUIVALENT = {
    "_Requests.observe: 0: 0 is -1": "the event has one argument",
    "_Requests.at_end: 1: 1 is 2": "no examination begins after the last entry",
    "check_answers: entry.step.__class__ is Write and requests.armed.armed: without requests.armed.armed": (
        "it saves time: nothing comes of a write that no bdev is armed for"
    ),
}
