"""A recorded run replayed and observed closely: the steps that a step overtook, and the content of disks.

It records what history and notes lack: since when each engine step was possible, which data each disk write
replaced by which, and what the reactors share about the array.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chaos.drivers.make import stepped_driver
from chaos.narrating.array_look import ArrayLook, ArrayWatch, Unheld
from chaos.plan.plan import Plan
from chaos.run.controller import Controller
from chaos.run.execution import Execution
from chaos.steps.history import EngineEvent, Entry, History, Invoked
from chaos.steps.payload import decode
from chaos.steps.schedule import ENGINE_STEPS, Deliver, FinishIo, FireTimer, Step
from workers.bdev.io import IoType
from workers.bdev.stack import raid_bdev_id
from workers.protocol import DefectSource, EngineStep

OF_DATA = (
    IoType.READ,
    IoType.WRITE,
    IoType.UNMAP,
    IoType.WRITE_ZEROES,
    IoType.COMPARE_AND_WRITE,
)
QUIESCED = "bdev.quiesced"
CHANNEL_CREATED = "raid.channel_created"
# The fields of a Moment from ``since`` on.
_Seen = tuple[int, int, int, list[int], list[int], ArrayLook | None, tuple[Unheld, ...], bool]


class Moment(msgspec.Struct, frozen=True):
    """One step and the facts around it."""

    number: int
    step: Step
    note: str
    entries: list[Entry]  # the entries that it showed
    since: int  # for an engine step: the number of the step after which it was possible
    busy: int  # engine steps that were possible before it, timers left out
    first: int  # for an I/O of a disk: its first block there ...
    before: list[int]  # ... and the ops in its blocks before and after
    after: list[int]
    array: ArrayLook | None = None  # as it is from now on; None: as before
    unheld: tuple[
        Unheld, ...
    ] = ()  # locks that channels lack, though one has just taken hold or been born

    to_exited: bool = False  # it is a message to a thread that has exited

    @property
    def passed(self) -> int:
        """Return the number of engine steps that this step overtook."""
        return self.number - self.since - 1


class CloseLook(msgspec.Struct, frozen=True):
    """A run and its moments."""

    execution: Execution
    moments: list[Moment]


def look_closely(
    plan: Plan,
    schedule: list[Step],
    defects: tuple[DefectSource, ...],
    *,
    cut: bool,
    with_order: bool = True,
) -> CloseLook:
    """Replay the steps and observe each; raise DivergenceError where one isn't possible.

    Without the order, no moment knows which steps were possible before it: in a run without a script that says nothing.
    """
    looker = _Looker(plan, defects, with_order=with_order)
    execution = looker.controller.replay(looker.steps(schedule), cut=cut)
    return CloseLook(execution, looker.moments())


def look_from_afar(execution: Execution) -> CloseLook:
    """Make the moments of a run that can't be taken again: without data of disks, and without the order."""
    seen: list[_Seen] = [
        (number, 0, step.offset if isinstance(step, FinishIo) else 0, [], [], None, (), False)
        for number, step in enumerate(execution.schedule)
    ]
    moments = _moments(execution.history, execution.schedule, execution.notes, seen)
    return CloseLook(execution, moments)


class _Looker:
    """Supplies the steps, and observes the target before and after each."""

    def __init__(self, plan: Plan, defects: tuple[DefectSource, ...], *, with_order: bool) -> None:
        self.driver = stepped_driver(plan.target)
        self.controller = Controller(plan, self.driver, defects)
        self._data_offset = plan.data_offset
        self._with_order = with_order
        self._possible: dict[EngineStep, int] = {}
        self._watch = ArrayWatch(self.driver, plan.layout)
        self._array_bdev = raid_bdev_id(plan.layout)
        self._seen: list[_Seen] = []

    def steps(self, schedule: list[Step]) -> Iterator[Step]:
        for number, step in enumerate(schedule, 1):
            since, busy = self._order_of(step, number)
            before = self._content(step)
            to_exited = isinstance(step, Deliver) and self._watch.has_exited(step)
            yield step
            first = step.offset if isinstance(step, FinishIo) else 0
            after, unheld = self._content(step), self._unheld()
            array = self._watch.look()
            self._seen.append((since, busy, first, before, after, array, unheld, to_exited))

    def _order_of(self, step: Step, number: int) -> tuple[int, int]:
        """Return since when a step is possible, and how many others are possible with it, timers left out."""
        if not self._with_order:
            return number - 1, 0
        choices = self.controller.agenda.choices
        self._possible = {choice: self._possible.get(choice, number - 1) for choice in choices}
        busy = sum(1 for choice in choices if choice.__class__ is not FireTimer)
        since = self._possible.pop(step, number - 1) if isinstance(step, ENGINE_STEPS) else 0
        return since, busy

    def _content(self, step: Step) -> list[int]:
        """Return the present content of the blocks of an I/O."""
        if not isinstance(step, FinishIo) or step.io_type not in OF_DATA:
            return []
        if step.offset < self._data_offset:
            return []
        disk = self.driver.disks[step.disk]
        return [
            decode(disk.block(block), block - self._data_offset)[0]
            for block in range(step.offset, step.offset + step.count)
        ]

    def _unheld(self) -> tuple[Unheld, ...]:
        """Return the locks of the array that channels lack, after a step in which each of them must have it."""
        recorder = self.controller.recorder
        for entry in reversed(recorder.history):
            if entry.number != recorder.steps:
                break
            if isinstance(entry, EngineEvent):
                name, args = entry.event.name, entry.event.args
                if name == QUIESCED and args[0] == self._array_bdev:
                    return self._watch.without(args[1], None)
                if name == CHANNEL_CREATED:
                    return self._watch.without(None, entry.event.thread)
        return ()

    def moments(self) -> list[Moment]:
        recorder = self.controller.recorder
        return _moments(recorder.history, recorder.schedule, recorder.notes, self._seen)


def _moments(
    history: History, schedule: list[Step], notes: list[str], seen: list[_Seen]
) -> list[Moment]:
    entries: list[list[Entry]] = [[] for _ in range(len(schedule) + 1)]
    for entry in history:
        if not isinstance(entry, Invoked):
            entries[entry.number].append(entry)
    return [
        Moment(number, step, note, entries[number], *of)
        for number, (step, note, of) in enumerate(zip(schedule, notes, seen, strict=True), 1)
    ]
