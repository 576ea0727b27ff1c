"""The array's counters and states fit together, and change only in allowed ways."""

from __future__ import annotations

from chaos.run.execution import Execution
from chaos.steps.history import Seen
from tests.canaries.cases import Case, judged
from tests.stories import Story
from workers.shared import ProcessState, RaidState


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_states", name, execution, *expected)


ABSENT, CONFIGURING, ONLINE, OFFLINE = (
    RaidState.ABSENT,
    RaidState.CONFIGURING,
    RaidState.ONLINE,
    RaidState.OFFLINE,
)
NONE, INIT, RUNNING, STOPPING = (
    ProcessState.NONE,
    ProcessState.INIT,
    ProcessState.RUNNING,
    ProcessState.STOPPING,
)
EMPTY, OCCUPIED, CONFIGURED, TARGET = 0, 1, 3, 7


def through(*states: RaidState, story: Story | None = None) -> Story:
    """Go through these states, each ordered in itself."""
    story = story or Story()
    for state in states:
        story.observe(Seen, state, 0, 0, NONE, 0, [])
    return story


def rebuilding(*states: ProcessState) -> Execution:
    story = Story()
    for state in states:
        story.observe(Seen, ONLINE, 0, 0, state, 0, [])
    return story.execution()


def online(
    *slots: int,
    discovered: int = 2,
    operational: int = 2,
    process: ProcessState = NONE,
    slot: int = 0,
    state: RaidState = ONLINE,
) -> Execution:
    """Make one record."""
    return (
        Story()
        .observe(Seen, state, discovered, operational, process, slot, list(slots))
        .execution()
    )


CASES = [
    case(
        "a life",
        through(CONFIGURING, ONLINE, ONLINE, OFFLINE, ABSENT, ONLINE).execution(),
    ),
    case(
        "given up",
        through(CONFIGURING, OFFLINE, ABSENT, CONFIGURING, ABSENT).execution(),
    ),
    case(
        "deleted at once",
        through(ONLINE, ABSENT).execution(),
        "INVALID states/state machine/state, ops none",
        "2: the array contradicts itself: it went from ONLINE to ABSENT",
    ),
    case(
        "online again",
        through(ONLINE, OFFLINE, ONLINE).execution(),
        "INVALID states/state machine/state, ops none",
        "3: the array contradicts itself: it went from OFFLINE to ONLINE",
    ),
    case(
        "back",
        through(ONLINE, CONFIGURING).execution(),
        "INVALID states/state machine/state, ops none",
        "2: the array contradicts itself: it went from ONLINE to CONFIGURING",
    ),
    case(
        "offline from nothing",
        through(OFFLINE).execution(),
        "INVALID states/state machine/state, ops none",
        "1: the array contradicts itself: it went from ABSENT to OFFLINE",
    ),
    case(
        "killed",
        through(CONFIGURING, story=through(ONLINE).kill()).execution(),
    ),
    case(
        "power was lost",
        through(CONFIGURING, story=through(ONLINE).lose_power()).execution(),
    ),
    case(
        "a write isn't a kill",
        through(CONFIGURING, story=through(ONLINE).write(1)).execution(),
        "INVALID states/state machine/state, ops none",
        "4: the array contradicts itself: it went from ONLINE to CONFIGURING",
    ),
    case(
        "a rebuild",
        rebuilding(NONE, INIT, RUNNING, RUNNING, STOPPING, NONE),
    ),
    case(
        "a rebuild that could not begin",
        rebuilding(INIT, NONE, INIT, STOPPING),
    ),
    case(
        "a rebuild without a beginning",
        rebuilding(RUNNING),
        "INVALID states/state machine/process state, ops none",
        "1: the array contradicts itself: its rebuild went from NONE to RUNNING",
    ),
    case(
        "a rebuild without an end",
        rebuilding(INIT, RUNNING, NONE),
        "INVALID states/state machine/process state, ops none",
        "3: the array contradicts itself: its rebuild went from RUNNING to NONE",
    ),
    case(
        "a rebuild that goes on",
        rebuilding(INIT, STOPPING, RUNNING),
        "INVALID states/state machine/process state, ops none",
        "3: the array contradicts itself: its rebuild went from STOPPING to RUNNING",
    ),
    case(
        "a rebuild that was killed",
        through(ONLINE, story=Story().observe(Seen, ONLINE, 0, 0, INIT, 0, []).kill()).execution(),
    ),
    case(
        "two members",
        online(CONFIGURED, CONFIGURED),
    ),
    case(
        "one of two counted",
        online(CONFIGURED, CONFIGURED, discovered=1),
        "INVALID states/state machine/discovered, ops none",
        "1: the array contradicts itself: it counts 1 discovered members and has 2",
    ),
    case(
        "one counted too many",
        online(CONFIGURED, OCCUPIED),
        "INVALID states/state machine/discovered, ops none",
        "1: the array contradicts itself: it counts 2 discovered members and has 1",
    ),
    case(
        "nothing counts of an absent array",
        online(CONFIGURED, state=ABSENT),
    ),
    case(
        "more discovered than operational",
        online(CONFIGURED, CONFIGURED, operational=1),
        "INVALID states/state machine/operational, ops none",
        "1: the array contradicts itself: it counts 1 operational members, 2 discovered",
    ),
    case(
        "more operational than discovered",
        online(CONFIGURED, EMPTY, discovered=1),
    ),
    case(
        "more discovered than operational while it is configured",
        online(CONFIGURED, CONFIGURED, operational=0, state=CONFIGURING),
    ),
    case(
        "two targets",
        online(TARGET, TARGET, process=INIT),
        "INVALID states/state machine/targets, ops none",
        "1: the array contradicts itself: slots [0, 1] are rebuild targets at the same time",
    ),
    case(
        "the target",
        online(CONFIGURED, TARGET, process=INIT, slot=1),
    ),
    case(
        "another target",
        online(CONFIGURED, TARGET, process=INIT, slot=0),
        "INVALID states/state machine/target, ops none",
        "1: the array contradicts itself: slot 1 is a rebuild target, but slot 0 is rebuilt",
    ),
    case(
        "a target, and no rebuild yet",
        online(CONFIGURED, TARGET, slot=0),
    ),
    case(
        "configured and empty",
        online(CONFIGURED, 2),
        "INVALID states/state machine/empty slot, ops none",
        "1: the array contradicts itself: slot 1 is configured and empty",
    ),
    case(
        "configured and empty, the first",
        online(2, CONFIGURED),
        "INVALID states/state machine/empty slot, ops none",
        "1: the array contradicts itself: slot 0 is configured and empty",
    ),
]

EQUIVALENT = {
    "_oddity: 0: 0 is -1": "there is one target by then",
    "_oddity: 0: 0 is -1 (2)": "there is one target by then",
}
