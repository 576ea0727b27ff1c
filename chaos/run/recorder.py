"""The recorder: steps and their outcomes become history, model and fingerprint; in the end an execution."""

from __future__ import annotations

from typing import Any, Protocol

from chaos.plan.plan import Plan
from chaos.run.driver import Counts
from chaos.run.execution import Execution, RunEnd
from chaos.run.model import Model
from chaos.run.observer import Observer, contents_of
from chaos.steps.history import (
    NOT_LOOKED,
    Completed,
    Crashed,
    EngineEvent,
    Fingerprint,
    History,
    Invoked,
    Undelivered,
)
from chaos.steps.payload import decode
from chaos.steps.schedule import (
    CHANGING,
    Admin,
    Changing,
    EngineStep,
    FireTimer,
    Impair,
    Inject,
    Kill,
    OutsideStep,
    PowerLoss,
    Read,
    Stall,
    Step,
)
from workers.bdev.disk import Disk
from workers.nvmf.status import AdminOpcode, NvmeStatus
from workers.protocol import Crash, Event, Outcome, WaitRow

NOTHING = ()
OUTSIDE_THREAD = -1  # of events that no thread of the target emits


class Outside(Protocol):
    """What acts from outside the target, and gets the results."""

    def took(self, step: OutsideStep) -> None:
        """Take in a step."""

    def answered(self, step: OutsideStep, status: int, value: int) -> None:
        """Take in an answer to one of the steps."""

    def connection_ended(self, connection: int) -> None:
        """Take in that the target has destroyed a connection."""


class Recorder:
    """Model, history and fingerprint, updated with steps and their outcomes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.model = Model(plan)
        self.history: History = []
        self.schedule: list[Step] = []
        self.notes: list[str] = []
        self.fingerprint = Fingerprint()
        self.steps = 0
        self.crash: Crash | None = None
        self.generator: Outside | None = None
        self._reads: dict[int, Read] = {}
        self._events: dict[int, Admin] = {}  # asynchronous event requests
        self._changes: dict[int, Changing] = {}
        self.observer: Observer | None = None
        self._has_held_up = False  # whether a step of the stopped reactor was possible

    def took_outside(self, step: OutsideStep) -> None:
        """Record a step from outside."""
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
            if self.observer is not None:
                self.observer.look(self.steps, step, NOTHING, self.history)
        elif step.__class__ is Stall:
            self.model.stalled = (step.reactor, self.steps + step.length)
            self._has_held_up = False
        elif step.__class__ in (Kill, PowerLoss):
            self._reads.clear()
            self._changes.clear()
            self.model.target_restarted(step.clones)
        if self.generator is not None:
            self.generator.took(step)
        elif step.__class__ is Impair:
            self._cut_off(step)

    def _cut_off(self, step: Impair) -> None:
        """Cut off the host of this fault, in a replay, which has no hosts that would do it themselves."""
        if step.fault in ("host_vanish", "network_cut"):
            self.model.ledger.lose_host(step.host)

    def took_engine(self, step: EngineStep, outcome: Outcome) -> None:
        """Record an engine step."""
        model = self.model
        self.steps = model.steps = self.steps + 1
        if step.__class__ is FireTimer:
            model.clock_us = max(model.clock_us, step.deadline_us)
        if model.stalled is not None and self.steps >= model.stalled[1]:
            model.stalled = None
        self.schedule.append(step)
        self.notes.append(outcome.note)
        if outcome.events or outcome.replies or outcome.crash is not None or outcome.ends:
            self.fingerprint.add(step, self.observe(outcome, step))
        else:
            self.fingerprint.add(step, NOTHING)
            if self.observer is not None:
                self.observer.look(self.steps, step, NOTHING, self.history)

    def observe(self, outcome: Outcome, step: EngineStep | None = None) -> list[Any]:
        """Record the outcome of a step; return it in the form for the fingerprint."""
        shown: list[Any] = [*outcome.events]
        for event in outcome.events:
            self._happened(event)
        if step is not None and self.observer is not None:
            self.observer.look(self.steps, step, outcome.events, self.history)
        for reply in outcome.replies:
            if reply.receiver in self.model.ledger.lost_connections:
                undelivered = Undelivered(self.steps, reply.token)
                self.history.append(undelivered)
                shown.append(undelivered)
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
        for event in outcome.ends:
            self._happened(event)
            shown.append(event)
        if outcome.crash is not None:
            # Reactors that run free may crash one after the other; the first crash is the finding.
            self.crash = self.crash or outcome.crash
            self.history.append(Crashed(self.steps, outcome.crash))
            shown.append((outcome.crash.reactor, outcome.crash.where, outcome.crash.message))
        return shown

    def _happened(self, event: Event) -> None:
        self.history.append(EngineEvent(self.steps, event))
        self.model.happened(event)
        if event.name == "nvmf.qpair_destroyed" and self.generator is not None:
            self.generator.connection_ended(event.args[0])

    def restarted(self) -> None:
        """Look at the disks as the end of the old target has left them to the new one."""
        if self.observer is not None:
            self.observer.restarted()
            self.history += self.observer.disks_changed(self.steps)

    def held_up(self) -> None:
        """Report, once a stall, that a possible step of the stopped reactor was passed over."""
        stalled = self.model.stalled
        if stalled is not None and not self._has_held_up:
            self._has_held_up = True
            self.report([Event("reactor.held_up", OUTSIDE_THREAD, (stalled[0],))])

    def report(self, events: list[Event]) -> None:
        """Record events that the target itself can't emit."""
        for event in events:
            self.history.append(EngineEvent(self.steps, event))
        self.fingerprint.add(self.schedule[-1], list(events))

    def execution(
        self,
        *,
        end: RunEnd,
        disks: list[Disk],
        census: Counts,
        waits: list[WaitRow],
    ) -> Execution:
        """Return the run as its judge needs it."""
        return Execution(
            plan=self.plan,
            history=self.history,
            schedule=self.schedule,
            notes=self.notes,
            fingerprint=self.fingerprint.hex(),
            steps=self.steps,
            crash=self.crash,
            end=end,
            disks=contents_of(disks, self.plan.data_offset),
            census=census,
            waits=waits,
        )
