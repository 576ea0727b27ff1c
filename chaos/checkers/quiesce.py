"""While blocks of the array are quiesced, no client I/O to them is in flight on a member (C11)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import MOVES, Members
from chaos.run.execution import Execution
from chaos.steps.block_words import blocks
from chaos.steps.history import EngineEvent, Invoked, was_observed
from chaos.steps.schedule import FinishIo, Kill, PowerLoss
from workers.bdev.io import IoType
from workers.bdev.stack import raid_bdev_id
from workers.protocol import Event
from workers.reactor import FIRST_DYNAMIC_THREAD, FIRST_POLL_GROUP_THREAD

RELEVANT = MOVES | {"bdev.quiesced", "bdev.unquiesced"}
FLUSH = int(IoType.FLUSH)


class Quiesces:
    """The ranges of the array that are quiesced: lock -> (thread, first, end) in blocks."""

    def __init__(self, array: int) -> None:
        self._array = array
        self.held: dict[int, tuple[int, int, int]] = {}

    def take(self, event: Event) -> None:
        """Follow the next event."""
        if event.name == "bdev.quiesced" and event.args[0] == self._array:
            _, lock, first, end = event.args
            self.held[lock] = (event.thread, first, end)
        elif event.name == "bdev.unquiesced" and event.args[0] == self._array:
            self.held.pop(event.args[1], None)

    def broken_by(self, io: FinishIo, data_offset: int) -> tuple[int, int] | None:
        """Return the quiesced range [first, end) with which this I/O of a member overlaps."""
        for thread, first, end in self.held.values():
            # The thread that holds the range may work in it.
            if (
                thread != io.thread
                and io.offset < end + data_offset
                and first + data_offset < io.offset + io.count
            ):
                return first, end
        return None


def check_quiesce(execution: Execution) -> list[Finding]:
    """Compare each I/O that ends on a member with the ranges quiesced then."""
    if not was_observed(execution.history):
        return []
    plan = execution.plan
    quiesces = Quiesces(raid_bdev_id(plan.layout))
    members = Members()
    schedule = execution.schedule
    done = 0
    for entry in execution.history:
        if quiesces.held:
            # The steps since the last entry left nothing in the history, but they may have ended I/O.
            for number, step in enumerate(schedule[done : entry.number], done + 1):
                if step.__class__ is FinishIo and _is_clients(step, members):
                    broken = quiesces.broken_by(step, plan.data_offset)
                    if broken is not None:
                        return [_finding(step, number, *broken)]
        done = entry.number
        if entry.__class__ is EngineEvent:
            if entry.event.name in RELEVANT:
                quiesces.take(entry.event)
                members.take(entry)
        elif entry.__class__ is Invoked and entry.step.__class__ in (Kill, PowerLoss):
            quiesces.held.clear()
            members.take(entry)
    return []


def _is_clients(step: FinishIo, members: Members) -> bool:
    return (
        FIRST_POLL_GROUP_THREAD <= step.thread < FIRST_DYNAMIC_THREAD
        and step.io_type != FLUSH  # never held: it changes no block
        and (step.disk in members.disks or step.disk == members.target)
    )


def _finding(step: FinishIo, number: int, first: int, end: int) -> Finding:
    what = IoType(step.io_type).name.lower()
    return Finding(
        check="quiesce",
        kind="overlap",
        shape=what,
        summary=(
            f"a {what} of thread {step.thread} was in flight on disk {step.disk} "
            f"({blocks(step.offset, step.count)} there) while "
            f"{blocks(first, end - first)} of the array were quiesced"
        ),
        step=number,
        verdict=Verdict.INVALID,
    )
