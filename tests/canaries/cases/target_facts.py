"""The facts by which answers are judged, from the entries of a history."""

from __future__ import annotations

from tests.canaries.cases import disk_facts
from tests.canaries.cases.facts import (
    ABSENT,
    CONFIGURING,
    EMPTY,
    FAILED,
    MEMBER,
    OCCUPIED,
    OFFLINE,
    ONLINE,
    SCHEDULED,
    STACKED,
    TARGET,
    WITH,
    bdevs,
    case,
    killed,
    online,
    saw,
)
from tests.stories import Story

CASES = [
    *disk_facts.CASES,
    bdevs("bdevs", WITH, "0: ready 0", "1: ready 1", "2: ready 2", "3: state 2", "6: ready 2"),
    bdevs(
        "bdevs with one on the array",
        STACKED,
        "0: ready 0",
        "1: ready 1",
        "2: ready 2",
        "3: state 2",
        "6: ready 2",
        "13: state 2",
    ),
    case("nothing", Story(WITH), "holds: state 0"),
    # The engine's events.
    case(
        "a channel fails",
        Story(WITH).happen("disk.channel_failed", 2),
        "holds: state 0",
        "held: harmed 2, disk.channel_failed 2",
    ),
    case(
        "a listener comes",
        Story(WITH).happen("nvmf.listener_changed", 2, 1),
        "holds: state 0, listener 2",
        "held: nvmf.listener_changed 2",
    ),
    case(
        "a listener goes",
        Story(WITH)
        .happen("nvmf.listener_changed", 2, 1)
        .happen("nvmf.listener_changed", 3, 1)
        .happen("nvmf.listener_changed", 2, 0),
        "holds: state 0, listener 3",
        "held: listener 2, nvmf.listener_changed 2, nvmf.listener_changed 3",
    ),
    case(
        "an I/O fails",
        Story(WITH).happen("disk.fault", 1, 1, 1, 0, 1),
        "holds: state 0",
        "held: harmed 1",
    ),
    case(
        "an error bdev acts",
        Story(WITH).happen("bdev.error_injected", 1, 1, 1),
        "holds: state 0",
        "held: harmed 1",
    ),
    case(
        "another event", Story(WITH).happen("bdev.reset", 2), "holds: state 0", "held: bdev.reset 2"
    ),
    case(
        "a poll group",
        Story(WITH).happen("nvmf.poll_group_created", thread=2),
        "holds: state 0, group 2",
        "held: nvmf.poll_group_created 2",
    ),
    case(
        "a poll group that went",
        Story(WITH)
        .happen("nvmf.poll_group_created", thread=2)
        .happen("nvmf.poll_group_destroyed", thread=2),
        "holds: state 0",
        "held: group 2, nvmf.poll_group_created 2",
    ),
    case(
        "a namespace",
        Story(WITH).happen("nvmf.namespace_attached", 1, 3),
        "holds: state 0, attached 1",
        "held: nvmf.namespace_attached 1",
    ),
    case(
        "a namespace that went",
        Story(WITH).happen("nvmf.namespace_attached", 1, 3).happen("nvmf.namespace_detached", 1),
        "holds: state 0",
        "held: attached 1, nvmf.namespace_attached 1",
    ),
    case(
        "created",
        Story(WITH).happen("raid.created", 0, 2),
        "holds: state 0",
        "held: raid.created 1",
        "members (0, 2)",
    ),
    case("assembled", Story(WITH).happen("raid.assembled", 2), "holds: state 0", "members (2,)"),
    case(
        "superblocks are being written",
        Story(WITH).happen("raid.superblock_writing", 1),
        "holds: state 0, writing",
    ),
    case(
        "superblocks could not be written",
        Story(WITH).happen("raid.superblock_writing", 1).happen("raid.superblock_ended", -5),
        "holds: state 0",
        "held: writing, raid.superblock_ended -5",
    ),
    # The array's record.
    case(
        "online",
        online(),
        "holds: state 2, source, members 65, slot 0, slot 6, removable 0, removable 6",
        "held: state 0",
    ),
    case(
        "one member",
        saw(Story(WITH), ONLINE, (MEMBER, 0), (EMPTY, -1)),
        "holds: state 2, source, free slot, members 1, slot 0, removable 0",
        "held: state 0",
    ),
    case(
        "a target",
        saw(Story(WITH), ONLINE, (TARGET, 0)),
        "holds: state 2, members 1, slot 0, removable 0",
        "held: state 0",
    ),
    case(
        "a failed member",
        saw(Story(WITH), ONLINE, (FAILED, 0)),
        "holds: state 2, members 1, slot 0, removable 0",
        "held: state 0",
    ),
    case(
        "a member that is being removed",
        saw(Story(WITH), ONLINE, (SCHEDULED, 0)),
        "holds: state 2, members 1, slot 0",
        "held: state 0",
    ),
    case(
        "a former target",
        saw(Story(WITH), ONLINE, (OCCUPIED, 0)),
        "holds: state 2, members 0, slot 0",
        "held: state 0",
    ),
    case(
        "offline",
        saw(Story(WITH), OFFLINE, (MEMBER, 0)),
        "holds: state 3, source, members 1, slot 0",
        "held: state 0",
    ),
    case(
        "configuring",
        saw(Story(WITH), CONFIGURING, (OCCUPIED, 0), (EMPTY, -1)),
        "holds: state 1, free slot, members 0, slot 0, removable 0",
        "held: state 0",
    ),
    case(
        "assembling",
        saw(Story(WITH).happen("raid.configuring", 1, 2), CONFIGURING, (MEMBER, 0)),
        "holds: state 1, source, assembling, members 1, slot 0, removable 0",
        "held: state 0",
    ),
    case(
        "started by a request",
        Story(WITH).happen("raid.configuring", 1, 2).happen("raid.starting_degraded", thread=0),
        "holds: state 0",
        "held: assembling",
    ),
    case(
        "its superblocks are being written",
        Story(WITH).happen("raid.configuring", 1, 2).happen("raid.superblock_writing", 2),
        "holds: state 0, assembling, writing, finishing",
    ),
    case(
        "its superblocks are written",
        Story(WITH)
        .happen("raid.configuring", 1, 2)
        .happen("raid.superblock_writing", 2)
        .happen("raid.superblock_ended", 0),
        "holds: state 0, assembling",
        "held: writing, finishing, raid.superblock_ended 0",
    ),
    case(
        "it is online while its superblocks are being written",
        saw(
            Story(WITH).happen("raid.configuring", 1, 2).happen("raid.superblock_writing", 2),
            ONLINE,
        ),
        "holds: state 2, writing, members 0",
        "held: state 0, assembling, finishing",
    ),
    case(
        "assembled and online",
        saw(Story(WITH).happen("raid.configuring", 1, 2), ONLINE),
        "holds: state 2, members 0",
        "held: state 0, assembling",
    ),
    case(
        "a member left",
        saw(online(), ONLINE, (EMPTY, -1), (MEMBER, 6)),
        "holds: state 2, source, free slot, members 64, slot 6, removable 6",
        "held: state 0, left, members 65, slot 0, removable 0, left 0",
    ),
    case(
        "an empty slot was filled",
        saw(saw(online(), ONLINE, (EMPTY, -1)), ONLINE, (MEMBER, 1)),
        "holds: state 2, source, members 2, slot 1, removable 1",
        "held: state 0, free slot, left, members 0, members 65, slot 0, slot 6, removable 0, removable 6, left 0, left 6",
    ),
    case(
        "deleted",
        saw(saw(online(), ONLINE, (MEMBER, 0), (EMPTY, -1)), ABSENT),
        "holds: state 0",
        "held: state 2, source, free slot, left, members 1, members 65, slot 0, slot 6, removable 0, removable 6, left 0, left 6",
        "released [0]",
    ),
    # Rebuilds.
    case(
        "a rebuild begins",
        Story(WITH).happen("rebuild.started", 0, 2),
        "holds: state 0, rebuild",
        "held: rebuild.started 2",
    ),
    case(
        "a rebuild ends",
        saw(
            saw(Story(WITH).happen("rebuild.started", 0, 2), ONLINE, thread=17).happen(
                "rebuild.finished", 0, 2, 0
            ),
            ONLINE,
        ),
        "holds: state 2, members 0",
        "held: state 0, rebuild, rebuild.started 2",
    ),
    case(
        "a rebuild has its end reported",
        saw(Story(WITH).happen("rebuild.started", 0, 2), ONLINE, thread=17).happen(
            "rebuild.finished", 0, 2, 0
        ),
        "holds: state 2, rebuild, members 0",
        "held: state 0, rebuild.started 2",
    ),
    case(
        "the next rebuild begins in the step in which one ends",
        saw(
            saw(Story(WITH).happen("rebuild.started", 0, 2), ONLINE, thread=17)
            .happen("rebuild.finished", 0, 2, 0)
            .happen("rebuild.started", 0, 1),
            ONLINE,
        ),
        "holds: state 2, rebuild, members 0",
        "held: state 0, rebuild.started 1, rebuild.started 2",
    ),
    case(
        "a rebuild ends without a thread",
        saw(
            saw(Story(WITH).happen("rebuild.started", 0, 2), ONLINE).happen(
                "rebuild.finished", 0, 2, -5
            ),
            ONLINE,
        ),
        "holds: state 2, rebuild, members 0",
        "held: state 0, rebuild.started 2",
    ),
    case(
        "a rebuild is still in its thread",
        saw(saw(Story(WITH).happen("rebuild.started", 0, 2), ONLINE, thread=17), ONLINE, thread=17),
        "holds: state 2, rebuild, members 0",
        "held: state 0, rebuild.started 2",
    ),
    case(
        "a target with a rebuild's thread was killed",
        saw(
            killed(saw(Story(WITH), ONLINE, thread=17)).happen("rebuild.started", 0, 2),
            ONLINE,
        ),
        "holds: state 2, rebuild, members 0",
        "held: state 0, rebuild.started 2",
    ),
]

NOT_YET = "no rebuild could end by then, and no disk be added"
EQUIVALENT = {
    "TargetFacts.__init__: 0: 0 is 1 (2)": NOT_YET,
    "TargetFacts.__init__: 0: 0 is -1": NOT_YET,
    "TargetFacts.__init__: 0: 0 is -1 (2)": NOT_YET,
}
