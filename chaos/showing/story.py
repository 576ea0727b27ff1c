"""The story of a failure, for the person who comes in at nine: who did what, where, and what it led to."""

from __future__ import annotations

from chaos.checkers.finding import Finding
from chaos.plan.faults import FAULTS
from chaos.run.execution import Execution
from chaos.showing.labels import Labels
from chaos.steps.block_words import blocks
from chaos.steps.history import Completed, EngineEvent, Invoked
from chaos.steps.schedule import (
    IO,
    Admin,
    CompareAndWrite,
    Connect,
    Deliver,
    Disconnect,
    Flush,
    Impair,
    Inject,
    Kill,
    Open,
    Operate,
    PowerLoss,
    Read,
    Stall,
    Step,
    Unmap,
    Write,
    WriteZeroes,
    describe,
)
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.nvmf.status import AdminOpcode
from workers.protocol import FIRST_CONNECTION, Event
from workers.reactor import FIRST_DYNAMIC_THREAD, FIRST_POLL_GROUP_THREAD

_EVENT_WORDS = {
    "bdev.registered": "bdev {0} is registered",
    "bdev.unregistered": "bdev {0} is unregistered",
    "nvmf.namespace_attached": "namespace {0} is attached",
    "nvmf.namespace_detached": "namespace {0} is detached",
    "nvmf.poll_group_created": "a poll group is born on {where}",
    "bdev.error_injected": "the error bdev of disk {0} acts",
    "bdev.delayed": "the delay bdev of disk {0} delays an I/O",
    "bdev.io_wait": "a request waits for a bdev_io on {where}",
    "bdev.nomem": "a request waits for memory on {where}",
    "bdev.reset": "bdev {0} has been reset",
    "bdev.resized": "bdev {0} has {1} blocks now",
    "bdev.split": "a request of {1} blocks is split",
    "disk.channel_failed": "{where} can't get a channel of disk {0}",
    "nvmf.command_queued": "a command waits on {where} for the subsystem to resume",
    "nvmf.io_queued": "an I/O waits on {where} for namespace {0} to resume",
    "nvmf.duplicate_qid": "I/O queue {1} of controller {0} is still taken; it is tried again",
    "nvmf.keep_alive_expired": "no keep-alive from host {1}: controller {0} ends",
    "nvmf.namespace_channel_failed": "{where} can't get its channel of namespace {0}",
    "nvmf.namespace_resized": "namespace {0} has grown",
    "nvmf.poll_group_destroyed": "the poll group of {where} is gone, and the thread exits",
    "raid.configuring": "a superblock (sequence number {0}) is found; the array waits for {1} members",
    "raid.deleted": "the array is gone",
    "raid.grown": "the array has {0} blocks now",
    "raid.last_member_removed": "the array goes offline with its last member",
    "raid.member_failed": "{where} fails slot {0} after a write error",
    "raid.member_queued": "a returning member (bdev {0}) waits for another one's rebuild",
    "raid.read_repaired": "slot {0}: blocks from {1} are written anew after a read error",
    "raid.reset": "the array is reset",
    "raid.starting_degraded": "the array is started without the members it waits for",
    "raid.straddled": "{where} splits an I/O of blocks {1} to {2} at the rebuild's offset {3}",
    "raid.superblock_failed": "no member's superblock can be written: the array goes offline",
    "raid.superblock_written": "the superblocks have sequence number {0}",
    "rebuild.limited": "the rebuild waits, to keep to its bandwidth",
}


