"""Superblocks only go forward, can be read, and list no member as CONFIGURED that lacks data."""

from __future__ import annotations

from chaos.run.execution import Execution
from chaos.steps.history import Written
from chaos.steps.schedule import Inject
from tests.canaries.cases import Case, judged
from tests.stories import PLAN, PLAN_WITH_SUPERBLOCK, Story


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_superblock", name, execution, *expected)


def online(plan=PLAN_WITH_SUPERBLOCK) -> Story:
    return Story(plan).happen("raid.created", 0, 1)


def written(
    story: Story,
    disk: int,
    sequence: int,
    configured: int = 3,
    *,
    array: int = 1,
    by_target: bool = True,
    blank: bool = False,
) -> Story:
    return story.observe(Written, disk, by_target, sequence, array, configured, blank)


def both(sequence: int = 1, configured: int = 3) -> Story:
    return written(written(online(), 0, sequence, configured), 1, sequence, configured)


def changed(story: Story, copies: int) -> Execution:
    """Acknowledge a change that these disks have."""
    return story.send_write(1, 2, 3).answer(1, copies=copies).execution()


def replaced(story: Story, disk: int, fault: str = "disk_return_blank") -> Story:
    return story.add(Inject(90, fault, disk, ()))


def same_step(story: Story, disk: int, sequence: int) -> Story:
    """Write superblocks in the newest step."""
    story.history.append(Written(len(story.schedule), disk, True, sequence, 1, 3, False))
    return story


