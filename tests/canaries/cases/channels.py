"""All channels of an array agree with it, once an iteration is over."""

from __future__ import annotations

from chaos.steps.history import EngineEvent, Seen
from tests.canaries.cases import births
from tests.canaries.cases.births import CONFIGURED, NONE, TARGET, array, born, case, channel, seen
from tests.stories import Story
from workers.protocol import Event


def same_step(story: Story, name: str, *args: int, thread: int = 1) -> Story:
    """Add an event to the newest step."""
    story.history.append(EngineEvent(len(story.schedule), Event(name, thread, args)))
    return story


def seen_in_step(story: Story, *slots: int) -> Story:
    """Observe the record at the end of the newest step."""
    story.history.append(Seen(len(story.schedule), 2, 0, 0, 0, 0, list(slots)))
    return story


def rebuilding(*threads: tuple[int, int, int], slot: int = 1) -> Story:
    """Rebuild a slot; each thread's channel has (members, offset, twin)."""
    story = array(CONFIGURED, TARGET).happen("rebuild.started", slot, 5)
    for thread, (members, offset, twin) in enumerate(threads, 1):
        channel(story, thread, members, offset, twin)
    return story


CASES = [
    *births.CASES,
    case(
        "not observed",
        born(Story(), 1, 7).happen("raid.reset").execution(),
    ),
    case(
        "born with all",
        born(array(CONFIGURED, CONFIGURED), 1, 3).write(1).execution(),
    ),
    case(
        "born with one",
        born(array(CONFIGURED, CONFIGURED), 1, 1).write(1).execution(),
        "INVALID channels/disagreement/birth, ops none",
        "2: channels of the array disagree with it: the new channel of thread 1 has the members in slots [0]",
    ),
    case(
        "born with one, and nothing after it",
        born(array(CONFIGURED, CONFIGURED), 1, 1).execution(),
    ),
    case(
        "born with a target",
        born(array(CONFIGURED, TARGET), 1, 3).write(1).execution(),
        "INVALID channels/disagreement/birth, ops none",
        "2: channels of the array disagree with it: the new channel of thread 1 has the members in slots [0, 1]",
    ),
    case(
        "born without a target",
        born(array(CONFIGURED, TARGET), 1, 1).write(1).execution(),
    ),
    case(
        "born before what the step changed",
        seen_in_step(born(array(CONFIGURED, CONFIGURED), 1, 3), CONFIGURED, 1).execution(),
    ),
    case(
        "born after what the step changed",
        seen_in_step(born(array(CONFIGURED, CONFIGURED), 1, 1), CONFIGURED, 1).execution(),
    ),
    case(
        "born beside what the step changed",
        seen_in_step(born(array(CONFIGURED, CONFIGURED), 1, 2), CONFIGURED, 1).execution(),
        "INVALID channels/disagreement/birth, ops none",
        "2: channels of the array disagree with it: the new channel of thread 1 has the members in slots [1]",
    ),
    case(
        "born in a step, and what came before the change no more",
        seen(born(array(CONFIGURED, CONFIGURED), 1, 1), CONFIGURED, 1).execution(),
        "INVALID channels/disagreement/birth, ops none",
        "2: channels of the array disagree with it: the new channel of thread 1 has the members in slots [0]",
    ),
    case(
        "two born, the second wrong",
        same_step(
            born(array(CONFIGURED, CONFIGURED), 1, 3), "raid.channel_created", 6, -1, -1, thread=2
        )
        .write(1)
        .execution(),
        "INVALID channels/disagreement/birth, ops none",
        "2: channels of the array disagree with it: the new channel of thread 2 has the members in slots [1, 2]",
    ),
    case(
        "born, and then a kill",
        born(array(CONFIGURED), 1, 1).kill().happen("raid.reset").execution(),
    ),
    case(
        "a window everyone knows of",
        rebuilding((1, 4, 3), (1, 4, 2)).happen("rebuild.window_done", 4, 8).execution(),
    ),
    case(
        "a window that one is behind of",
        rebuilding((1, 4, 3), (1, 0, 3)).happen("rebuild.window_done", 4, 8).execution(),
        "INVALID channels/disagreement/offset, ops none",
        "5: channels of the array disagree with it: thread 2 is at block 0 of the rebuild, not at 4",
    ),
    case(
        "a window that one doesn't know of",
        rebuilding((1, NONE, NONE)).happen("rebuild.window_done", 4, 8).execution(),
        "INVALID channels/disagreement/no twin, ops none",
        "4: channels of the array disagree with it: thread 1 has no twin for the rebuild, which is at block 4",
    ),
    case(
        "a twin that doesn't write to the target",
        rebuilding((1, 4, 1)).happen("rebuild.window_done", 4, 8).execution(),
        "INVALID channels/disagreement/twin, ops none",
        "4: channels of the array disagree with it: thread 1 doesn't write rebuilt blocks to slot 1",
    ),
    case(
        "the twin of the first slot",
        rebuilding((2, 4, 1), slot=0).happen("rebuild.window_done", 4, 8).execution(),
    ),
    case(
        "a twin that writes to no member",
        rebuilding((1, 4, 0)).happen("rebuild.window_done", 4, 8).execution(),
        "INVALID channels/disagreement/twin, ops none",
        "4: channels of the array disagree with it: thread 1 doesn't write rebuilt blocks to slot 1",
    ),
    case(
        "no rebuild begun: the first slot",
        channel(array(CONFIGURED), 1, 1, 4, 1).happen("rebuild.window_done", 4, 8).execution(),
    ),
    case(
        "a channel that has gone",
        rebuilding((1, 0, 3))
        .happen("raid.channel_destroyed")
        .happen("rebuild.window_done", 4, 8)
        .execution(),
    ),
    case(
        "the end of a rebuild",
        rebuilding((3, NONE, NONE)).happen("rebuild.finished", 1, 1, 0).execution(),
    ),
    case(
        "the end of a rebuild, and its offset left",
        rebuilding((3, 8, NONE)).happen("rebuild.finished", 1, 1, 0).execution(),
        "INVALID channels/disagreement/rebuild left, ops none",
        "4: channels of the array disagree with it: thread 1 still follows the rebuild that has ended",
    ),
    case(
        "the end of a rebuild, and its twin left",
        rebuilding((3, NONE, 3)).happen("rebuild.finished", 1, 1, 0).execution(),
        "INVALID channels/disagreement/rebuild left, ops none",
        "4: channels of the array disagree with it: thread 1 still follows the rebuild that has ended",
    ),
    case(
        "the end of a rebuild, and no new member",
        rebuilding((1, NONE, NONE)).happen("rebuild.finished", 1, 1, 0).execution(),
        "INVALID channels/disagreement/member lacks, ops none",
        "4: channels of the array disagree with it: thread 1 doesn't use slot 1, just rebuilt",
    ),
    case(
        "a failed rebuild",
        rebuilding((1, NONE, NONE)).happen("rebuild.finished", 1, 1, -5).execution(),
    ),
    case(
        "a failed rebuild, and its target kept",
        rebuilding((3, NONE, NONE)).happen("rebuild.finished", 1, 1, -5).execution(),
        "INVALID channels/disagreement/target kept, ops none",
        "4: channels of the array disagree with it: thread 1 uses slot 1, whose rebuild failed",
    ),
    case(
        "a failed rebuild of the first slot, and its target kept",
        rebuilding((1, NONE, NONE), slot=0).happen("rebuild.finished", 0, 1, 1).execution(),
        "INVALID channels/disagreement/target kept, ops none",
        "4: channels of the array disagree with it: thread 1 uses slot 0, whose rebuild failed",
    ),
    case(
        "a member removed",
        rebuilding((1, NONE, NONE), (1, 4, 1)).happen("raid.member_removed", 1, 1).execution(),
    ),
    case(
        "a member removed, and kept",
        rebuilding((1, 0, 1), (3, NONE, NONE)).happen("raid.member_removed", 1, 1).execution(),
        "INVALID channels/disagreement/member kept, ops none",
        "5: channels of the array disagree with it: thread 2 still uses slot 1, which was removed",
    ),
    case(
        "a member removed, and kept by a twin",
        rebuilding((1, 4, 3)).happen("raid.member_removed", 1, 1).execution(),
        "INVALID channels/disagreement/member kept, ops none",
        "4: channels of the array disagree with it: thread 1 still uses slot 1, which was removed",
    ),
    case(
        "a member of the first slot removed, and no twin",
        rebuilding((2, NONE, NONE)).happen("raid.member_removed", 0, 0).execution(),
    ),
    case(
        "a member of the first slot removed, and kept",
        rebuilding((1, NONE, NONE)).happen("raid.member_removed", 0, 5).execution(),
        "INVALID channels/disagreement/member kept, ops none",
        "4: channels of the array disagree with it: thread 1 still uses slot 0, which was removed",
    ),
    case(
        "killed: no channel is behind",
        rebuilding((1, 0, 3)).kill().happen("rebuild.window_done", 4, 8).execution(),
    ),
    case(
        "power was lost: no channel is behind",
        rebuilding((1, 0, 3)).lose_power().happen("rebuild.window_done", 4, 8).execution(),
    ),
    case(
        "a write isn't a kill",
        rebuilding((1, 0, 3)).write(1).happen("rebuild.window_done", 4, 8).execution(),
        "INVALID channels/disagreement/offset, ops none",
        "6: channels of the array disagree with it: thread 1 is at block 0 of the rebuild, not at 4",
    ),
    case(
        "another event",
        rebuilding((1, 0, 3)).happen("raid.reset").execution(),
    ),
    case(
        "born without a slot before the array was seen",
        seen(born(Story(), 1, 0), CONFIGURED).execution(),
    ),
    case(
        "born with a slot before the array was seen",
        seen(born(Story(), 1, 1), CONFIGURED).execution(),
        "INVALID channels/disagreement/birth, ops none",
        "1: channels of the array disagree with it: the new channel of thread 1 has the members in slots [0]",
    ),
]

EQUIVALENT = {
    "check_channels: 0: 0 is 1": "no channel is born before the first entry",
    "check_channels: 0: 0 is -1": "no channel is born before the first entry",
}
