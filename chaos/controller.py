"""The controller: takes steps one by one, records them, and keeps the model and the history.

It knows nothing of where the engine lives, and draws nothing itself: choices are the scheduler's and the
generator's. A replay has neither; its steps come from the recorded schedule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chaos.agenda import Agenda
from chaos.drivers.base import Counts, SteppingDriver
from chaos.experiment import RUN_PERMILLE
from chaos.generator import Generator, Phase
from chaos.history import (
    NOT_LOOKED,
    Completed,
    Crashed,
    Fingerprint,
    Happened,
    History,
    Invoked,
    Unheard,
)
from chaos.messages import message_of, nemesis_message
from chaos.model import Model
from chaos.observer import Observer, contents_of
from chaos.payload import decode, op_of
from chaos.plan import Plan
from chaos.prng import Stream
from chaos.schedule import (
    CHANGING,
    Admin,
    Changing,
    Deliver,
    EngineStep,
    FinishIo,
    FireTimer,
    Impair,
    Inject,
    Kill,
    Mark,
    OutsideStep,
    PowerLoss,
    Read,
    Stall,
    Step,
)
from chaos.scheduler import FairScheduler, Scheduler
from chaos.strategies import scheduler_of
from workers.bdev.disk import Disk
from workers.nvmf.status import AdminOpcode, NvmeStatus
from workers.protocol import Crash, DefectSource, Event, Outcome, WaitRow
from workers.reactor import StepNotPossibleError

SETTLE_STEPS_MAX = 60_000
IDLE_PERMILLE = 5
STUCK = "stuck"  # a Mark: here a free run was given up
NOTHING = ()
OUTSIDE_THREAD = -1  # of events that no thread of the target tells


class DivergenceError(Exception):
    """A replayed step is not possible: says where and why."""


class Execution(msgspec.Struct):
    """Everything a judge needs of one run: history, final disks, final counts."""

    plan: Plan
    history: History
    schedule: list[Step]
    notes: list[str]  # per step, in a word: the message handled, or that an I/O failed
    fingerprint: str
    steps: int
    crash: Crash | None
    settled: bool  # reached the end of its phases
    settle_bound_hit: bool
    disks: list[list[int]]  # per disk and block: see payload.py
    census: Counts
    interrupted: bool = False
    waits: list[WaitRow] = []  # of a run that isn't settled: what waits for what


class Recorder:
    """Model, history and fingerprint, fed with steps taken and what they brought."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.model = Model(plan)
        self.history: History = []
        self.schedule: list[Step] = []
        self.notes: list[str] = []
        self.fingerprint = Fingerprint()
        self.steps = 0
        self.crash: Crash | None = None
        self.generator: Generator | None = None
        self._reads: dict[int, Read] = {}
        self._events: dict[int, Admin] = {}  # asynchronous event requests
        self._changes: dict[int, Changing] = {}
        self.observer: Observer | None = None
        self._held_up: tuple[int, int] | None = None  # the stall that something has waited for

    def took_outside(self, step: OutsideStep) -> None:
        """A step from outside was taken."""
        self.steps += 1
        self.model.steps = self.steps
        self.schedule.append(step)
        self.notes.append("")
        self.fingerprint.add(step, NOTHING)
        self.history.append(Invoked(self.steps, step))
        # Classes are compared, here and below: isinstance asks a struct's metaclass, which is slow.
        if step.__class__ is Read:
            self._reads[step.op] = step
        elif step.__class__ in CHANGING:
            self._changes[step.op] = step
        elif step.__class__ is Admin and step.opcode == AdminOpcode.ASYNC_EVENT_REQUEST:
            self._events[step.op] = step
        self.model.took(step)
        if step.__class__ is Inject:
            self._look(step, NOTHING)
        elif step.__class__ is Stall:
            self.model.stalled = (step.reactor, self.steps + step.length)
        elif step.__class__ in (Kill, PowerLoss):
            self._reads.clear()
            self._changes.clear()
            self.model.target_restarted(step.clones)
        if self.generator is not None:
            self.generator.took(step)
        elif step.__class__ is Impair:
            self.model.cut_off(step)

    def took_engine(self, step: EngineStep, outcome: Outcome) -> None:
        """An engine step was taken."""
        model = self.model
        self.steps = model.steps = self.steps + 1
        if step.__class__ is FireTimer:
            model.clock_us = max(model.clock_us, step.deadline_us)
        if model.stalled is not None and self.steps >= model.stalled[1]:
            model.stalled = None
        self.schedule.append(step)
        self.notes.append(outcome.note)
        if outcome.events or outcome.replies or outcome.crash is not None:
            self.fingerprint.add(step, self.observe(outcome, step))
        else:
            self.fingerprint.add(step, NOTHING)
            if self.observer is not None:
                self.observer.look(self.steps, step, NOTHING, self.history)

    def _look(self, step: Step, events: Sequence[Event]) -> None:
        if self.observer is not None:
            self.observer.look(self.steps, step, events, self.history)

    def observe(self, outcome: Outcome, step: EngineStep | None = None) -> list[Any]:
        """Take in what a step showed; returns it in the form the fingerprint hashes."""
        shown: list[Any] = [*outcome.events]
        for event in outcome.events:
            self.history.append(Happened(self.steps, event))
            self.model.happened(event)
            if event.name == "nvmf.qpair_destroyed" and self.generator is not None:
                self.generator.connection_ended(event.args[0])
        if step is not None:
            self._look(step, outcome.events)
        for reply in outcome.replies:
            if reply.receiver in self.model.lost_connections:
                unheard = Unheard(self.steps, reply.token)
                self.history.append(unheard)
                shown.append(unheard)
                continue
            read = self._reads.pop(reply.token, None)
            values = decode(reply.data, read.slba) if read is not None else []
            change = self._changes.pop(reply.token, None)
            copies = NOT_LOOKED
            if change is not None and reply.status == NvmeStatus.SUCCESS and self.observer:
                copies = self.observer.copies(change)
            completed = Completed(
                self.steps, reply.token, int(reply.status), reply.value, values, copies
            )
            self.history.append(completed)
            shown.append(completed)
            answered = self.model.answered(reply.token, reply.status) or self._events.pop(
                reply.token, None
            )
            if answered is not None and self.generator is not None:
                self.generator.answered(answered, reply.status, reply.value)
        if outcome.crash is not None:
            # Reactors that run free may crash one after the other; the first is the finding.
            self.crash = self.crash or outcome.crash
            self.history.append(Crashed(self.steps, outcome.crash))
            shown.append((outcome.crash.reactor, outcome.crash.where, outcome.crash.message))
        return shown

    def restarted(self) -> None:
        """A new target has begun, on what the end of the old one has left of the disks."""
        if self.observer is not None:
            self.observer.restarted()
            self.history += self.observer.disks_changed(self.steps)

    def held_up(self) -> None:
        """A step of the reactor that is stopped was possible, and passed over: told once."""
        stalled = self.model.stalled
        if stalled is not None and stalled != self._held_up:
            self._held_up = stalled
            self.tell([Event("reactor.held_up", OUTSIDE_THREAD, (stalled[0],))])

    def tell(self, events: list[Event]) -> None:
        """What happened without the target knowing of it."""
        for event in events:
            self.history.append(Happened(self.steps, event))
        self.fingerprint.add(self.schedule[-1], list(events))

    def execution(
        self,
        *,
        settled: bool,
        bound_hit: bool,
        disks: list[Disk],
        census: Counts,
        waits: list[WaitRow],
    ) -> Execution:
        """The run as its judge needs it."""
        return Execution(
            plan=self.plan,
            history=self.history,
            schedule=self.schedule,
            notes=self.notes,
            fingerprint=self.fingerprint.hex(),
            steps=self.steps,
            crash=self.crash,
            settled=settled,
            settle_bound_hit=bound_hit,
            disks=contents_of(disks, self.plan.data_offset),
            census=census,
            waits=waits,
        )


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

    def explore(self, seed: int) -> Execution:
        """A new run, with every choice from the seed."""
        stream = Stream(seed)
        recorder, plan = self.recorder, self.plan
        generator = Generator(plan, recorder.model, stream.fork("generator"))
        recorder.generator = generator
        fair = FairScheduler()
        make_chaotic = scheduler_of(plan.strategies)
        chaotic = make_chaotic(stream.fork("scheduler"), plan, recorder.model)
        scheduler: Scheduler = fair
        begin, bound = 0, SETTLE_STEPS_MAX
        now = 0
        while recorder.crash is None:
            if scheduler is chaotic:
                now = (recorder.steps - begin) * RUN_PERMILLE // plan.steps
            elif recorder.steps - begin >= bound:
                return self._execution(generator, bound_hit=True)
            step = scheduler.next_step(self.agenda, generator, now)
            while step is None and scheduler is chaotic and now < RUN_PERMILLE:
                # All wait for planned moments: let the time pass that would bring the next one.
                begin -= max(1, plan.steps * IDLE_PERMILLE // RUN_PERMILLE)
                now = (recorder.steps - begin) * RUN_PERMILLE // plan.steps
                step = generator.next_step(now)
            if step is None:
                break
            if step.__class__ is Mark:
                begin = recorder.steps
                scheduler = chaotic if step.phase == "chaos" else fair
            self.take(step)
        return self._execution(generator, bound_hit=False)

    def replay(self, schedule: Iterable[Step]) -> Execution:
        """A recorded run again, step for step; raises DivergenceError where a step isn't possible.

        Its interruption tells that the recording ends in the middle, at a crash that doesn't come any more.
        """
        steps_since_mark = 0
        done = stuck = False
        for step in schedule:
            if self.recorder.crash is not None:
                raise DivergenceError(
                    f"at step {self.recorder.steps + 1}: the target has crashed, "
                    "but the schedule goes on"
                )
            steps_since_mark = 0 if isinstance(step, Mark) else steps_since_mark + 1
            done = done or (isinstance(step, Mark) and step.phase == "done")
            stuck = isinstance(step, Mark) and step.phase == STUCK
            self.take_recorded(step)
        # A free run that was given up: what nobody could go on with is stuck, what was cut off isn't.
        stuck = stuck and all(step.__class__ is FireTimer for step in self.agenda.choices)
        bound_hit = stuck or steps_since_mark >= SETTLE_STEPS_MAX
        execution = self._execution(None, bound_hit=bound_hit, done=done)
        # A schedule that was recorded up to a crash, and no crash now: what is under way is not stuck.
        execution.interrupted = bool(
            not done and self.agenda.choices and not execution.settle_bound_hit
        )
        return execution

    def take_recorded(self, step: Step) -> None:
        """Take one step of a recording; raises DivergenceError."""
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
        message = message_of(step)
        if step.__class__ is Inject:
            message = nemesis_message(step, self.driver.disks, self.plan)
        if message is not None:
            self.driver.send(message)
            self.agenda.post(Deliver(message.reactor, message.sender, message.receiver))
        self.recorder.took_outside(step)
        if step.__class__ in (Kill, PowerLoss):
            self.recorder.tell(end_target(step, self.driver.disks))
            self.agenda.clear()
            self.driver.restart()
            self.recorder.restarted()

    def _execution(
        self, generator: Generator | None, *, bound_hit: bool, done: bool = False
    ) -> Execution:
        finished = generator.phase is Phase.DONE if generator is not None else done
        settled = finished and not self.agenda.choices
        crashed = self.recorder.crash is not None
        return self.recorder.execution(
            settled=settled,
            bound_hit=bound_hit,
            disks=self.driver.disks,
            census=[] if crashed else self.driver.census(),
            waits=[] if crashed or settled else sorted(self.driver.waits()),
        )


def end_target(step: Kill | PowerLoss, disks: list[Disk]) -> list[Event]:
    """What the end of the target does to its disks, and what is to be told of it."""
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
    """The writes in this disk's cache of which only some blocks are going to be lost."""
    dirty = disk.dirty_blocks()
    going = {op_of(disk.block(block)): True for block in dirty if block in lost}
    staying = {op_of(disk.block(block)): True for block in dirty if block not in lost}
    return [op for op in going if op and op in staying]


def describe(step: Step) -> str:
    """A step in a few words, for a sentence."""
    fields = ", ".join(f"{field}={getattr(step, field)}" for field in step.__struct_fields__)
    return f"{type(step).__name__}({fields})"
