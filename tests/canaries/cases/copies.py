"""An acknowledged change is on every member that may serve its blocks."""

from __future__ import annotations

from types import ModuleType

from chaos.run.execution import Execution
from chaos.steps.schedule import Inject
from tests.canaries.cases import Case, judged
from tests.stories import ERROR, PLAN_WITH_SUPERBLOCK, Story


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_copies", name, execution, *expected)


def online(*disks: int, story: Story | None = None) -> Story:
    return (story or Story()).happen("raid.created", *disks)


def rebuilt_to(copied: int) -> Story:
    """Copy disk 0 onto disk 1, up to this block."""
    return online(0).happen("rebuild.started", 1, 1).happen("rebuild.window_done", copied, 8)


def pulled(story: Story, disk: int, *then: str) -> Story:
    for fault in ("disk_pull", *then):
        story.add(Inject(90, fault, disk, ()))
    return story


def in_flight(slba: int = 0, blocks: int = 1) -> Story:
    """Leave a write of a connection that others don't use in flight."""
    return online(0, 1).send_write(9, slba, blocks, connection=7)


def missed(story: Story) -> Execution:
    """Acknowledge a write of blocks 1 and 2 that one member lacks."""
    return story.send_write(1, 1, 2).answer(1, copies=1).execution()


def finding(step: int) -> tuple[str, str]:
    return (
        "INVALID copies/member/write, ops 1",
        f"{step}: write op 1 of host 0 (blocks 1-2) was acknowledged, but disk 1 lacks it and may be read",
    )


def away(name: str, story: Story, *expected: str) -> Case:
    """Write superblocks of disks that are away: they prove nothing, and that check asks here."""

    def ask(module: ModuleType) -> list[str]:
        holders = module.Holders(story.plan)
        for entry in story.history:
            holders.take(entry)
        return [str([disk for disk in range(3) if holders.is_away(disk)])]

    return Case(name, ask, list(expected))


