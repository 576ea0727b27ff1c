"""What a target has made by itself of disks that came back: arrays that are online, and arrays that must come up."""

from __future__ import annotations

from msgspec import structs

from chaos.checkers.self_healing import HELPING
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.run.execution import Execution
from chaos.steps.schedule import RESTED, Kill, Mark
from tests.canaries.cases import Case, judged
from tests.stories import PLAN_WITH_SUPERBLOCK, Story
from workers.bdev.stack import Stack, stacked_bdev_id

THREE_DISKS = structs.replace(
    PLAN_WITH_SUPERBLOCK, layout=structs.replace(PLAN_WITH_SUPERBLOCK.layout, disks=3)
)
ERROR_BDEV = stacked_bdev_id(PLAN_WITH_SUPERBLOCK.layout, Stack.ERROR, 0)


def case(name: str, story: Story, *expected: str) -> Case:
    return judged("check_self_healing", name, rest(story), *expected)


def armed(story: Story, op: int = 5, *, answered: bool = True) -> Story:
    """Have the error bdev on disk 0 fail reads."""
    story.operate(op, Rpc.BDEV_ERROR_INJECT_ERROR, ERROR_BDEV, 1, 1, 2)
    return story.answer(op) if answered else story


def rest(story: Story) -> Execution:
    return story.add(Mark(RESTED)).execution()


def online(plan: Plan = PLAN_WITH_SUPERBLOCK) -> Story:
    """Make an array of disks 0 and 1, whose superblocks have been written twice."""
    story = Story(plan).happen("raid.created", 0, 1)
    return story.write_superblock(0, 2).write_superblock(1, 2)


def lose(story: Story | None = None, fault: str = "disk_pull") -> Story:
    """Take disk 1 out; the array goes on without it."""
    story = (story or online()).inject(fault, 1).happen("raid.member_removed", 1, 1)
    return story.write_superblock(0, 3, configured=1)


def found(story: Story, *disks: int) -> Story:
    for disk in disks:
        story.happen("bdev.registered", disk)
    return story


def came_back(story: Story | None = None) -> Story:
    """Put disk 1 back; the array goes on without it."""
    return found((story or lose()).inject("disk_return", 1), 1)


def restarted(*disks: int, story: Story | None = None) -> Story:
    """Start the target again; it finds these disks, one after the other."""
    return found((story or online()).kill(), *disks)


def created(status: int = 0) -> Story:
    """Start the target again, and have it make another array that waits for a bdev."""
    return online().kill().operate(5, Rpc.BDEV_RAID_CREATE, 0, 0, 9).answer(5, status=status)


def third(story: Story, status: int, disk: int = 2) -> Story:
    """Rebuild another disk."""
    return story.happen("rebuild.started", 1, disk).happen("rebuild.finished", 1, disk, status)


def left_out(step: int, disk: int = 1, newest: str = "sequence 3, on disk 0") -> tuple[str, str]:
    return (
        "INVALID self_healing/not by itself/member, ops none",
        f"{step}: disk {disk} came back with its superblock, and is not taken in again: the array's superblock ({newest}) "
        "lists it; no request has concerned the array since, and the target has come to rest",
    )


def not_up(step: int, there: str, newest: str = "sequence 2, on disk 0") -> tuple[str, str]:
    return (
        "INVALID self_healing/not by itself/array, ops none",
        f"{step}: the array has not come up, though the target has found all disks that the newest superblock ({newest}) "
        f"calls CONFIGURED ({there}); no request has concerned the array since, and the target has come to rest",
    )


BOTH = "disk 0, disk 1"

