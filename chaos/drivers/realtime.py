"""The driver ``realtime``: reactor processes run free; the controller acts on them by wall clock.

Hosts, operator and nemesis are the same as in the stepping drivers, but run on trio: they act after a time, and on
their observations. The run's plan comes from its seed; its course does not.
"""

from __future__ import annotations

from pathlib import Path

import trio

from chaos.base.interrupt import InterruptedRunError
from chaos.base.prng import Stream
from chaos.drivers.processes import CONTROLLER, Processes
from chaos.drivers.stall import Stalls, step_lock
from chaos.drivers.wire.bridge import Inbox
from chaos.plan.experiment import RUN_PERMILLE
from chaos.plan.plan import Plan
from chaos.run.controller import end_target
from chaos.run.driver import Counts, DriverError
from chaos.run.execution import Execution, RunEnd
from chaos.run.generator import Generator, Phase
from chaos.run.messages import message_of, nemesis_message
from chaos.run.recorder import Recorder
from chaos.steps.recording import Life, OutsideRecord, Recording, write_recording
from chaos.steps.schedule import Inject, Kill, OutsideStep, PowerLoss, Stall
from workers.bdev.disk import Disk
from workers.protocol import (
    Counted,
    DefectSource,
    Frame,
    GaveUp,
    GetWaits,
    Message,
    OutOfMemory,
    Pause,
    Run,
    Stepped,
    Waiting,
    WaitRow,
    WorkerReply,
    reply_decoder,
)

SETTLE_SECONDS_MAX = 30.0
WAITS_SECONDS_MAX = 5.0
QUIET_SECONDS = 0.05
WATCH_SECONDS = 0.1
CRASH_REPORT_SECONDS_MAX = 5.0  # after another reactor has found the target dead
IDLE_SECONDS = 0.001
THINK_SECONDS_MAX = 0.001
LATENCIES = 64
PAUSE_ATTEMPTS_MAX = 100
PAUSE_WAIT_MS = 20
# A census has these while something is still in flight.
MOVING = ("message", "disk I/O", "awaited call")


class RealtimeDriver:
    """Free runs on a set of worker processes."""

    name = "realtime"

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    @property
    def disks(self) -> list[Disk]:
        """Return the disks, in shared memory."""
        return self.processes.disks

    def run(
        self, plan: Plan, seed: int, defects: tuple[DefectSource, ...], path: Path | None
    ) -> tuple[Execution, Recording]:
        """Run once and return the execution; its steps also go to ``path``/workers, for a run that fails or is cut short."""
        free_run = RealtimeRun(self.processes, plan, seed, defects)
        try:
            execution = trio.run(free_run.main)
        except ExceptionGroup as group:
            # The nursery wraps the exception that ends it; our own ones leave alone.
            expected, other = group.split((DriverError, InterruptedRunError, MemoryError))
            if expected is None or other is not None:
                raise
            raise expected.exceptions[0] from None
        finally:
            free_run.end()
            recording = free_run.recording()
            if path is not None:
                write_recording(path / "workers", recording)
        return execution, recording

    def close(self) -> None:
        self.processes.close()


