"""A recorded run replayed and observed closely: the steps that a step overtook, and the content of disks.

It records what history and notes lack: since when each engine step was possible, and which data each disk write
replaced by which.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chaos.drivers.make import stepped_driver
from chaos.plan.plan import Plan
from chaos.run.controller import Controller
from chaos.run.execution import Execution
from chaos.steps.history import Entry, Invoked
from chaos.steps.payload import decode
from chaos.steps.schedule import ENGINE_STEPS, FinishIo, FireTimer, Step
from workers.bdev.io import IoType
from workers.protocol import DefectSource, EngineStep

OF_DATA = (
    IoType.READ,
    IoType.WRITE,
    IoType.UNMAP,
    IoType.WRITE_ZEROES,
    IoType.COMPARE_AND_WRITE,
)


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

    @property
    def passed(self) -> int:
        """Return the number of engine steps that this step overtook."""
        return self.number - self.since - 1


class CloseLook(msgspec.Struct, frozen=True):
    """A run and its moments."""

    execution: Execution
    moments: list[Moment]


def look_closely(
    plan: Plan, schedule: list[Step], defects: tuple[DefectSource, ...], *, cut: bool
) -> CloseLook:
    """Replay the steps and observe each; raise DivergenceError where one isn't possible."""
    looker = _Looker(plan, defects)
    execution = looker.controller.replay(looker.steps(schedule), cut=cut)
    return CloseLook(execution, looker.moments())


class _Looker:
    """Supplies the steps, and observes the target before and after each."""

    def __init__(self, plan: Plan, defects: tuple[DefectSource, ...]) -> None:
        self.driver = stepped_driver(plan.target)
        self.controller = Controller(plan, self.driver, defects)
        self._data_offset = plan.data_offset
        self._possible: dict[EngineStep, int] = {}
        self._seen: list[tuple[int, int, int, list[int], list[int]]] = []

    def steps(self, schedule: list[Step]) -> Iterator[Step]:
        agenda = self.controller.agenda
        for number, step in enumerate(schedule, 1):
            busy = sum(1 for choice in agenda.choices if choice.__class__ is not FireTimer)
            since = self._possible.pop(step, number - 1) if isinstance(step, ENGINE_STEPS) else 0
            before = self._content(step)
            yield step
            first = step.offset if isinstance(step, FinishIo) else 0
            self._seen.append((since, busy, first, before, self._content(step)))
            possible = dict.fromkeys(agenda.choices, number)
            self._possible = {
                choice: self._possible.get(choice, first_seen)
                for choice, first_seen in possible.items()
            }

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

    def moments(self) -> list[Moment]:
        recorder = self.controller.recorder
        entries: list[list[Entry]] = [[] for _ in range(recorder.steps + 1)]
        for entry in recorder.history:
            if not isinstance(entry, Invoked):
                entries[entry.number].append(entry)
        return [
            Moment(number, step, note, entries[number], *self._seen[number - 1])
            for number, (step, note) in enumerate(
                zip(recorder.schedule, recorder.notes, strict=True), 1
            )
        ]
