"""The controller: takes steps one by one, records them, and keeps the model and the history.

It doesn't know where the engine runs, and draws nothing itself: choices are the scheduler's and the
generator's. A replay has neither; its steps come from the recorded schedule.
"""

from __future__ import annotations

from collections.abc import Iterable

from chaos.base.prng import Stream
from chaos.plan.experiment import RUN_PERMILLE
from chaos.plan.plan import Plan
from chaos.run.driver import SteppingDriver
from chaos.run.execution import Execution, RunEnd
from chaos.run.generator import Generator, Phase
from chaos.run.messages import message_of, nemesis_message
from chaos.run.observer import Observer
from chaos.run.recorder import OUTSIDE_THREAD, Recorder
from chaos.run.schedulers import scheduler_of
from chaos.run.schedulers.base import Scheduler
from chaos.run.schedulers.fair import FairScheduler
from chaos.steps.agenda import Agenda
from chaos.steps.payload import op_of
from chaos.steps.schedule import (
    Deliver,
    FinishIo,
    FireTimer,
    Inject,
    Kill,
    Mark,
    OutsideStep,
    PowerLoss,
    Step,
    describe,
)
from workers.bdev.disk import Disk
from workers.protocol import DefectSource, Event
from workers.reactor import StepNotPossibleError

IDLE_PERMILLE = 5
STUCK = "stuck"  # a Mark: a free run was stopped here


class DivergenceError(Exception):
    """A replayed step is not possible; the message has the step and the reason."""


