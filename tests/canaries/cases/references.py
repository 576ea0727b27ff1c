"""After the last host has left: the objects of an idle target, and leftover ones."""

from __future__ import annotations

import msgspec

from chaos.run.execution import Execution, RunEnd
from tests.canaries.cases import Case, judged, of_target
from tests.stories import CRASH, PLAN, Story

replace = msgspec.structs.replace


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_references", name, execution, *expected)


def ended(*census: tuple[str, str, int], **fields) -> Execution:
    """End a run of an array of disks 0 and 1, with this object left beside both claims."""
    claims = [("claim", "raid0 of disk0", 1), ("claim", "raid0 of disk1", 1)]
    story = Story().happen("raid.created", 0, 1)
    return story.execution(**{"census": [*claims, *census]} | fields)


def left(*census: tuple[str, str, int], array_passthru: bool = False) -> Execution:
    """Leave this in a target in C."""
    layout = replace(PLAN.layout, array_passthru=array_passthru)
    return of_target(ended(*census, plan=replace(PLAN, layout=layout)))


def leak(kind: str, owner: str, count: int = 1) -> Case:
    """Judge what a target in C must not leave."""
    return case(
        f"in C: {kind} {owner}",
        left((kind, owner, count)),
        f"INVALID references/leak/{kind}, ops none",
        f"1: left over after the last host has left: {count} {kind} {owner}",
    )


CASES = [
    case(
        "an idle target in C",
        left(
            ("thread", "app_thread", 1),
            ("thread", "poll_group_1", 1),
            ("channel", "accel on app_thread", 2),
            ("channel", "disk0 on app_thread", 1),
            ("channel", "media of disk1 on app_thread", 1),
            ("channel", "raidstorm on poll_group_1", 1),
            ("descriptor", "disk0", 1),
            ("descriptor", "raid0", 1),
            ("claim", "delay of EE_disk0", 1),
        ),
    ),
    case(
        "an idle target in C with a passthru bdev on the array",
        left(("descriptor", "raid0", 2), ("claim", "passthru of raid0", 1), array_passthru=True),
    ),
    leak("thread", "raid0_rebuild"),
    leak("channel", "raid0 on poll_group_1"),
    leak("channel", "raid0 on app_thread"),
    leak("channel", "disk0 on poll_group_1"),
    leak("channel", "media of disk0 on poll_group_1"),
    leak("descriptor", "disk0", 2),
    leak("descriptor", "raid0", 2),
    leak("claim", "other of disk0"),
    leak("queue", "queue 1010 of host 0"),
    case(
        "idle",
        ended(
            ("thread", "app_thread", 1),
            ("thread", "nvmf_tgt_poll_group_0", 1),
            ("channel", "nvmf target on nvmf_tgt_poll_group_0", 1),
            ("channel", "disk0 on app_thread", 1),
            ("channel", "delay0 on app_thread", 1),
            ("descriptor", "raid0 of disk0", 1),
            ("descriptor", "passthru of raid0", 1),
            ("descriptor", "split 1 of raid0", 1),
            ("claim", "error0 of disk0", 1),
        ),
    ),
    case(
        "a thread",
        ended(("thread", "raid0_rebuild", 1)),
        "INVALID references/leak/thread, ops none",
        "1: left over after the last host has left: 1 thread raid0_rebuild",
    ),
    case(
        "a channel of a host's thread",
        ended(("channel", "disk0 on nvmf_tgt_poll_group_0", 1)),
        "INVALID references/leak/channel, ops none",
        "1: left over after the last host has left: 1 channel disk0 on nvmf_tgt_poll_group_0",
    ),
    case(
        "a channel of the array",
        ended(("channel", "raid0 on app_thread", 1)),
        "INVALID references/leak/channel, ops none",
        "1: left over after the last host has left: 1 channel raid0 on app_thread",
    ),
    case(
        "a channel twice",
        ended(("channel", "nvmf target on nvmf_tgt_poll_group_0", 2)),
        "INVALID references/leak/channel, ops none",
        "1: left over after the last host has left: 2 channel nvmf target on nvmf_tgt_poll_group_0",
    ),
    case(
        "a descriptor",
        ended(("descriptor", "namespace of raid0", 1)),
        "INVALID references/leak/descriptor, ops none",
        "1: left over after the last host has left: 1 descriptor namespace of raid0",
    ),
    case(
        "a lock and a timer",
        ended(("range lock", "raid0", 3), ("timer", "keep-alive", 1)),
        "INVALID references/leak/range lock+timer, ops none",
        "1: left over after the last host has left: 3 range lock raid0; 1 timer keep-alive",
    ),
    case(
        "more than can be shown",
        ended(*[("timer", f"timer {n}", 1) for n in range(8)]),
        "INVALID references/leak/timer, ops none",
        "1: left over after the last host has left: 1 timer timer 0; 1 timer timer 1; 1 timer timer 2; 1 timer timer 3; 1 timer timer 4; 1 timer timer 5",
    ),
    case(
        "a claim too few",
        ended(census=[("claim", "raid0 of disk0", 1)]),
        "INVALID references/leak/claim, ops none",
        "1: left over after the last host has left: 1 claim for 2 members",
    ),
    case(
        "a claim too many",
        ended(("claim", "raid0 of disk2", 1)),
        "INVALID references/leak/claim, ops none",
        "1: left over after the last host has left: 3 claim for 2 members",
    ),
    case(
        "a claim of others",
        ended(("claim", "lvol of disk2", 1)),
        "INVALID references/leak/claim, ops none",
        "1: left over after the last host has left: 1 claim lvol of disk2",
    ),
    case(
        "crashed",
        ended(("thread", "raid0_rebuild", 1), crash=CRASH),
    ),
    case(
        "stuck",
        ended(("thread", "raid0_rebuild", 1), end=RunEnd.STUCK),
    ),
]
