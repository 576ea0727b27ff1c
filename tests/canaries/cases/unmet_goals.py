"""The unmet goals of heal and audit at the end of a history."""

from __future__ import annotations

from types import ModuleType

from msgspec import structs

from chaos.plan.plan import Plan
from chaos.steps.schedule import Mark, Operate
from tests.canaries.cases import Case
from tests.stories import PLAN, Story

THREE_NAMESPACES = structs.replace(PLAN, layout=structs.replace(PLAN.layout, namespaces=3))
NOTHING = "nothing-named: no operation is outstanding, yet the run did not end"
DETACHED = "namespace-detached: the namespace isn't attached"
LEFT = "members-missing: missing members: 1 of 2"


def case(name: str, story: Story, *expected: str) -> Case:
    def ask(module: ModuleType) -> list[str]:
        wanted = module.UnmetGoals()
        wanted.follow(story.history)
        return [f"{kind}: {words}" for kind, words in wanted.of(story.plan)]

    return Case(name, ask, list(expected))


def healing(*members: int, plan: Plan = PLAN) -> Story:
    """Heal an array, poll groups, and a namespace of the array, whose bdev is number 2."""
    story = Story(plan)
    for _ in range(PLAN.poll_groups_at_start):
        story.happen("nvmf.poll_group_created")
    return (
        story.happen("raid.created", *members)
        .happen("nvmf.namespace_attached", 1, 2)
        .add(Mark("heal"))
    )


def ask(story: Story, method: str, times: int) -> Story:
    for op in range(times):
        story.add(Operate(op, method, ()))
    return story


CASES = [
    case("nothing at all", Story(), NOTHING),
    case("in the chaos phase nothing is wanted yet", Story().add(Mark("chaos")), NOTHING),
    case("all is well", healing(0, 1), NOTHING),
    case("a member is missing", healing(0), LEFT),
    case("a member was removed", healing(0, 1).happen("raid.member_removed", 1, 1), LEFT),
    case("more members than are wanted", healing(0, 1, 2), NOTHING),
    case("no array", healing(0, 1).happen("raid.deleted"), "array-absent: there is no array"),
    case(
        "an array that waits",
        healing(0, 1).happen("raid.configuring", 1, 2),
        "array-configuring: the array waits for members that don't come",
    ),
    case(
        "an array that came back",
        healing().happen("raid.deleted").happen("raid.assembled", 0),
        LEFT,
    ),
    case(
        "without its last member",
        healing(0).happen("raid.last_member_removed"),
        "array-unregistering: the array is being unregistered",
    ),
    case(
        "without a superblock",
        healing(0).happen("raid.superblock_failed"),
        "array-unregistering: the array is being unregistered",
    ),
    case("another event", healing(0, 1).happen("raid.reset"), NOTHING),
    case("no namespace", healing(0, 1).happen("nvmf.namespace_detached", 1), DETACHED),
    case(
        "a poll group without a channel",
        healing(0, 1).happen("nvmf.namespace_channel_failed", 1),
        "channels-missing: a poll group has no channel of the namespace",
    ),
    case(
        "no namespace, so no channel of it",
        healing(0, 1)
        .happen("nvmf.namespace_channel_failed", 1)
        .happen("nvmf.namespace_detached", 1),
        DETACHED,
    ),
    case(
        "attached again after a channel had failed",
        healing(0, 1)
        .happen("nvmf.namespace_channel_failed", 1)
        .happen("nvmf.namespace_detached", 1)
        .happen("nvmf.namespace_attached", 1),
        NOTHING,
    ),
    case(
        "a channel fails before the namespace is reported as attached",
        healing(0, 1)
        .happen("nvmf.namespace_detached", 1)
        .happen("nvmf.namespace_channel_failed", 1)
        .happen("nvmf.namespace_attached", 1, 2),
        "channels-missing: a poll group has no channel of the namespace",
    ),
    case(
        "one namespace of three",
        healing(0, 1, plan=THREE_NAMESPACES),
        "namespace-detached: namespaces not attached: 2 of 3",
    ),
    case(
        "three namespaces of three",
        healing(0, 1, plan=THREE_NAMESPACES)
        .happen("nvmf.namespace_attached", 2, 5)
        .happen("nvmf.namespace_attached", 3, 6),
        NOTHING,
    ),
    case(
        "a poll group without a channel of the first of three namespaces",
        healing(0, 1, plan=THREE_NAMESPACES)
        .happen("nvmf.namespace_attached", 2, 5)
        .happen("nvmf.namespace_attached", 3, 6)
        .happen("nvmf.namespace_channel_failed", 1),
        "channels-missing: a poll group has no channel of the namespace",
    ),
    case(
        "a poll group has gone",
        healing(0, 1).happen("nvmf.poll_group_destroyed"),
        "poll-groups-missing: missing poll groups: 1",
    ),
    case(
        "more poll groups than are wanted", healing(0, 1).happen("nvmf.poll_group_created"), NOTHING
    ),
    case(
        "killed",
        healing(0, 1).kill(),
        f"poll-groups-missing: missing poll groups: {PLAN.poll_groups_at_start}",
        "array-absent: there is no array",
        DETACHED,
    ),
    case(
        "power was lost",
        healing(0).lose_power().happen("raid.assembled", 0, 1),
        f"poll-groups-missing: missing poll groups: {PLAN.poll_groups_at_start}",
        DETACHED,
    ),
    case(
        "a write isn't a kill",
        healing(0, 1).write(1),
        NOTHING,
    ),
    case(
        "audited, and a host is still connected",
        healing(0, 1)
        .happen("nvmf.qpair_connected", 7, 0, 1)
        .happen("nvmf.qpair_connected", 8, 0, 1)
        .happen("nvmf.qpair_connected", 9, 1, 1)
        .happen("nvmf.qpair_connected", 10, 1, 1)
        .happen("nvmf.qpair_destroyed", 8)
        .add(Mark("audit")),
        "connections-left: open connections: 3",
        "namespace-attached: the namespace is still attached",
    ),
    case(
        "audited, and all is gone",
        healing()
        .happen("nvmf.qpair_destroyed", 8)
        .happen("nvmf.namespace_detached", 1)
        .add(Mark("audit")),
        NOTHING,
    ),
    case(
        "a target that was killed has no connections",
        healing(0, 1)
        .happen("nvmf.qpair_connected", 7, 0, 1)
        .kill()
        .happen("nvmf.namespace_attached", 1)
        .add(Mark("audit")),
        "namespace-attached: the namespace is still attached",
    ),
    case(
        "done",
        Story().add(Mark("done")),
        "target-busy: the target is still busy, though no request is outstanding",
    ),
    case(
        "requests that bring nothing",
        ask(
            ask(ask(healing(0), "bdev_raid_add_base_bdev", 9), "bdev_examine_again", 10),
            "bdev_reset",
            8,
        ),
        LEFT,
        "repeated-bdev_examine_again: bdev_examine_again was sent 10 times since healing began",
        "repeated-bdev_raid_add_base_bdev: bdev_raid_add_base_bdev was sent 9 times since healing began",
    ),
    case("requests before healing", ask(Story(), "bdev_reset", 9).add(Mark("audit")), NOTHING),
]

# Events with one number: of a namespace that is detached, or lacks a channel, and of a connection that is gone.
EQUIVALENT = {
    f"UnmetGoals._observe: 0: 0 is -1 ({place})": "the event has one number" for place in (2, 3, 5)
}
