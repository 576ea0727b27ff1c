"""While blocks are quiesced, no client I/O of them is in flight on a member."""

from __future__ import annotations

from chaos.run.execution import Execution
from tests.canaries.cases import Case, judged
from tests.stories import PLAN, PLAN_WITH_SUPERBLOCK, Story, observed
from workers.bdev.io import IoType
from workers.bdev.stack import raid_bdev_id
from workers.reactor import FIRST_DYNAMIC_THREAD, FIRST_POLL_GROUP_THREAD


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_quiesce", name, observed(execution), *expected)


ARRAY = raid_bdev_id(PLAN.layout)
FIRST, LAST = FIRST_POLL_GROUP_THREAD, FIRST_DYNAMIC_THREAD - 1


def quiesced(
    first: int = 2, end: int = 4, *, lock: int = 9, thread: int = 0, story: Story | None = None
) -> Story:
    """Make an array of disks 0 and 1, and quiesce some of its blocks."""
    story = story or Story().happen("raid.created", 0, 1)
    return story.happen("bdev.quiesced", ARRAY, lock, first, end, thread=thread)


def io_then_event(
    story: Story,
    offset: int,
    count: int = 1,
    *,
    disk: int = 0,
    thread: int = FIRST,
    io_type: IoType = IoType.WRITE,
    note: str = "",
) -> Execution:
    """End an I/O on a disk, and then emit an event."""
    return (
        story.serve(disk, offset, count, thread=thread, io_type=io_type)
        .happen("raid.reset")
        .execution()
    )


def free(name: str, execution: Execution, *expected: str) -> Case:
    """Make the same without observations between the steps."""
    return judged("check_quiesce", name, execution, *expected)