CASES = [
    case(
        "forward",
        written(written(written(online(), 0, 1), 0, 1), 0, 2).execution(),
    ),
    case(
        "back",
        written(written(online(), 0, 2), 0, 1).execution(),
        "INVALID superblock/invariant/sequence, ops none",
        "3: the superblock on disk 0 went back from sequence 2 to 1",
    ),
    case(
        "back on another disk",
        written(written(online(), 0, 2), 1, 1).execution(),
    ),
    case(
        "back by hands outside",
        written(written(online(), 0, 2), 0, 1, by_target=False).execution(),
    ),
    case(
        "back, of another array",
        written(written(online(), 0, 2), 0, 1, array=2).execution(),
    ),
    case(
        "back after it was wiped",
        written(written(written(online(), 0, 2), 0, -1, blank=True), 0, 1).execution(),
    ),
    case(
        "the very first sequence number",
        written(online(), 0, 0).execution(),
    ),
    case(
        "can't be read",
        written(online(), 0, -1).execution(),
        "INVALID superblock/invariant/unreadable, ops none",
        "2: the superblock just written to disk 0 can't be read",
    ),
    case(
        "wiped by the target",
        written(online(), 0, -1, blank=True).execution(),
    ),
    case(
        "broken by hands outside",
        written(online(), 0, -1, by_target=False).execution(),
    ),
    case(
        "no superblocks in this plan",
        written(written(online(PLAN), 0, 2), 0, 1).execution(),
    ),
    case(
        "all have it",
        changed(both(), 3),
    ),
    case(
        "one lacks it, and is called CONFIGURED",
        changed(both(), 1),
        "INVALID superblock/invariant/configured, ops 1",
        "5: write op 1 of host 0 (blocks 2-4) was acknowledged without disk 1, which the newest superblock (sequence 1, on disk 0) calls CONFIGURED: a restart would read it there",
    ),
    case(
        "the first lacks it, and is called CONFIGURED",
        changed(both(), 2),
        "INVALID superblock/invariant/configured, ops 1",
        "5: write op 1 of host 0 (blocks 2-4) was acknowledged without disk 0, which the newest superblock (sequence 1, on disk 0) calls CONFIGURED: a restart would read it there",
    ),
    case(
        "an unmap that one lacks",
        both().send_unmap(1, 2, 3).answer(1, copies=1).execution(),
        "INVALID superblock/invariant/configured, ops 1",
        "5: unmap op 1 of host 0 (blocks 2-4) was acknowledged without disk 1, which the newest superblock (sequence 1, on disk 0) calls CONFIGURED: a restart would read it there",
    ),
    case(
        "one lacks it, and isn't called CONFIGURED",
        changed(both(2, 1), 1),
    ),
    case(
        "another change of its blocks was in flight with it",
        changed(both().send_write(7, 3), 1),
    ),
    case(
        "a newer one says so",
        changed(written(both(), 0, 2, 1), 1),
    ),
    case(
        "a newer one says otherwise",
        changed(written(both(1, 1), 1, 2, 3), 1),
        "INVALID superblock/invariant/configured, ops 1",
        "6: write op 1 of host 0 (blocks 2-4) was acknowledged without disk 1, which the newest superblock (sequence 2, on disk 1) calls CONFIGURED: a restart would read it there",
    ),
    case(
        "equal numbers: the first disk's",
        changed(written(written(online(), 0, 1, 1), 1, 1, 3), 1),
    ),
    case(
        "of another array",
        changed(written(written(online(), 0, 1, 1), 2, 9, 7, array=2), 1),
    ),
    case(
        "of this array, on a disk outside",
        changed(written(written(online(), 0, 1, 1), 2, 9, 3), 1),
        "INVALID superblock/invariant/configured, ops 1",
        "5: write op 1 of host 0 (blocks 2-4) was acknowledged without disk 1, which the newest superblock (sequence 9, on disk 2) calls CONFIGURED: a restart would read it there",
    ),
    case(
        "members of two arrays",
        changed(written(written(online(), 0, 1, 1, array=1), 1, 2, 3, array=2), 1),
        "INVALID superblock/invariant/configured, ops 1",
        "5: write op 1 of host 0 (blocks 2-4) was acknowledged without disk 1, which the newest superblock (sequence 2, on disk 1) calls CONFIGURED: a restart would read it there",
    ),
    case(
        "no superblock yet",
        changed(online(), 1),
    ),
    case(
        "not observed",
        both().write(1).execution(),
    ),
    case(
        "the first is not observed",
        changed(both().write(7), 1),
        "INVALID superblock/invariant/configured, ops 1",
        "7: write op 1 of host 0 (blocks 2-4) was acknowledged without disk 1, which the newest superblock (sequence 1, on disk 0) calls CONFIGURED: a restart would read it there",
    ),
    case(
        "away",
        changed(replaced(both(), 1, "disk_pull"), 1),
    ),
    case(
        "replaced since",
        changed(replaced(both(), 1), 1),
    ),
    case(
        "replaced by a small one",
        changed(replaced(both(), 1, "disk_return_small"), 1),
    ),
    case(
        "replaced by another array's member",
        changed(replaced(both(), 1, "disk_return_foreign"), 1),
    ),
    case(
        "another fault",
        changed(replaced(both(), 1, "disk_failure"), 1),
        "INVALID superblock/invariant/configured, ops 1",
        "6: write op 1 of host 0 (blocks 2-4) was acknowledged without disk 1, which the newest superblock (sequence 1, on disk 0) calls CONFIGURED: a restart would read it there",
    ),
    case(
        "replaced before it was written",
        changed(written(replaced(both(), 1), 0, 2), 1),
    ),
    case(
        "tainted",
        changed(both().rot(10), 1),
    ),
    case(
        "replaced since, and assembled without it",
        changed(replaced(both(), 1).happen("raid.assembled", 0), 1),
    ),
    case(
        "replaced by a small one, and assembled without it",
        changed(replaced(both(), 1, "disk_return_small").happen("raid.assembled", 0), 1),
    ),
    case(
        "replaced, assembled, and written",
        changed(written(replaced(both(), 1).happen("raid.assembled", 0), 0, 2), 1),
        "INVALID superblock/invariant/configured, ops 1",
        "8: write op 1 of host 0 (blocks 2-4) was acknowledged without disk 1, which the newest superblock (sequence 2, on disk 0) calls CONFIGURED: a restart would read it there",
    ),
    case(
        "replaced in the step that wrote",
        changed(same_step(replaced(both(), 1), 0, 2).happen("raid.assembled", 0), 1),
        "INVALID superblock/invariant/configured, ops 1",
        "7: write op 1 of host 0 (blocks 2-4) was acknowledged without disk 1, which the newest superblock (sequence 2, on disk 0) calls CONFIGURED: a restart would read it there",
    ),
    case(
        "only the second is called CONFIGURED",
        changed(both(2, 2), 2),
    ),
    case(
        "a read",
        both().read(1, 0).execution(),
    ),
]
