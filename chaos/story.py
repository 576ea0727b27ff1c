"""The story of a failure, for the person who comes in at nine: who did what, where, and what it led to."""

from __future__ import annotations

from chaos.checkers.finding import Finding
from chaos.controller import Execution, describe
from chaos.history import Completed, Happened, Invoked
from chaos.labels import Labels
from chaos.nemesis import FAULTS
from chaos.schedule import (
    Connect,
    Deliver,
    Disconnect,
    Flush,
    Inject,
    Kill,
    Open,
    Operate,
    Read,
    Stall,
    Step,
    Write,
)
from workers.protocol import FIRST_CONNECTION, Event
from workers.reactor import FIRST_DYNAMIC_THREAD, FIRST_POLL_GROUP_THREAD

_EVENT_WORDS = {
    "bdev.registered": "bdev {0} is registered",
    "bdev.unregistered": "bdev {0} is unregistered",
    "nvmf.namespace_attached": "namespace {0} is attached",
    "nvmf.namespace_detached": "namespace {0} is detached",
    "nvmf.poll_group_created": "a poll group is born on {where}",
    "raid.created": "the array is created from {0} disks",
    "raid.deleted": "the array is gone",
    "raid.member_failed": "{where} fails slot {0} after a write error",
}


_MEMBER_EVENTS = ("raid.member_failed", "raid.member_removed", "rebuild.finished")
BETWEEN_MAX = 12