CASES = [
    case(
        "before",
        io_then_event(quiesced(), 1),
    ),
    case(
        "at its begin",
        io_then_event(quiesced(), 2),
        "INVALID quiesce/overlap/write, ops none",
        "3: a write of thread 1 was in flight on disk 0 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "at its end",
        io_then_event(quiesced(), 3),
        "INVALID quiesce/overlap/write, ops none",
        "3: a write of thread 1 was in flight on disk 0 (block 3 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "behind",
        io_then_event(quiesced(), 4),
    ),
    case(
        "into it",
        io_then_event(quiesced(), 0, 3),
        "INVALID quiesce/overlap/write, ops none",
        "3: a write of thread 1 was in flight on disk 0 (blocks 0-2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "up to it",
        io_then_event(quiesced(), 0, 2),
    ),
    case(
        "a read",
        io_then_event(quiesced(), 2, io_type=IoType.READ),
        "INVALID quiesce/overlap/read, ops none",
        "3: a read of thread 1 was in flight on disk 0 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "a flush",
        io_then_event(quiesced(), 2, io_type=IoType.FLUSH),
    ),
    case(
        "of the other member",
        io_then_event(quiesced(), 2, disk=1),
        "INVALID quiesce/overlap/write, ops none",
        "3: a write of thread 1 was in flight on disk 1 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "of no member",
        io_then_event(quiesced(), 2, disk=2),
    ),
    case(
        "of the target",
        io_then_event(quiesced().happen("rebuild.started", 1, 2), 2, disk=2),
        "INVALID quiesce/overlap/write, ops none",
        "4: a write of thread 1 was in flight on disk 2 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "of the app thread",
        io_then_event(quiesced(thread=5), 2, thread=FIRST - 1),
    ),
    case(
        "of the first poll group",
        io_then_event(quiesced(), 2, thread=FIRST),
        "INVALID quiesce/overlap/write, ops none",
        "3: a write of thread 1 was in flight on disk 0 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "of the last poll group",
        io_then_event(quiesced(), 2, thread=LAST),
        "INVALID quiesce/overlap/write, ops none",
        "3: a write of thread 15 was in flight on disk 0 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "of a rebuild",
        io_then_event(quiesced(), 2, thread=LAST + 1),
    ),
    case(
        "of who holds it",
        io_then_event(quiesced(thread=FIRST), 2),
    ),
    case(
        "behind a superblock",
        io_then_event(quiesced(story=Story(PLAN_WITH_SUPERBLOCK).happen("raid.created", 0, 1)), 10),
        "INVALID quiesce/overlap/write, ops none",
        "3: a write of thread 1 was in flight on disk 0 (block 10 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "behind a superblock, and elsewhere",
        io_then_event(quiesced(story=Story(PLAN_WITH_SUPERBLOCK).happen("raid.created", 0, 1)), 3),
    ),
    case(
        "behind a superblock, and before it",
        io_then_event(quiesced(story=Story(PLAN_WITH_SUPERBLOCK).happen("raid.created", 0, 1)), 9),
    ),
    case(
        "behind a superblock, and behind it",
        io_then_event(quiesced(story=Story(PLAN_WITH_SUPERBLOCK).happen("raid.created", 0, 1)), 12),
    ),
    case(
        "over",
        io_then_event(quiesced().happen("bdev.unquiesced", ARRAY, 9), 2),
    ),
    case(
        "another one over",
        io_then_event(quiesced().happen("bdev.unquiesced", ARRAY, 8), 2),
        "INVALID quiesce/overlap/write, ops none",
        "4: a write of thread 1 was in flight on disk 0 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "over of another bdev",
        io_then_event(quiesced().happen("bdev.unquiesced", ARRAY - 1, 9), 2),
        "INVALID quiesce/overlap/write, ops none",
        "4: a write of thread 1 was in flight on disk 0 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "two, and in the second",
        io_then_event(quiesced(4, 6, lock=8, story=quiesced()), 5),
        "INVALID quiesce/overlap/write, ops none",
        "4: a write of thread 1 was in flight on disk 0 (block 5 there) while blocks 4-5 of the array were quiesced",
    ),
    case(
        "killed",
        io_then_event(quiesced().kill().happen("raid.assembled", 0, 1), 2),
    ),
    case(
        "power was lost",
        io_then_event(quiesced().lose_power().happen("raid.assembled", 0, 1), 2),
    ),
    case(
        "a member of the target that was killed",
        io_then_event(quiesced(story=quiesced().kill()), 2),
    ),
    case(
        "something else came to an end",
        io_then_event(quiesced().happen("rebuild.window_done", ARRAY, 9), 2),
        "INVALID quiesce/overlap/write, ops none",
        "4: a write of thread 1 was in flight on disk 0 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "a write isn't a kill",
        io_then_event(quiesced().write(1), 2),
        "INVALID quiesce/overlap/write, ops none",
        "5: a write of thread 1 was in flight on disk 0 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "before it was quiesced",
        quiesced(story=Story().happen("raid.created", 0, 1).serve(0, 2, thread=FIRST)).execution(),
    ),
    case(
        "with its last step",
        quiesced().serve(0, 2, thread=FIRST).execution(),
    ),
    case(
        "the first of several, in several steps",
        quiesced()
        .serve(0, 1, thread=FIRST)
        .serve(1, 2, thread=FIRST)
        .serve(0, 2, thread=FIRST)
        .happen("raid.reset")
        .execution(),
        "INVALID quiesce/overlap/read, ops none",
        "4: a read of thread 1 was in flight on disk 1 (block 2 there) while blocks 2-3 of the array were quiesced",
    ),
    case(
        "long before, and nothing since",
        quiesced(
            story=Story()
            .happen("raid.created", 0, 1)
            .serve(0, 2, thread=FIRST)
            .happen("raid.reset")
        )
        .happen("raid.reset")
        .execution(),
    ),
    case(
        "another bdev",
        io_then_event(
            Story()
            .happen("raid.created", 0, 1)
            .happen("bdev.quiesced", ARRAY - 1, 9, 2, 4, thread=0),
            2,
        ),
    ),
    free(
        "running free",
        io_then_event(quiesced(), 2),
    ),
]

EQUIVALENT = {
    "check_quiesce: 0: 0 is 1": "nothing is quiesced before the first entry",
    "check_quiesce: 0: 0 is -1": "nothing is quiesced before the first entry",
}