MEMBERS = [
    case("never away", online()),
    case("out", lose()),
    case("came back, and is left alone", came_back(), *left_out(9)),
    case(
        "came back after the errors of another one were ended",
        came_back(lose().operate(5, Rpc.BDEV_ERROR_INJECT_ERROR, ERROR_BDEV, 1, 2, 0)),
        *left_out(10),
    ),
    case(
        "came back after the errors of another one were set and ended",
        came_back(
            lose()
            .operate(5, Rpc.BDEV_ERROR_INJECT_ERROR, ERROR_BDEV, 1, 2, 2)
            .operate(6, Rpc.BDEV_ERROR_INJECT_ERROR, ERROR_BDEV, 1, 2, 0)
        ),
        *left_out(11),
    ),
    case(
        "came back while one error of another one is to come",
        came_back(lose().operate(5, Rpc.BDEV_ERROR_INJECT_ERROR, ERROR_BDEV, 0, 0, 1)),
    ),
    case(
        "came back before the errors of another one were ended",
        came_back().operate(5, Rpc.BDEV_ERROR_INJECT_ERROR, ERROR_BDEV, 1, 2, 0),
    ),
    case(
        "came back, and was rebuilt",
        came_back().happen("rebuild.started", 1, 1).happen("rebuild.finished", 1, 1, 0),
    ),
    case("came back, and its rebuild goes on", came_back().happen("rebuild.started", 1, 1)),
    case(
        "came back, and its rebuild has failed",
        came_back().happen("rebuild.started", 1, 1).happen("rebuild.finished", 1, 1, -5),
        *left_out(11),
    ),
    case(
        "its bdev was deleted and created again",
        came_back(lose(fault="bdev_delete")),
        *left_out(9),
    ),
    case(
        "came back, then a rebuild of another disk lost its source",
        came_back().inject("disk_pull", 0),
    ),
    case("came back before another disk's bdev was deleted", came_back().inject("bdev_delete", 0)),
    case("came back, and went again", came_back().inject("disk_pull", 1)),
    case("plugged in, and not found yet", lose().inject("disk_return", 1)),
    case("came back without a superblock", came_back(lose().write_superblock(1, -1))),
    case(
        "came back with another array's superblock",
        came_back(lose().write_superblock(1, 1, array=2)),
    ),
    case(
        "its place was taken by another device",
        came_back(lose().write_superblock(0, 4, 5, named=5)),
    ),
    case(
        "the array has grown while it was out",
        came_back(lose().write_superblock(0, 4, 1, blocks=9)),
    ),
    case(
        "of three disks, the last one",
        came_back(lose(online(THREE_DISKS)).write_superblock(0, 4, 1, named=7)).inject(
            "disk_arrive", 2
        ),
        *left_out(11, newest="sequence 4, on disk 0"),
    ),
    case(
        "disk 0 was out",
        found(
            online()
            .inject("disk_pull", 0)
            .happen("raid.member_removed", 0, 0)
            .write_superblock(1, 3, configured=2)
            .inject("disk_return", 0),
            0,
        ),
        *left_out(9, 0, "sequence 3, on disk 1"),
    ),
    case(
        "a rebuild of a third disk failed, which may have got its slot",
        came_back(third(lose(online(THREE_DISKS)), -5)),
    ),
    case(
        "a rebuild of a third disk succeeded",
        came_back(third(lose(online(THREE_DISKS)), 0)),
        *left_out(11),
    ),
    case(
        "a rebuild of a third disk succeeded, and that of a fourth failed",
        came_back(third(third(lose(online(THREE_DISKS)), -5, 3), 0)),
    ),
    case(
        "a rebuild of a third disk failed, and then superblocks were written",
        came_back(third(lose(online(THREE_DISKS)), -5).happen("raid.superblock_writing", 4)),
        *left_out(12),
    ),
    case(
        "a rebuild of a third disk failed, before the target started again",
        came_back(third(online(THREE_DISKS), -5).kill().happen("raid.assembled", 0)),
        *left_out(10, newest="sequence 2, on disk 0"),
    ),
    case("an array without superblocks", found(Story().happen("raid.created", 0), 1)),
    judged("check_self_healing", "not at rest", came_back().add(Mark("heal")).execution()),
    case(
        "left alone, and healed after that",
        came_back().add(Mark(RESTED)).inject("disk_pull", 1),
        *left_out(9),
    ),
]