class Controller:
    """One run under a stepping driver."""

    def __init__(
        self, plan: Plan, driver: SteppingDriver, defects: tuple[DefectSource, ...]
    ) -> None:
        self.plan = plan
        self.driver = driver
        self.recorder = Recorder(plan)
        self.agenda = Agenda()
        driver.start(plan.layout, defects)
        self.recorder.observer = Observer(plan, driver.disks, driver.block)

    def explore(self, seed: int, scheduling_seed: int | None = None) -> Execution:
        """Explore a new run, with every choice from the seed; the scheduler may draw from another one."""
        stream = Stream(seed)
        order = stream if scheduling_seed is None else Stream(scheduling_seed)
        recorder, plan = self.recorder, self.plan
        generator = Generator(plan, recorder.model, stream.fork("generator"))
        recorder.generator = generator
        fair = FairScheduler()
        make_chaotic = scheduler_of(plan.strategies)
        chaotic = make_chaotic(order.fork("scheduler"), plan, recorder.model)
        scheduler: Scheduler = fair
        begin, bound = 0, plan.settle_steps
        now = 0
        while recorder.crash is None:
            if scheduler is chaotic:
                now = (recorder.steps - begin) * RUN_PERMILLE // plan.steps
            elif recorder.steps - begin >= bound:
                return self._explored(generator, bound_hit=True)
            step = scheduler.next_step(self.agenda, generator, now)
            while step is None and scheduler is chaotic and generator.phase is Phase.CHAOS:
                # Every actor waits for planned moments, so the time of the next one must pass.
                begin -= max(1, plan.steps * IDLE_PERMILLE // RUN_PERMILLE)
                now = (recorder.steps - begin) * RUN_PERMILLE // plan.steps
                step = generator.next_step(now)
            if step is None:
                break
            if step.__class__ is Mark:
                begin = recorder.steps
                scheduler = chaotic if step.phase == "chaos" else fair
            self.take(step)
        return self._explored(generator)

    def _explored(self, generator: Generator, *, bound_hit: bool = False) -> Execution:
        execution = self._execution(self._end(generator, bound_hit=bound_hit))
        execution.outcome = generator.outcome()
        return execution

    def settle(self, generator: Generator) -> Execution:
        """Heal, finish, audit: the phases after the chaos, in the fair order."""
        fair = FairScheduler()
        self.take(Mark(generator.phase.value))
        begin = self.recorder.steps
        while self.recorder.crash is None:
            if self.recorder.steps - begin >= self.plan.settle_steps:
                return self._execution(self._end(generator, bound_hit=True))
            step = fair.next_step(self.agenda, generator, RUN_PERMILLE)
            if step is None:
                break
            if step.__class__ is Mark:
                begin = self.recorder.steps
            self.take(step)
        return self._execution(self._end(generator))

    def execution_so_far(self) -> Execution:
        """Return a run that ends in the middle: requests in flight are not stuck."""
        is_crashed = self.recorder.crash is not None
        return self._execution(RunEnd.CRASHED if is_crashed else RunEnd.INTERRUPTED)

    def replay(self, schedule: Iterable[Step], *, cut: bool = False) -> Execution:
        """Replay a recorded run, step for step; raise DivergenceError where a step isn't possible.

        It ends interrupted where the recording ends in the middle, or at a crash that doesn't occur any more; one
        that is ``cut`` ends with its failure, of any kind.
        """
        phases: list[str] = []
        steps_since_mark = 0
        for step in schedule:
            if self.recorder.crash is not None:
                raise DivergenceError(
                    f"at step {self.recorder.steps + 1}: the target has crashed, "
                    "but the schedule has further steps"
                )
            if isinstance(step, Mark):
                phases.append(step.phase)
                steps_since_mark = 0
            steps_since_mark += 1  # including the mark itself, as in the bound of the run
            self.take_recorded(step)
        return self._execution(self._end_of_replay(phases, steps_since_mark, cut=cut))

    def _end_of_replay(self, phases: list[str], steps_since_mark: int, *, cut: bool) -> RunEnd:
        choices = self.agenda.choices
        is_done = Phase.DONE.value in phases
        if self.recorder.crash is not None:
            return RunEnd.CRASHED
        if is_done and not choices:
            return RunEnd.SETTLED
        # A free run that was stopped is stuck where only time could pass; otherwise it was cut short.
        was_given_up = phases[-1:] == [STUCK] and steps_since_mark == 1
        is_stuck = was_given_up and all(step.__class__ is FireTimer for step in choices)
        bound_hit = is_stuck or steps_since_mark >= self.plan.settle_steps
        # The schedule was recorded up to a crash, and there is none now: requests in flight are not stuck.
        if not is_done and (cut or (choices and not bound_hit)):
            return RunEnd.INTERRUPTED
        return RunEnd.BOUND_HIT if bound_hit else RunEnd.STUCK

    def take_recorded(self, step: Step) -> None:
        """Take one step of a recording; raise DivergenceError where it isn't possible."""
        try:
            self.take(step)
        except (KeyError, StepNotPossibleError):
            raise DivergenceError(
                f"at step {self.recorder.steps + 1}: {describe(step)} is not possible"
            ) from None

    def take(self, step: Step) -> None:
        """Take one step."""
        kind = step.__class__
        if kind is Deliver or kind is FinishIo or kind is FireTimer:
            self.agenda.took(step)  # type: ignore[arg-type]
            stalled = self.recorder.model.stalled
            if stalled is not None and self.agenda.passes_over(stalled[0], step):  # type: ignore[arg-type]
                self.recorder.held_up()
            outcome = self.driver.perform(step)  # type: ignore[arg-type]
            self.agenda.absorb(outcome)
            self.recorder.took_engine(step, outcome)  # type: ignore[arg-type]
        else:
            self._take_outside(step)  # type: ignore[arg-type]

    def _take_outside(self, step: OutsideStep) -> None:
        message = message_of(step, self.plan.layout)
        if step.__class__ is Inject:
            message = nemesis_message(step, self.driver.disks, self.plan)
        if message is not None:
            self.driver.send(message)
            self.agenda.post(Deliver(message.reactor, message.sender, message.receiver))
        self.recorder.took_outside(step)
        if step.__class__ in (Kill, PowerLoss):
            self.recorder.report(end_target(step, self.driver.disks))
            self.agenda.clear()
            self.driver.restart()
            self.recorder.restarted()

    def _end(self, generator: Generator, *, bound_hit: bool = False) -> RunEnd:
        if self.recorder.crash is not None:
            return RunEnd.CRASHED
        if generator.phase is Phase.DONE and not self.agenda.choices:
            return RunEnd.SETTLED
        return RunEnd.BOUND_HIT if bound_hit else RunEnd.STUCK

    def _execution(self, end: RunEnd) -> Execution:
        is_over = end in (RunEnd.CRASHED, RunEnd.SETTLED)
        return self.recorder.execution(
            end=end,
            disks=self.driver.disks,
            census=[] if end is RunEnd.CRASHED else self.driver.census(),
            waits=[] if is_over else sorted(self.driver.waits()),
        )


def end_target(step: Kill | PowerLoss, disks: list[Disk]) -> list[Event]:
    """Do to the disks what the end of the target does; returns the events that report it."""
    events = []
    if isinstance(step, PowerLoss):
        for disk, lost in zip(disks, step.lost, strict=False):
            torn = _torn_writes(disk, lost)
            count = disk.lose_power(lost)
            if count:
                events.append(Event("disk.cache_lost", OUTSIDE_THREAD, (disk.number, count)))
            events += [Event("disk.write_torn", OUTSIDE_THREAD, (disk.number, op)) for op in torn]
    if step.clones:
        source = disks[step.clones[0]]
        largest = max(disk.num_blocks for disk in disks)
        for disk in disks:
            disk.heal()
            disk.header.present, disk.header.num_blocks = 1, largest
            if disk is not source:
                disk.copy_from(source)
    return events


def _torn_writes(disk: Disk, lost: tuple[int, ...]) -> list[int]:
    """Return the writes in this disk's cache of which only some blocks are going to be lost."""
    dirty = disk.dirty_blocks()
    going = {op_of(disk.block(block)): True for block in dirty if block in lost}
    staying = {op_of(disk.block(block)): True for block in dirty if block not in lost}
    return [op for op in going if op and op in staying]