_MEMBER_EVENTS = (
    "disk.cache_lost",
    "raid.assembled",
    "raid.created",
    "raid.deleted",
    "raid.member_failed",
    "raid.member_removed",
    "rebuild.finished",
)
BETWEEN_MAX = 12
_RETURNS = {
    "disk_return": "is plugged in again",
    "disk_return_blank": "is replaced by a blank disk",
    "disk_return_stale": "is plugged in again with older content",
    "disk_return_small": "is replaced by a smaller disk",
    "disk_return_large": "is replaced by a larger disk",
    "disk_return_foreign": "is replaced by a member of another array",
    "disk_arrive": "is found by the target",
    "disk_image": "is imaged",
}


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
        # The events that contradict each other say what an answer means; the last is the finding's own.
        meant = [(event.step, event.says) for event in finding.events if event.step != finding.step]
        told += [line for line in meant if line[0] not in [number for number, _ in told]]
        waits = [f"  {line}" for line in finding.waits]
        return [*_in_order(told), f"step {finding.step}: {finding.summary}", *waits]

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
            if isinstance(entry, EngineEvent) and entry.event.name in _MEMBER_EVENTS:
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
                isinstance(entry.step, (Stall, Kill, PowerLoss))
                or (isinstance(entry.step, Impair) and entry.step.fault in FAULTS)
                or (isinstance(entry.step, Inject) and entry.step.fault in FAULTS)  # a heal is none
            )
        ]
        if faults:
            lines.append((faults[-1].number, self.step(faults[-1].step)))
        return lines

    def _last_event(
        self, name: str, *, thread: int | None = None, until: int | None = None
    ) -> EngineEvent | None:
        for entry in reversed(self.execution.history):
            if (
                isinstance(entry, EngineEvent)
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
            if op not in answered and isinstance(entry.step, IO) and entry.step.thread == thread
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
            case Unmap() | WriteZeroes():
                verb = "unmaps" if isinstance(step, Unmap) else "writes zeroes to"
                return (
                    f"{self.host(step.host)} {verb} {blocks(step.slba, step.blocks)} (op {step.op}) "
                    f"through {self.thread(step.thread)}"
                )
            case CompareAndWrite():
                return (
                    f"{self.host(step.host)} writes {blocks(step.slba, step.blocks)} (op {step.op}) "
                    f"if they hold op {step.expected_op}, through {self.thread(step.thread)}"
                )
            case Open() | Connect() | Disconnect() | Admin():
                return self._session(step)
            case Operate():
                return f"the operator calls {step.method}({', '.join(map(str, step.args))})"
            case Inject(fault="disk_heal"):
                return f"the injected errors of {self.labels.disk(step.disk)} are healed"
            case Inject() if step.fault in _RETURNS:
                return f"{self.labels.disk(step.disk)} {_RETURNS[step.fault]}"
            case Inject():
                return f"the nemesis injects {step.fault} on {self.labels.disk(step.disk)}"
            case Impair():
                return f"{self.host(step.host)}: {step.fault.replace('_', ' ')}"
            case Kill():
                return "the nemesis kills the target; it is started again"
            case PowerLoss():
                return "the machine loses power; the target is started again"
            case Stall():
                return f"the nemesis stops reactor {step.reactor} (for {step.length})"
            case _:
                return describe(step)

    def _session(self, step: Open | Connect | Disconnect | Admin) -> str:
        match step:
            case Open():
                return f"{self.host(step.host)} opens a connection (op {step.op})"
            case Disconnect():
                return f"{self.host(step.host)} closes its connection to {self.thread(step.thread)}"
            case Connect():
                queue = "its admin queue" if step.qid == 0 else f"I/O queue {step.qid}"
                return f"{self.host(step.host)} connects {queue} on {self.thread(step.thread)}"
            case Admin():
                name = AdminOpcode(step.opcode).name.lower().replace("_", " ")
                what = f" of op {step.second}" if step.opcode == AdminOpcode.ABORT else ""
                return f"{self.host(step.host)} sends {name}{what} (op {step.op})"

    def event(self, event: Event) -> str:
        """One engine event in words."""
        args = event.args
        where = self.thread(event.thread)
        match event.name:
            case "raid.created" | "raid.assembled":
                how = "created" if event.name == "raid.created" else "assembled"
                return f"the array is {how} from disks {', '.join(map(str, args))}"
            case "disk.fault":
                kind, io_type = FaultKind(args[1]).name.lower(), IoType(args[2]).name.lower()
                return f"disk {args[0]}: {kind} hits a {io_type} of {blocks(args[3], args[4])}"
            case "disk.misdirected":
                return f"disk {args[0]}: a write of {blocks(args[1], args[3])} lands at {args[2]}"
            case "disk.cache_lost":
                return f"disk {args[0]} has lost {args[1]} unflushed blocks"
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


def _in_order(told: list[tuple[int, str]]) -> list[str]:
    return [f"step {number}: {text}" for number, text in sorted(told)]
