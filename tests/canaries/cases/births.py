"""Channels that are created during and after an iteration that changes all channels: cases of ``channels``."""

from __future__ import annotations

from chaos.run.execution import Execution
from chaos.steps.history import Seen
from tests.canaries.cases import Case, judged
from tests.stories import Story
from workers.shared import ProcessState


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_channels", name, execution, *expected)


NONE = -1
OCCUPIED, CONFIGURED, TARGET = 1, 3, 7


def array(*slots: int) -> Story:
    """Observe the array's record for the first time."""
    return seen(Story(), *slots)


def seen(story: Story, *slots: int, process: ProcessState = ProcessState.NONE) -> Story:
    return story.observe(Seen, 2, 0, 0, process, 0, list(slots))


def channel(
    story: Story,
    thread: int,
    members: int,
    offset: int = NONE,
    twin: int = NONE,
    *,
    event: str = "raid.channel",
) -> Story:
    """Emit a channel's event about itself."""
    return story.happen(event, members, offset, twin, thread=thread)


def born(story: Story, thread: int, members: int) -> Story:
    return channel(story, thread, members, event="raid.channel_created")


def removing(slot: int, *slots: int) -> Story:
    """Begin the removal of a member, which is CONFIGURED no more."""
    return seen(array(*[CONFIGURED] * len(slots)).happen("raid.removing_member", slot, 5), *slots)


def finishing(slot: int, *slots: int) -> Story:
    """End a rebuild, while the iteration over the channels is in progress."""
    story = seen(
        array(*slots).happen("rebuild.started", slot, 5), *slots, process=ProcessState.RUNNING
    )
    return seen(story, *slots)


def birth(step: int, slots: list[int]) -> tuple[str, str]:
    return (
        "INVALID channels/disagreement/birth, ops none",
        f"{step}: channels of the array disagree with it: the new channel of thread 1 has the members in slots {slots}",
    )


CASES = [
    case(
        "born with a member on its way out, and it goes",
        channel(born(removing(1, CONFIGURED, OCCUPIED), 1, 3), 1, 1)
        .happen("raid.member_removed", 1, 5)
        .execution(),
    ),
    case(
        "born with a member on its way out, and it stays",
        born(removing(1, CONFIGURED, OCCUPIED), 1, 3)
        .happen("raid.member_removed", 1, 5)
        .execution(),
        "INVALID channels/disagreement/member kept, ops none",
        "5: channels of the array disagree with it: thread 1 still uses slot 1, which was removed",
    ),
    case(
        "born with the first member on its way out",
        born(removing(0, OCCUPIED, CONFIGURED), 1, 3).write(1).execution(),
    ),
    case(
        "born without a member that is still to go",
        born(removing(1, CONFIGURED, CONFIGURED), 1, 1).write(1).execution(),
    ),
    case(
        "born with more than a member on its way out",
        born(removing(1, CONFIGURED, OCCUPIED, OCCUPIED), 1, 7).write(1).execution(),
        *birth(4, [0, 1, 2]),
    ),
    case(
        "born with a member that has gone",
        born(removing(1, CONFIGURED, OCCUPIED).happen("raid.member_removed", 1, 5), 1, 3)
        .write(1)
        .execution(),
        *birth(5, [0, 1]),
    ),
    case(
        "born with the first member, which has gone",
        born(removing(0, OCCUPIED, CONFIGURED).happen("raid.member_removed", 0, 5), 1, 3)
        .write(1)
        .execution(),
        *birth(5, [0, 1]),
    ),
    case(
        "born with one of two on their way out, when the other has gone",
        born(
            removing(1, CONFIGURED, OCCUPIED, OCCUPIED)
            .happen("raid.removing_member", 2, 6)
            .happen("raid.member_removed", 1, 5),
            1,
            5,
        )
        .write(1)
        .execution(),
    ),
    case(
        "born in an array that was deleted while a member was on its way out",
        born(
            seen(removing(1, CONFIGURED, OCCUPIED).happen("raid.deleted"), CONFIGURED, OCCUPIED),
            1,
            3,
        )
        .write(1)
        .execution(),
        *birth(6, [0, 1]),
    ),
    case(
        "born with the first slot in an array that was deleted",
        born(
            seen(removing(1, CONFIGURED, OCCUPIED).happen("raid.deleted"), OCCUPIED, CONFIGURED),
            1,
            3,
        )
        .write(1)
        .execution(),
        *birth(6, [0, 1]),
    ),
    case(
        "born with the target of a rebuild that has failed, and it goes",
        channel(born(finishing(1, CONFIGURED, OCCUPIED), 1, 3), 1, 1)
        .happen("rebuild.finished", 1, 5, -5)
        .execution(),
    ),
    case(
        "born with the first slot, whose rebuild has failed",
        born(finishing(0, OCCUPIED, CONFIGURED), 1, 3).write(1).execution(),
    ),
    case(
        "born with a target while its rebuild runs",
        born(
            seen(
                array(CONFIGURED, TARGET).happen("rebuild.started", 1, 5),
                CONFIGURED,
                TARGET,
                process=ProcessState.RUNNING,
            ),
            1,
            3,
        )
        .write(1)
        .execution(),
        *birth(4, [0, 1]),
    ),
    case(
        "born with what is left in a slot whose rebuild has ended",
        born(finishing(1, CONFIGURED, OCCUPIED).happen("rebuild.finished", 1, 5, -5), 1, 3)
        .write(1)
        .execution(),
        *birth(6, [0, 1]),
    ),
    case(
        "born with what is left in the first slot, whose rebuild has ended",
        seen(
            born(finishing(0, OCCUPIED, CONFIGURED).happen("rebuild.finished", 0, 5, -5), 1, 3),
            OCCUPIED,
            CONFIGURED,
        ).execution(),
        *birth(6, [0, 1]),
    ),
]