class Storyteller:
    """Words for the steps and events of one run."""

    def __init__(self, execution: Execution, labels: Labels) -> None:
        self.execution = execution
        self.labels = labels
        self.invoked = {
            entry.step.op: entry
            for entry in execution.history
            if isinstance(entry, Invoked) and hasattr(entry.step, "op")
        }
        self.owners = {
            entry.step.connection: entry.step.host
            for entry in execution.history
            if isinstance(entry, Invoked) and isinstance(entry.step, Open)
        }

    def tell(self, finding: Finding) -> list[str]:
        """A few sentences, oldest first, each with its step number."""
        if finding.check == "crash":
            return self._crash(finding)
        told = [
            (entry.number, self.step(entry.step))
            for entry in self.execution.history
            if isinstance(entry, Invoked) and getattr(entry.step, "op", None) in finding.ops
        ]
        if told:
            told += self._between(told[0][0], finding.step, finding.ops)
        told += [line for line in self._background(finding.step) if line not in told]
        return [*_in_order(told), f"step {finding.step}: {finding.summary}"]

    def _crash(self, finding: Finding) -> list[str]:
        crash = self.execution.crash
        if crash is None:
            return [finding.summary]
        told = self._background(finding.step)
        birth = self._last_event("nvmf.namespace_channel_created", thread=crash.thread)
        if birth is not None:
            told.append((birth.number, self.event(birth.event)))
        request = self._request_at_crash(crash.thread)
        if request is not None:
            told.append((request.number, self.step(request.step)))
        lines = _in_order(told)
        frames = [line.split(" ")[-1] for line in crash.traceback.splitlines()[-3:]]
        lines.append(
            f"step {finding.step}: on reactor {crash.reactor}, {self.thread(crash.thread)} "
            f"crashed in {' > '.join(frames)}: {crash.message}"
        )
        return lines

    def _between(self, begin: int, end: int, ops: list[int]) -> list[tuple[int, str]]:
        """What became of the members, and the answers to the ops, from one step to another."""
        told: list[tuple[int, str]] = []
        for entry in self.execution.history:
            if not begin <= entry.number <= end:
                continue
            if isinstance(entry, Happened) and entry.event.name in _MEMBER_EVENTS:
                told.append((entry.number, self.event(entry.event)))
            elif isinstance(entry, Completed) and entry.op in ops and entry.number != end:
                result = "success" if entry.status == 0 else f"status {entry.status:#x}"
                told.append((entry.number, f"op {entry.op} is answered: {result}"))
        return told[:BETWEEN_MAX]

    def _background(self, until: int) -> list[tuple[int, str]]:
        """The rebuild and the fault that were under way."""
        lines = []
        started = self._last_event("rebuild.started", until=until)
        finished = self._last_event("rebuild.finished", until=until)
        if started is not None and (finished is None or finished.number < started.number):
            lines.append((started.number, self.event(started.event)))
            window = self._last_event("rebuild.window_done", until=until)
            if window is not None and window.number > started.number:
                lines.append((window.number, self.event(window.event)))
        faults = [
            entry
            for entry in self.execution.history
            if isinstance(entry, Invoked)
            and entry.number <= until
            and (
                isinstance(entry.step, (Stall, Kill))
                or (isinstance(entry.step, Inject) and entry.step.fault in FAULTS)  # a heal is none
            )
        ]
        if faults:
            lines.append((faults[-1].number, self.step(faults[-1].step)))
        return lines

    def _last_event(
        self, name: str, *, thread: int | None = None, until: int | None = None
    ) -> Happened | None:
        for entry in reversed(self.execution.history):
            if (
                isinstance(entry, Happened)
                and entry.event.name == name
                and (thread is None or entry.event.thread == thread)
                and (until is None or entry.number <= until)
            ):
                return entry
        return None

    def _request_at_crash(self, thread: int) -> Invoked | None:
        """The read whose handling crashed: the newest unanswered one of this thread."""
        answered = {entry.op for entry in self.execution.history if isinstance(entry, Completed)}
        last = self.execution.schedule[-1] if self.execution.schedule else None
        connection = last.sender if isinstance(last, Deliver) else None
        reads = [
            entry
            for op, entry in self.invoked.items()
            if op not in answered
            and isinstance(entry.step, (Read, Write))
            and entry.step.thread == thread
        ]
        from_sender = [
            entry for entry in reads if getattr(entry.step, "connection", None) == connection
        ]
        if from_sender:
            return from_sender[0]
        return reads[-1] if reads else None

    # Words.

    def thread(self, number: int) -> str:
        """An SPDK thread's name."""
        if number == 0:
            return "app_thread"
        if number < FIRST_DYNAMIC_THREAD:
            return f"nvmf_tgt_poll_group_{number - FIRST_POLL_GROUP_THREAD}"
        return "raid0_rebuild"

    def host(self, number: int) -> str:
        """A host with its label."""
        return f"host {number} ({self.labels.host(number)})"

    def step(self, step: Step) -> str:
        """One step in words."""
        match step:
            case Read() | Write():
                verb = "reads" if isinstance(step, Read) else "writes"
                return (
                    f"{self.host(step.host)} {verb} {blocks(step.slba, step.blocks)} (op {step.op}) "
                    f"through {self.thread(step.thread)}"
                )
            case Flush():
                return f"{self.host(step.host)} flushes (op {step.op}) through {self.thread(step.thread)}"
            case Open():
                return f"{self.host(step.host)} opens a connection (op {step.op})"
            case Disconnect():
                return f"{self.host(step.host)} closes its connection to {self.thread(step.thread)}"
            case Connect():
                queue = "its admin queue" if step.qid == 0 else f"I/O queue {step.qid}"
                return f"{self.host(step.host)} connects {queue} on {self.thread(step.thread)}"
            case Operate():
                return f"the operator calls {step.method}({', '.join(map(str, step.args))})"
            case Inject(fault="disk_heal"):
                return f"the injected errors of {self.labels.disk(step.disk)} are healed"
            case Inject(fault="disk_return"):
                return f"{self.labels.disk(step.disk)} is plugged in again"
            case Inject():
                return f"the nemesis injects {step.fault} on {self.labels.disk(step.disk)}"
            case Kill():
                return "the nemesis kills the target; it is started again"
            case Stall():
                return f"the nemesis stops reactor {step.reactor} for {step.milliseconds} ms"
            case _:
                return describe(step)

    def event(self, event: Event) -> str:
        """One engine event in words."""
        args = event.args
        where = self.thread(event.thread)
        match event.name:
            case "rebuild.started":
                return f"the rebuild of slot {args[0]} onto {self.labels.disk(args[1])} starts"
            case "rebuild.window_done":
                return f"a window is copied: the rebuild offset is {args[0]} of {args[1]} blocks"
            case "rebuild.finished":
                result = "with success" if args[2] == 0 else f"with status {args[2]}"
                return f"the rebuild of slot {args[0]} ends {result}"
            case "nvmf.namespace_channel_created" if args[1]:
                return (
                    f"{where} gets its channel of namespace {args[0]} while the rebuild runs "
                    f"(its offset then: {args[2]})"
                )
            case "nvmf.namespace_channel_created":
                return f"{where} gets its channel of namespace {args[0]}"
            case "nvmf.qpair_connected":
                queue = "admin queue" if args[1] == 0 else f"I/O queue {args[1]}"
                return f"{where} has connected the {queue} of {self.owner(args[0])}"
            case "nvmf.qpair_destroyed":
                return f"{where} has ended a connection of {self.owner(args[0])}"
            case "raid.member_removed":
                return f"slot {args[0]} is empty: {self.labels.disk(args[1])} was removed"
            case name if name in _EVENT_WORDS:
                return _EVENT_WORDS[name].format(*args, where=where)
            case _:
                return f"{where}: {event.name} {args}"

    def owner(self, connection: int) -> str:
        """The host a connection belongs to."""
        host = self.owners.get(connection)
        return f"connection {connection - FIRST_CONNECTION}" if host is None else self.host(host)


def blocks(first: int, count: int) -> str:
    """A range of blocks in words."""
    return f"block {first}" if count == 1 else f"blocks {first}-{first + count - 1}"


def _in_order(told: list[tuple[int, str]]) -> list[str]:
    return [f"step {number}: {text}" for number, text in sorted(told)]
