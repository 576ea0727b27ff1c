"""The sizes that hosts learn, and the newest superblock at that moment."""

from __future__ import annotations

from msgspec import structs

from chaos.plan.plan import Plan
from chaos.run.execution import Execution
from chaos.steps.schedule import Admin
from tests.canaries.cases import Case, judged
from tests.stories import PLAN_WITH_SUPERBLOCK, Story
from workers.nvmf.status import AdminOpcode

TWO_NAMESPACES = structs.replace(
    PLAN_WITH_SUPERBLOCK,
    layout=structs.replace(PLAN_WITH_SUPERBLOCK.layout, namespaces=2, partition_blocks=5),
)


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_sizes", name, execution, *expected)


def online(plan: Plan = PLAN_WITH_SUPERBLOCK) -> Story:
    """Make an array of 8 blocks; its superblock has been written twice."""
    story = Story(plan).happen("raid.created", 0, 1)
    return story.write_superblock(0, 2).write_superblock(1, 2)


def identify(story: Story, size: int, *, nsid: int = 1, opcode: int = AdminOpcode.IDENTIFY, cns=0):
    """Answer a host that asks for the size of a namespace."""
    return story.add(Admin(7, 3, 1, 1, opcode, cns, nsid)).answer(7, value=size).execution()


def too_large(step: int, nsid: int = 1, sequence: int = 2, disk: int = 0) -> tuple[str, str]:
    return (
        "INVALID sizes/not durable/identify, ops 7",
        f"{step}: host 3 was answered (op 7) that namespace {nsid} ends at block 9 of the array, but the newest superblock "
        f"(sequence {sequence}, on disk {disk}) has a size of 8 blocks: a restart would take the rest back",
    )


CASES = [
    case("the size of the superblock", identify(online(), 8)),
    case("one block more", identify(online(), 9), *too_large(5)),
    case(
        "one block more, in the second namespace",
        identify(online(TWO_NAMESPACES), 4, nsid=2),
        *too_large(5, 2),
    ),
    case("the rest, in the second namespace", identify(online(TWO_NAMESPACES), 3, nsid=2)),
    case(
        "the second namespace, which lies behind the array's end, is not active",
        identify(online(TWO_NAMESPACES).write_superblock(0, 3, blocks=4), 0, nsid=2),
    ),
    case("a mask of the active namespaces", identify(online(), 9, cns=2)),
    case("a log page", identify(online(), 9, opcode=AdminOpcode.GET_LOG_PAGE)),
    case("another request's answer", online().write(1).execution()),
    case(
        "grown, and one member has it already",
        identify(online().write_superblock(1, 3, blocks=9), 9),
    ),
    case(
        "asked before it had grown, answered after it",
        online()
        .add(Admin(7, 3, 1, 1, AdminOpcode.IDENTIFY, 0, 1))
        .write_superblock(0, 3, blocks=9)
        .answer(7, value=9)
        .execution(),
    ),
    case(
        "grown, and power loss has taken that back",
        identify(online().write_superblock(0, 3, blocks=9).write_superblock(0, 2), 9),
        *too_large(7),
    ),
    case("no superblock", identify(Story().happen("raid.created", 0, 1), 9)),
    case(
        "no array since the target was killed",
        identify(online().kill(), 9),
    ),
    case(
        "another array's disk is in the place of a member that was pulled",
        identify(
            online()
            .inject("disk_pull", 1)
            .inject("disk_return_foreign", 1)
            .write_superblock(1, 3, array=2, blocks=4),
            8,
        ),
    ),
]
