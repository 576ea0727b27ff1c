"""A step uses only objects that its thread owns."""

from __future__ import annotations

from chaos.run.execution import Execution
from chaos.steps.history import EngineEvent
from chaos.steps.schedule import Deliver, FinishIo, FireTimer, Kill, Step
from tests.canaries.cases import Case, judged
from tests.stories import Story, observed
from workers.protocol import Event


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_affinity", name, observed(execution), *expected)


def happened(step: Step, thread: int, number: int = 1) -> Execution:
    """Make one step with its event, on a thread."""
    story = Story()
    story.schedule.append(step)
    story.history.append(EngineEvent(number, Event("raid.reset", thread, ())))
    return story.execution()


DELIVERED = Deliver(0, 2, 3)
FINISHED = FinishIo(0, 3, 1, 1, 0, 1, 0)
FIRED = FireTimer(0, 100, 3, 2)


def free(name: str, execution: Execution, *expected: str) -> Case:
    """Make the same without observations between the steps."""
    return judged("check_affinity", name, execution, *expected)


CASES = [
    case(
        "nothing happened",
        Story().write(1).execution(),
    ),
    case(
        "on the thread that got a message",
        happened(DELIVERED, 3),
    ),
    case(
        "on the thread that sent it",
        happened(DELIVERED, 2),
        "INVALID affinity/foreign thread/raid.reset, ops none",
        "1: raid.reset happened on thread 2 in a step of thread 3: it touched what another thread owns",
    ),
    case(
        "on the thread of an I/O",
        happened(FINISHED, 3),
    ),
    case(
        "not on the thread of an I/O",
        happened(FINISHED, 1),
        "INVALID affinity/foreign thread/raid.reset, ops none",
        "1: raid.reset happened on thread 1 in a step of thread 3: it touched what another thread owns",
    ),
    case(
        "on the thread of a timer",
        happened(FIRED, 3),
    ),
    case(
        "not on the thread of a timer",
        happened(FIRED, 2),
        "INVALID affinity/foreign thread/raid.reset, ops none",
        "1: raid.reset happened on thread 2 in a step of thread 3: it touched what another thread owns",
    ),
    case(
        "on no thread",
        happened(DELIVERED, -1),
    ),
    case(
        "on a thread that can't be",
        happened(DELIVERED, -2),
        "INVALID affinity/foreign thread/raid.reset, ops none",
        "1: raid.reset happened on thread -2 in a step of thread 3: it touched what another thread owns",
    ),
    case(
        "on the app thread",
        happened(DELIVERED, 0),
        "INVALID affinity/foreign thread/raid.reset, ops none",
        "1: raid.reset happened on thread 0 in a step of thread 3: it touched what another thread owns",
    ),
    case(
        "in a step from outside",
        happened(Kill(1, ()), 2),
    ),
    case(
        "before the first step",
        happened(DELIVERED, 2, 0),
    ),
    case(
        "after the last step",
        happened(DELIVERED, 2, 2),
    ),
    case(
        "in the second step",
        Story().write(1).happen("raid.reset", thread=5).execution(),
        "INVALID affinity/foreign thread/raid.reset, ops none",
        "3: raid.reset happened on thread 5 in a step of thread 1: it touched what another thread owns",
    ),
    case(
        "in the second step, on its thread",
        Story().serve(0, thread=5).happen("raid.reset").execution(),
    ),
    free(
        "running free",
        happened(FINISHED, 1),
    ),
]