class RealtimeRun:
    """The course of one free run."""

    def __init__(
        self, processes: Processes, plan: Plan, seed: int, defects: tuple[DefectSource, ...]
    ) -> None:
        self.processes = processes
        self.plan = plan
        self.defects = defects
        stream = Stream(seed)
        self.recorder = Recorder(plan)
        self.generator = Generator(plan, self.recorder.model, stream.fork("generator"))
        self.generator.stays_alone = (
            False  # its rest is judged in steps, and an idle process takes none
        )
        self.recorder.generator = self.generator
        self._pace = stream.fork("pace")
        latency = stream.fork("disk latencies")
        self._latencies = tuple(latency.between(*plan.disk_latency_us) for _ in range(LATENCIES))
        self._recording = Recording()
        self._census: Counts = []
        self._counted = 0
        self._waits: dict[int, list[WaitRow]] = {}
        self._gave_up: tuple[GaveUp, float] | None = (
            None  # the first reactor that gave up, and the time
        )
        self._inbox = Inbox(processes.replies)
        self._stalls = Stalls(processes, self.recorder)
        self._restarting_seconds = 0.0  # the plan's clock stands still during restarts
        self._settled = False

    async def main(self) -> Execution:
        """Start the target, let everything act on it, end it, and return the execution."""
        self._start_target(new_disks=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receive)
            nursery.start_soon(self._watch)
            await self._play(nursery)
            if self.recorder.crash is None:
                await self._settle()
                await self._ask_what_waits()
            nursery.cancel_scope.cancel()
        return self._execution()

    def _start_target(self, *, new_disks: bool) -> None:
        self.processes.start_target(self.plan.layout, self.defects, new_disks=new_disks)
        self._gave_up = None
        self._recording.lives.append(Life())
        for reactor in range(self.plan.layout.reactors):
            self.processes.send(reactor, Run(self._latencies))

    def end(self) -> None:
        """End the free run on all workers, so that they can be used again; replace those that don't answer."""
        self._stalls.end()
        try:
            answered = self._pause_all()
        except DriverError:
            answered = False
        if not answered:
            self.processes.kill_workers()
            self.processes.start_workers()

    def _pause_all(self) -> bool:
        reactors = self.plan.layout.reactors
        for reactor in range(reactors):
            self.processes.send(reactor, Pause())
        counted = 0
        for _ in range(PAUSE_ATTEMPTS_MAX):
            for data in self._inbox.drain():
                counted += isinstance(reply_decoder.decode(data), Counted)
            if counted >= reactors:
                return True
            self.processes.replies.poll(PAUSE_WAIT_MS)
        return False

    # Tasks.

    async def _receive(self) -> None:
        while True:
            for data in await self._inbox.receive():
                self._take_reply(reply_decoder.decode(data))

    def _take_reply(self, reply: WorkerReply) -> None:
        if isinstance(reply, Stepped):
            for step, outcome in reply.steps:
                self.recorder.took_engine(step, outcome)
        elif isinstance(reply, Counted):
            self._counted += 1
            self._census += reply.counts
        elif isinstance(reply, Waiting):
            self._waits[reply.reactor] = reply.rows
        elif isinstance(reply, GaveUp) and reply.epoch == self.processes.epoch:
            self._gave_up = self._gave_up or (reply, trio.current_time())
        elif isinstance(reply, OutOfMemory):
            raise MemoryError(f"the process of reactor {reply.reactor} is out of memory")

    async def _watch(self) -> None:
        """Watch for the user's wish to stop, and for workers that end, or give up, by themselves; each ends the run."""
        while True:
            await trio.sleep(WATCH_SECONDS)
            self.processes.check_alive()
            self._check_why_they_gave_up()
            if self.processes.gives_up():
                raise InterruptedRunError

    def _check_why_they_gave_up(self) -> None:
        """Raise DriverError when a reactor considers the target dead, though there was neither a kill nor a crash."""
        if self._gave_up is None or self.recorder.crash is not None:
            return
        reply, when = self._gave_up
        if trio.current_time() > when + CRASH_REPORT_SECONDS_MAX:
            raise DriverError(
                f"reactor {reply.reactor} found that the step with ticket {reply.ticket} hadn't ended, "
                "but no reactor has crashed"
            )

    async def _play(self, nursery: trio.Nursery) -> None:
        """Run hosts, operator and nemesis, until the run's phases are over or it is stuck."""
        begun = chaos_begun = trio.current_time()
        chaos_ms = self.plan.milliseconds * self.plan.chaos_permille_max // RUN_PERMILLE
        duration = chaos_ms / 1_000 + SETTLE_SECONDS_MAX
        while self.generator.phase is not Phase.DONE and self.recorder.crash is None:
            now = trio.current_time() - self._restarting_seconds
            if now > begun + duration:
                return
            if self.generator.phase is Phase.SETUP:
                chaos_begun = (
                    now  # on a busy machine the set-up may take longer than the planned run
                )
            permille = int((now - chaos_begun) * 1_000_000 / self.plan.milliseconds)
            in_chaos = self.generator.phase is Phase.CHAOS
            self.recorder.model.clock_us = int(now * 1_000_000)
            step = self.generator.next_step(permille)
            if isinstance(step, (Kill, PowerLoss)):
                self._end_target(step)
            elif isinstance(step, Stall):
                self._took(step)
                self._stalls.begin(step, nursery)
            elif step is not None:
                await self._take(step)
            if step is None:
                await trio.sleep(IDLE_SECONDS)
            elif in_chaos:
                await trio.sleep(self._pace.fraction() * THINK_SECONDS_MAX)
            else:
                await trio.lowlevel.checkpoint()

    async def _take(self, step: OutsideStep) -> None:
        # The history has the step before the target can see it, so intervals come out wider, never narrower.
        if isinstance(step, Inject):
            self.recorder.took_outside(step)
            message = await self._inject(step)
        else:
            self._took(step)
            message = message_of(step, self.plan.layout)
        if message is not None:
            if message.reactor == self._stalls.reactor:
                self.recorder.held_up()
            self._send(message)

    def _took(self, step: OutsideStep) -> None:
        """Record a step of hosts, operator or nemesis, after all steps that have begun.

        It needs no ticket of its own. Until its message is sent, nothing can depend on it, and its sender's knowledge comes from
        steps that have tickets.
        """
        self.recorder.took_outside(step)
        ticket = self.processes.block.globals.ticket
        self._recording.lives[-1].outside.append(OutsideRecord(ticket, step))

    async def _inject(self, step: Inject) -> Message | None:
        """Change a disk between two steps of the target, as a step with a ticket."""
        async with step_lock(self.processes.lock_path) as is_held:
            if not is_held:
                self._recording.gap = (
                    f"a reactor didn't end its step when {step.fault} was injected"
                )
            ticket = self.processes.block.take_ticket()
            message = nemesis_message(step, self.processes.disks, self.plan)
            self._recording.lives[-1].outside.append(OutsideRecord(ticket, step))
        return message

    def _send(self, message: Message) -> None:
        frame = Frame(CONTROLLER, 0, self.processes.epoch, [message])
        self.processes.send(message.reactor, frame)

    # Faults of processes.

    def _end_target(self, step: Kill | PowerLoss) -> None:
        """Kill all workers with SIGKILL at any point of their steps; the disks survive, and a new target begins."""
        begun = trio.current_time()
        self._stalls.end()
        self.processes.kill_workers()
        for disk in self.processes.disks:
            disk.undo_step()
        self._read_logs()
        self._recording.lives[-1].ended_by = step
        self.recorder.took_outside(step)
        self.recorder.report(end_target(step, self.processes.disks))
        self.processes.start_workers()
        self._start_target(new_disks=False)
        self._restarting_seconds += trio.current_time() - begun

    # The end.

    async def _settle(self) -> None:
        """Wait until no step is possible any more, and count the live objects."""
        if self.generator.phase is not Phase.DONE:
            return
        reactors = self.plan.layout.reactors
        with trio.move_on_after(SETTLE_SECONDS_MAX):
            while True:
                await trio.sleep(QUIET_SECONDS)
                self._census, self._counted = [], 0
                for reactor in range(reactors):
                    self.processes.send(reactor, Pause())
                while self._counted < reactors:
                    await trio.sleep(IDLE_SECONDS)
                if not any(kind in MOVING for kind, _, _ in self._census):
                    self._settled = True
                    break
                for reactor in range(reactors):
                    self.processes.send(reactor, Run(self._latencies))

    async def _ask_what_waits(self) -> None:
        """Ask a stuck run for its waits, while the reactors stand still."""
        if self._settled or self.recorder.crash is not None:
            return
        self._stalls.end()
        reactors = self.plan.layout.reactors
        self._census, self._counted = [], 0
        with trio.move_on_after(WAITS_SECONDS_MAX):
            for reactor in range(reactors):
                self.processes.send(reactor, Pause())
                self.processes.send(reactor, GetWaits())
            while len(self._waits) < reactors:
                await trio.sleep(IDLE_SECONDS)
        silent = [number for number in range(reactors) if number not in self._waits]
        if silent and not self.processes.block.globals.step_under_way:
            # A step that never ends is the target's failure; a process that stands still is not.
            raise DriverError(f"reactor {silent[0]} doesn't answer, and no step is in progress")

    def _end(self) -> RunEnd:
        if self.recorder.crash is not None:
            return RunEnd.CRASHED
        return RunEnd.SETTLED if self._settled else RunEnd.BOUND_HIT

    def _execution(self) -> Execution:
        execution = self.recorder.execution(
            end=self._end(),
            disks=self.processes.disks,
            # A keep-alive's timer outlives its controller by seconds; the stepping drivers see it end.
            census=sorted(row for row in self._census if row[0] != "timer"),
            waits=sorted(row for rows in self._waits.values() for row in rows),
        )
        execution.outcome = self.generator.outcome()
        return execution

    def _read_logs(self) -> None:
        """Read the steps of a target that has ended or stands still, and its state of the disks."""
        logs = self.processes.logs[: self.plan.layout.reactors]
        life = self._recording.lives[-1]
        life.reactors = [log.read() for log in logs]
        life.disks = [disk.digest() for disk in self.processes.disks]
        full = [str(number) for number, log in enumerate(logs) if log.is_full]
        if full:
            self._recording.gap = f"record log full: reactor {', '.join(full)}"

    def recording(self) -> Recording:
        """Return all steps of the run, which has ended."""
        if self._recording.lives:
            self._read_logs()
        self._recording.settled = self._settled
        return self._recording