CASES = [
    case(
        "on both",
        online(0, 1).send_write(1).answer(1, copies=3).execution(),
    ),
    case(
        "on one",
        online(0, 1).send_write(1).answer(1, copies=1).execution(),
        "INVALID copies/member/write, ops 1",
        "3: write op 1 of host 0 (block 0) was acknowledged, but disk 1 lacks it and may be read",
    ),
    case(
        "on the other, of two blocks",
        online(0, 1).send_unmap(1, 2, 2).answer(1, copies=2).execution(),
        "INVALID copies/member/unmap, ops 1",
        "3: unmap op 1 of host 0 (blocks 2-3) was acknowledged, but disk 0 lacks it and may be read",
    ),
    case(
        "on one of three",
        online(0, 1, 2).send_write(1).answer(1, copies=2).execution(),
        "INVALID copies/member/write, ops 1",
        "3: write op 1 of host 0 (block 0) was acknowledged, but disk 0 lacks it and may be read; disk 2 lacks it and may be read",
    ),
    case(
        "on one, of a target that has no member yet",
        online(0, 1).kill().send_write(1).answer(1, copies=1).execution(),
    ),
    case(
        "on one, sent after another step",
        online(0, 1).send_flush(2).send_write(1).answer(1, copies=1).execution(),
        "INVALID copies/member/write, ops 1",
        "4: write op 1 of host 0 (block 0) was acknowledged, but disk 1 lacks it and may be read",
    ),
    case(
        "on none",
        online(0, 1).send_write(1).answer(1, copies=0).execution(),
        "INVALID copies/nowhere/write, ops 1",
        "3: write op 1 of host 0 (block 0) was acknowledged, but no disk holds it",
    ),
    case(
        "on none, and no member",
        Story().send_write(1).answer(1, copies=0).execution(),
        "INVALID copies/nowhere/write, ops 1",
        "2: write op 1 of host 0 (block 0) was acknowledged, but no disk holds it",
    ),
    case(
        "not observed",
        online(0, 1).write(1).read(2, 1).execution(),
    ),
    case(
        "what is right, then a miss",
        online(0, 1)
        .send_write(1)
        .send_write(2, 1)
        .answer(1, copies=3)
        .answer(2, copies=2)
        .execution(),
        "INVALID copies/member/write, ops 2",
        "5: write op 2 of host 0 (block 1) was acknowledged, but disk 0 lacks it and may be read",
    ),
    case(
        "before the rebuild has come there",
        rebuilt_to(2).send_write(1, 2).answer(1, copies=1).execution(),
    ),
    case(
        "partly where the rebuild has been",
        rebuilt_to(2).send_write(1, 1, 2).answer(1, copies=1).execution(),
    ),
    case(
        "where the rebuild has been",
        rebuilt_to(2).send_write(1, 1).answer(1, copies=1).execution(),
        "INVALID copies/rebuild target/write, ops 1",
        "5: write op 1 of host 0 (block 1) was acknowledged, but disk 1 lacks it, where the rebuild has passed",
    ),
    case(
        "where the rebuild has been, and on both",
        rebuilt_to(2).send_write(1, 1).answer(1, copies=3).execution(),
    ),
    case(
        "neither member nor target",
        online(0, 2)
        .happen("rebuild.started", 1, 1)
        .happen("rebuild.window_done", 8, 8)
        .send_write(1)
        .answer(1, copies=1)
        .execution(),
        "INVALID copies/member/write, ops 1",
        "5: write op 1 of host 0 (block 0) was acknowledged, but disk 2 lacks it and may be read; disk 1 lacks it and may be read",
    ),
    case(
        "a target that is disk 0",
        online(1)
        .happen("rebuild.started", 1, 0)
        .happen("rebuild.window_done", 8, 8)
        .send_write(1)
        .answer(1, copies=2)
        .execution(),
        "INVALID copies/rebuild target/write, ops 1",
        "5: write op 1 of host 0 (block 0) was acknowledged, but disk 0 lacks it, where the rebuild has passed",
    ),
    case(
        "no target any more",
        rebuilt_to(8)
        .happen("rebuild.finished", 1, 1, -5)
        .send_write(1)
        .answer(1, copies=1)
        .execution(),
    ),
    case(
        "pulled",
        pulled(online(0, 1), 1).send_write(1).answer(1, copies=1).execution(),
    ),
    case(
        "another was pulled",
        pulled(online(0, 1), 1).send_write(1).answer(1, copies=2).execution(),
        "INVALID copies/member/write, ops 1",
        "4: write op 1 of host 0 (block 0) was acknowledged, but disk 0 lacks it and may be read",
    ),
    case(
        "another fault",
        online(0, 1)
        .add(Inject(90, "disk_failure", 1, ()))
        .send_write(1)
        .answer(1, copies=1)
        .execution(),
        "INVALID copies/member/write, ops 1",
        "4: write op 1 of host 0 (block 0) was acknowledged, but disk 1 lacks it and may be read",
    ),
    case(
        "a target that was pulled",
        pulled(rebuilt_to(8), 1).send_write(1).answer(1, copies=1).execution(),
    ),
    case(
        "pulled and returned",
        pulled(online(0, 1), 1, "disk_return").send_write(1).answer(1, copies=1).execution(),
    ),
    case(
        "pulled and returned, and a new array",
        online(0, 1, story=pulled(online(0, 1), 1, "disk_return_stale"))
        .send_write(1)
        .answer(1, copies=1)
        .execution(),
        "INVALID copies/member/write, ops 1",
        "6: write op 1 of host 0 (block 0) was acknowledged, but disk 1 lacks it and may be read",
    ),
    case(
        "still out, and a new array",
        online(0, 1, story=pulled(online(0, 1), 1)).send_write(1).answer(1, copies=1).execution(),
    ),
    case(
        "pulled, returned and rebuilt",
        pulled(online(0, 1), 1, "disk_return")
        .happen("rebuild.started", 1, 1)
        .happen("rebuild.finished", 1, 1, 0)
        .send_write(1)
        .answer(1, copies=1)
        .execution(),
        "INVALID copies/member/write, ops 1",
        "7: write op 1 of host 0 (block 0) was acknowledged, but disk 1 lacks it and may be read; disk 1 lacks it and may be read",
    ),
    case(
        "rot",
        online(0, 1).rot(0).send_write(1).answer(1, copies=1).execution(),
    ),
    case(
        "rot before and behind",
        online(0, 1).rot(0).rot(3).send_write(1, 1, 2).answer(1, copies=1).execution(),
        "INVALID copies/member/write, ops 1",
        "5: write op 1 of host 0 (blocks 1-2) was acknowledged, but disk 1 lacks it and may be read",
    ),
    case(
        "rot at the begin",
        online(0, 1).rot(1).send_write(1, 1, 2).answer(1, copies=1).execution(),
    ),
    case(
        "rot at the end",
        online(0, 1).rot(2).send_write(1, 1, 2).answer(1, copies=1).execution(),
    ),
    case(
        "rot behind a superblock",
        Story(PLAN_WITH_SUPERBLOCK)
        .happen("raid.created", 0, 1)
        .rot(8)
        .send_write(1)
        .answer(1, copies=1)
        .execution(),
    ),
    case(
        "rot before the data",
        Story(PLAN_WITH_SUPERBLOCK)
        .happen("raid.created", 0, 1)
        .rot(0)
        .send_write(1)
        .answer(1, copies=1)
        .execution(),
        "INVALID copies/member/write, ops 1",
        "4: write op 1 of host 0 (block 0) was acknowledged, but disk 1 lacks it and may be read",
    ),
    case(
        "misdirected from here",
        online(0, 1)
        .happen("disk.misdirected", 0, 1, 4, 2)
        .send_write(1, 2)
        .answer(1, copies=1)
        .execution(),
    ),
    case(
        "misdirected to here",
        online(0, 1)
        .happen("disk.misdirected", 0, 1, 4, 2)
        .send_write(1, 5)
        .answer(1, copies=1)
        .execution(),
    ),
    case(
        "misdirected elsewhere",
        online(0, 1)
        .happen("disk.misdirected", 0, 1, 4, 2)
        .send_write(1, 3)
        .answer(1, copies=1)
        .execution(),
        "INVALID copies/member/write, ops 1",
        "4: write op 1 of host 0 (block 3) was acknowledged, but disk 1 lacks it and may be read",
    ),
    case(
        "another event",
        online(0, 1).happen("disk.fault", 0, 0, 4, 2).send_write(1).answer(1, copies=1).execution(),
        "INVALID copies/member/write, ops 1",
        "4: write op 1 of host 0 (block 0) was acknowledged, but disk 1 lacks it and may be read",
    ),
    case(
        "pulled, returned and rebuilt in another slot",
        pulled(online(0, 1), 1, "disk_return")
        .happen("rebuild.started", 0, 1)
        .happen("rebuild.finished", 0, 1, 0)
        .send_write(1)
        .answer(1, copies=1)
        .execution(),
        "INVALID copies/member/write, ops 1",
        "7: write op 1 of host 0 (block 0) was acknowledged, but disk 1 lacks it and may be read; disk 1 lacks it and may be read",
    ),
    case("an earlier one was in flight in its first block", missed(in_flight(0, 2))),
    case("an earlier one was in flight in its last block", missed(in_flight(2, 2))),
    case(
        "a later one was in flight with it",
        online(0, 1).send_write(1).send_write(2).answer(1, copies=2).execution(),
    ),
    case("another one was in flight before its blocks", missed(in_flight(0, 1)), *finding(4)),
    case("another one was in flight behind its blocks", missed(in_flight(3, 1)), *finding(4)),
    case("the earlier one had failed", missed(in_flight(1).answer(9, status=ERROR)), *finding(5)),
    case("the earlier one's connection had ended", missed(in_flight(1).end(7)), *finding(5)),
    case("another connection had ended", missed(in_flight(1).end(6))),
    case(
        "the target of the earlier one was killed",
        missed(in_flight(1).kill().happen("raid.assembled", 0, 1)),
        *finding(6),
    ),
    case(
        "the target of the earlier one lost power",
        missed(in_flight(1).lose_power().happen("raid.assembled", 0, 1)),
        *finding(6),
    ),
    away(
        "one is away",
        pulled(online(0, 1), 1),
        "[1]",
    ),
]

EQUIVALENT = {"Holders.take: 0: 0 is -1": "the fault has one number"}
