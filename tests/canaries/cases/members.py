"""The members in sync, and the progress of a rebuild."""

from __future__ import annotations

from types import ModuleType

from tests.canaries.cases import Case
from tests.stories import Story


def case(name: str, story: Story, *expected: str) -> Case:
    def ask(module: ModuleType) -> list[str]:
        members = module.Members()
        came = [index for index, entry in enumerate(story.history) if members.take(entry)]
        state = f"online at {came}, disks {members.disks}, target {members.target}, copied {members.copied}"
        return [state, str(module.members_in_sync(story.history))]

    return Case(name, ask, list(expected))


def online(*disks: int) -> Story:
    return Story().happen("raid.created", *disks)


CASES = [
    case(
        "nothing",
        Story().write(1),
        "online at [], disks [], target -1, copied 0",
        "[]",
    ),
    case(
        "created",
        online(1, 0).write(1),
        "online at [0], disks [1, 0], target -1, copied 0",
        "[0, 1]",
    ),
    case(
        "assembled anew while something was rebuilt",
        online(0).happen("rebuild.started", 1, 1).happen("raid.assembled", 2, 0),
        "online at [0, 2], disks [2, 0], target -1, copied 0",
        "[0, 2]",
    ),
    case(
        "a rebuild under way",
        online(0).happen("rebuild.window_done", 3, 8).happen("rebuild.started", 1, 2),
        "online at [0], disks [0], target 2, copied 0",
        "[0]",
    ),
    case(
        "a rebuild that has come somewhere",
        online(0).happen("rebuild.started", 1, 2).happen("rebuild.window_done", 5, 8),
        "online at [0], disks [0], target 2, copied 5",
        "[0]",
    ),
    case(
        "a rebuild ended",
        online(0).happen("rebuild.started", 1, 2).happen("rebuild.finished", 1, 2, 0),
        "online at [0], disks [0, 2], target -1, copied 0",
        "[0, 2]",
    ),
    case(
        "a rebuild failed",
        online(0).happen("rebuild.started", 1, 2).happen("rebuild.finished", 1, 2, -5),
        "online at [0], disks [0], target -1, copied 0",
        "[0]",
    ),
    case(
        "a member removed",
        online(0, 1).happen("rebuild.started", 1, 2).happen("raid.member_removed", 0, 1),
        "online at [0], disks [0], target 2, copied 0",
        "[0]",
    ),
    case(
        "a member failed",
        online(0, 1).happen("raid.member_failed", 0, 0),
        "online at [0], disks [1], target -1, copied 0",
        "[1]",
    ),
    case(
        "the target failed, and its rebuild ended well all the same",
        online(0)
        .happen("rebuild.started", 1, 2)
        .happen("raid.member_failed", 1, 2)
        .happen("rebuild.finished", 1, 2, 0),
        "online at [0], disks [0], target -1, copied 0",
        "[0]",
    ),
    case(
        "a target that has failed was rebuilt the next time",
        online(0)
        .happen("rebuild.started", 1, 2)
        .happen("raid.member_failed", 1, 2)
        .happen("rebuild.finished", 1, 2, -5)
        .happen("rebuild.started", 1, 2)
        .happen("rebuild.finished", 1, 2, 0),
        "online at [0], disks [0, 2], target -1, copied 0",
        "[0, 2]",
    ),
    case(
        "the target removed",
        online(0).happen("rebuild.started", 1, 2).happen("raid.member_removed", 1, 2),
        "online at [0], disks [0], target -1, copied 0",
        "[0]",
    ),
    case(
        "no member removed",
        online(0).happen("rebuild.started", 1, 2).happen("raid.member_removed", 1, 3),
        "online at [0], disks [0], target 2, copied 0",
        "[0]",
    ),
    case(
        "the last member removed",
        online(0).happen("rebuild.started", 1, 2).happen("raid.last_member_removed"),
        "online at [0], disks [], target -1, copied 0",
        "[]",
    ),
    case(
        "deleted",
        online(0, 1).happen("raid.deleted"),
        "online at [0], disks [], target -1, copied 0",
        "[]",
    ),
    case(
        "killed",
        online(0).happen("rebuild.started", 1, 2).kill(),
        "online at [0], disks [], target -1, copied 0",
        "[]",
    ),
    case(
        "power was lost",
        online(0).happen("rebuild.started", 1, 2).lose_power(),
        "online at [0], disks [], target -1, copied 0",
        "[]",
    ),
    case(
        "another event",
        online(0).happen("disk.fault", 0, 0),
        "online at [0], disks [0], target -1, copied 0",
        "[0]",
    ),
    case(
        "a member removed from another slot",
        online(0, 2).happen("raid.member_removed", 1, 2),
        "online at [0], disks [0], target -1, copied 0",
        "[0]",
    ),
]