FAULTS = [
    case("it has a fault", came_back(lose().inject("read_errors", 1))),
    case(
        "it has a fault since before it was pulled",
        came_back(lose(online().inject("read_errors", 1))),
    ),
    case(
        "its fault was healed after it had been found",
        came_back(lose().inject("read_errors", 1)).inject("disk_heal", 1),
    ),
    case(
        "its fault was healed before",
        came_back(lose().inject("read_errors", 1).inject("disk_heal", 1)),
        *left_out(11),
    ),
    case("a member has a fault", came_back(lose().inject("bad_blocks", 0))),
    case("a member had a fault later", came_back().inject("bad_blocks", 0)),
    case(
        "a member had a fault later, and was healed",
        came_back().inject("bad_blocks", 0).inject("disk_heal", 0),
    ),
    case(
        "one of two faults was healed",
        came_back(lose().inject("bad_blocks", 0).inject("bad_blocks", 1).inject("disk_heal", 0)),
    ),
    case(
        "a member's superblock was not seen",
        came_back(
            lose(
                Story(THREE_DISKS)
                .happen("raid.created", 2, 0, 1)
                .write_superblock(0, 2)
                .write_superblock(1, 2)
            )
        ),
        *left_out(9),
    ),
    case("it has a newer superblock than the array", came_back(lose().write_superblock(1, 4))),
    case(
        "it grew before it was pulled",
        came_back(lose(online().inject("disk_grow", 1))),
        *left_out(10),
    ),
    case("an image of it is kept", came_back().inject("disk_image", 1), *left_out(10)),
    case(
        "a third disk had a fault, and was replaced",
        came_back(lose(online(THREE_DISKS)).inject("disk_hang", 2).inject("disk_return_blank", 2)),
        *left_out(11),
    ),
    case(
        "an error bdev acts on a member",
        came_back().operate(5, Rpc.BDEV_ERROR_INJECT_ERROR, ERROR_BDEV, 1, 1, 2),
    ),
    case(
        "an error bdev acted on a member before, and was healed",
        came_back(
            lose()
            .operate(5, Rpc.BDEV_ERROR_INJECT_ERROR, ERROR_BDEV, 1, 1, 2)
            .inject("disk_heal", 0)
        ),
        *left_out(11),
    ),
    case(
        "an error bdev was to act on a member, and another disk was healed",
        came_back(armed(lose()).inject("disk_heal", 1)),
    ),
    case(
        "an error bdev was to act on a member, and the heal was carried out before",
        came_back(
            armed(lose(), answered=False).inject("disk_heal", 0).answer(96).answer(5, status=0)
        ),
    ),
    case(
        "an error bdev was to act on a member after its heal, and the disk was found before the answer",
        found(
            armed(lose().inject("disk_return", 1), answered=False).inject("disk_heal", 0), 1
        ).answer(5),
    ),
    case(
        "an error bdev was to act on a member, which was refused after the heal",
        came_back(
            armed(lose(), answered=False).inject("disk_heal", 0).answer(96).answer(5, status=-19)
        ),
        *left_out(13),
    ),
    case(
        "an error bdev was to act on a member, and the heal was carried out after",
        came_back(armed(lose(), answered=False).inject("disk_heal", 0).answer(5).answer(96)),
        *left_out(13),
    ),
    case("silent corruption of a member", came_back(lose().inject("bit_rot", 0)), *left_out(10)),
    case(
        "what a bdev was set to ends with its target",
        restarted(0, 1, story=armed(online())),
        *not_up(9, BOTH),
    ),
    case(
        "a request that was in flight as its target ended",
        restarted(0, 1, story=armed(online(), answered=False)).answer(5),
        *not_up(9, BOTH),
    ),
    case(
        "a heal that was in flight as its target ended",
        found(armed(online().inject("disk_heal", 0).kill(), op=6).answer(96), 0, 1),
    ),
    case("a fault outlives a target", restarted(0, 1, story=online().inject("read_errors", 0))),
    case(
        "clones of a disk have no fault",
        found(online().inject("read_errors", 0).add(Kill(99, (0, 1))), 0, 1),
        *not_up(8, BOTH),
    ),
]

REQUESTS = [
    *(
        case(f"then {method}", came_back().operate(5, method, 1).answer(5))
        for method in sorted(HELPING)
    ),
    case(
        "then a request about the namespace",
        came_back().operate(5, Rpc.NVMF_SUBSYSTEM_ADD_NS, 1),
        *left_out(10),
    ),
    case(
        "a request before", came_back(lose().operate(5, Rpc.BDEV_RESET, 0).answer(5)), *left_out(11)
    ),
    case(
        "a request before, which ends after it was found",
        came_back(lose().operate(5, Rpc.BDEV_RESET, 0)).answer(5),
    ),
    case(
        "a request before, and another one ends",
        came_back(lose().operate(5, Rpc.BDEV_RESET, 0).answer(6)),
    ),
    case(
        "a request before, which the target's end cut short",
        restarted(0, 1, story=online().operate(5, Rpc.BDEV_RESET, 0)),
        *not_up(8, BOTH),
    ),
]

ARRAYS = [
    case("found in the order of their slots", restarted(0, 1), *not_up(7, BOTH)),
    case("found in the other order", restarted(1, 0), *not_up(7, BOTH)),
    case("found after the power was lost", found(online().lose_power(), 0, 1), *not_up(7, BOTH)),
    case("came up", restarted(0, 1).happen("raid.assembled", 0, 1)),
    case("one of them isn't found", restarted(0)),
    case("the other one isn't found", restarted(1)),
    case("both were found before the target was killed", restarted(story=found(online(), 0, 1))),
    case(
        "found while another array had their names, which is gone since",
        restarted(0, 1).happen("raid.deleted"),
    ),
    case("found while another array waits", found(created(), 0, 1)),
    case(
        "found after another array was deleted",
        found(created().happen("raid.deleted"), 0, 1),
        *not_up(10, BOTH),
    ),
    case(
        "found after a target had another array", found(created().kill(), 0, 1), *not_up(10, BOTH)
    ),
    case("found after a creation was refused", found(created(-22), 0, 1), *not_up(9, BOTH)),
    case(
        "found after another request",
        found(online().kill().operate(5, Rpc.BDEV_EXAMINE_AGAIN, 0).answer(5), 0, 1),
        *not_up(9, BOTH),
    ),
    case(
        "the only one that is CONFIGURED",
        restarted(0, story=lose()),
        *not_up(9, "disk 0", "sequence 3, on disk 0"),
    ),
    case("all but the only one that is CONFIGURED", restarted(1, story=lose())),
    case("one has no superblock", restarted(0, 1, story=online().write_superblock(1, -1))),
    case("none has a superblock", restarted(0, 1, story=Story().happen("raid.created", 0, 1))),
    case(
        "one of those that it lists was replaced, and may be awaited",
        restarted(0, story=online().write_superblock(0, 3, 1, named=1)),
    ),
    case(
        "one has had a smaller array",
        restarted(0, 1, story=online().write_superblock(0, 3, blocks=9)),
    ),
    case(
        "another disk has another array's superblock",
        restarted(0, 1, story=online(THREE_DISKS).write_superblock(2, 1, array=2)),
    ),
    case(
        "the newest superblock calls no disk CONFIGURED",
        restarted(0, 1, story=online().write_superblock(0, 3, configured=0)),
    ),
]

CASES = [*MEMBERS, *FAULTS, *REQUESTS, *ARRAYS]
