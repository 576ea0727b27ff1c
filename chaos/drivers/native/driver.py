"""The driver ``native``: a target in C, in a process of its own, stepped through ``raidstorm_target.h``."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from errno import ENOENT
from typing import Any

from chaos.base.interrupt import InterruptedRunError, Lookout, never
from chaos.drivers.native import requests
from chaos.drivers.native.array_state import ArrayState, awaited
from chaos.drivers.native.channel_failures import ChannelFailures
from chaos.drivers.native.crash import crash_of
from chaos.drivers.native.disk_queue import DiskQueue, End, PendingIo
from chaos.drivers.native.host_commands import HostCommands
from chaos.drivers.native.plugs import UNASKED, Plugs
from chaos.drivers.native.possible import Possible
from chaos.drivers.native.process import Life, TargetEnded
from chaos.drivers.native.records import Record, records
from chaos.drivers.native.service_state import ServiceState
from chaos.drivers.native.target import Memory, Target
from chaos.plan.rpcs import Rpc
from chaos.run.driver import Counts
from workers.bdev.disk import Disk, DiskHeader
from workers.bdev.io import BdevIo, IoStatus, IoType
from workers.bdev.stack import disk_of
from workers.errors import ENODEV, OK
from workers.native import host
from workers.protocol import (
    APP_THREAD,
    NEMESIS,
    POLLERS,
    DefectSource,
    Deliver,
    EngineStep,
    Event,
    FinishIo,
    FireTimer,
    Layout,
    Message,
    Outcome,
    Reply,
    WaitRow,
)
from workers.raid.uuids import bdev_uuid, text
from workers.reactor import (
    FIRST_DYNAMIC_THREAD,
    FIRST_POLL_GROUP_THREAD,
    StepNotPossibleError,
)
from workers.shared import ControlBlock

MEDIA_OFFSET = 8 * DiskHeader.SIZE


class NativeDriver:
    """Steps a target in C; its disks, and what is in flight on them, are kept here."""

    name = "native"

    def __init__(self, target: Target, gives_up: Callable[[], bool] = never) -> None:
        self._lookout = Lookout(gives_up)
        self._gives_up = gives_up
        self.target = target
        self._retries_aborted = target.identity.can("retries_aborted")
        self.process = Life(target.server, gives_up)
        self.block = ControlBlock(bytearray(ControlBlock.SIZE))
        self.disks: list[Disk] = []
        self.log: list[str] = []  # what the target has logged in this run
        self._memory = Memory(self.process.media)
        self._array = ArrayState(self.block.raid)
        self._layout = Layout(1, 0, 0, 0)
        self._lives = 0
        self._begin_life()

    def _begin_life(self) -> None:
        layout = self._layout
        self._array.restarted()
        self._service = ServiceState()
        self._hosts = HostCommands()
        self._queues = [DiskQueue(disk) for disk in self.disks]
        self._channel_failures = ChannelFailures(self.disks)
        self._possible = Possible(layout)
        self._mailboxes: dict[tuple[int, int], deque[Message]] = {}
        self._requests: dict[int, Message] = {}  # token -> the operator's RPC
        self._plugs = Plugs(layout, self.disks, self._queues, self._call)
        self._thread = APP_THREAD
        self._options = {
            "disks": layout.disks,
            "poll_groups_max": layout.reactors,
            "window_blocks": layout.window_blocks,
            "disk_queue_depth": layout.disk_queue_depth,
            "disk_io_blocks_max": layout.disk_io_blocks_max,
            "rebuild_blocks_per_ms": layout.rebuild_blocks_per_ms,
        }

    @property
    def replies(self) -> dict[str, Any]:
        """Return the target's newest replies, by method, as far as they were reported."""
        return {
            "bdev_raid_get_bdevs": self._array.reply,
            "nvmf_get_subsystems": self._service.reply,
        }

    # The interface of a stepping driver.

    def start(self, layout: Layout, defects: tuple[DefectSource, ...]) -> None:
        assert not defects, "defects are variants of the built-in engine"
        self._layout = layout
        self._lives = 0
        self.log = []
        if [disk.capacity_blocks for disk in self.disks] != [layout.capacity] * layout.disks:
            self.process.end()
            size = Disk.segment_size(layout.capacity)
            views = self._memory.views(layout.disks, size)
            self.disks = [Disk(number, view, layout.capacity) for number, view in enumerate(views)]
        for disk in self.disks:
            disk.forget()
            disk.new(layout.disk_blocks)
        self.restart()

    def restart(self) -> None:
        self._begin_life()
        self._lives += 1
        media = [(offset + MEDIA_OFFSET, self._layout.capacity) for offset in self._memory.offsets]
        options = self._options | {"media": media, "life": self._lives}
        self._early = self.process.begin(json.dumps(options).encode())

    def perform(self, step: EngineStep) -> Outcome:
        self._lookout.look()
        outcome = Outcome([], [], [], [], [], [], ends=[])
        is_message = step.__class__ is Deliver
        self._thread = step.receiver if is_message else step.thread  # type: ignore[union-attr]
        try:
            if self._early:
                self._absorb(self._early, outcome)
                self._early = b""
            for disk, count in self._channel_failures.changes():
                self._call(outcome, host.FAIL_CHANNELS, disk, count)
            match step:
                case Deliver():
                    self._deliver(step, outcome)
                case FinishIo():
                    self._finish(step, outcome)
                case FireTimer():
                    self._fire(step, outcome)
        except TargetEnded as end:
            if self._gives_up():
                raise InterruptedRunError from None
            outcome.crash = crash_of(end.death, step.reactor, self._thread, self.target.symbols)
        return outcome

    def send(self, message: Message) -> None:
        self._mailboxes.setdefault((message.sender, message.receiver), deque()).append(message)

    def census(self) -> Counts:
        _, lines = self.process.call(host.CENSUS)
        rows = [line.split("\t") for line in lines.decode().splitlines()]
        return sorted((kind, owner, int(count)) for kind, owner, count in rows)

    def waits(self) -> list[WaitRow]:
        return [row for queue in self._queues for row in queue.waits]

    def close(self) -> None:
        self.disks = []
        self._queues = []
        self._memory.close()
        self.process.close()

    # Messages.

    def _deliver(self, step: Deliver, outcome: Outcome) -> None:
        thread = step.receiver
        if step.sender == thread:
            self._possible.take_message(thread)
            self._call(outcome, host.DELIVER, thread)
        elif step.sender == POLLERS:
            self._call(outcome, host.POLLERS, thread)
        else:
            mailbox = self._mailboxes.get((step.sender, thread))
            if not mailbox:
                raise StepNotPossibleError(f"no message waits for {step}")
            self._handle(mailbox.popleft(), outcome)

    def _handle(self, message: Message, outcome: Outcome) -> None:
        """Carry out a message from outside."""
        outcome.note = message.handler
        service, _, method = message.handler.partition(".")
        match service:
            case "rpc":
                self._operate(message, method, outcome)
            case "jsonrpc":
                # Any request of the target's own, answered as the target answers it.
                self._requests[message.token] = message
                request = (method, json.loads(message.args[0]))
                self._call(outcome, host.RPC, message.token, data=requests.encoded(request))
            case "bdev":
                self._change_disk(message, method, outcome)
            case _:
                for call in self._hosts.calls_of(message, method):
                    self._call(outcome, *call)

    def _operate(self, message: Message, method: str, outcome: Outcome) -> None:
        args = message.args
        if method == Rpc.FRAMEWORK_START_INIT:
            for request in requests.stack_requests(self._layout):
                self._call(outcome, host.RPC, UNASKED, data=requests.encoded(request))
            for disk in args:
                self._plugs.plug(disk, outcome)
            outcome.replies.append(Reply(message.sender, message.token, OK, 0, b""))
            return
        is_group = method in (Rpc.NVMF_CREATE_POLL_GROUP, Rpc.NVMF_DESTROY_POLL_GROUP)
        if is_group and not 0 <= args[0] < self._layout.reactors:
            outcome.replies.append(Reply(message.sender, message.token, ENODEV, 0, b""))
            return
        if method == Rpc.BDEV_RAID_CREATE:
            self._array.is_being_created = True
        self._requests[message.token] = message
        request = requests.request_of(
            self._layout, method, args, clears=self.target.identity.can("clear_superblock")
        )
        self._call(outcome, host.RPC, message.token, data=requests.encoded(request))

    def _change_disk(self, message: Message, method: str, outcome: Outcome) -> None:
        disk = message.args[0]
        match method:
            case "attach_disk":
                self._plugs.attach(message, outcome)
            case "hot_remove":
                outcome.events += self._array.removal_begins(self._array.slot_of(disk))
                self._possible.offer(self._queues[disk].resume(), outcome)
                self._call(outcome, host.UNPLUG, disk)
            case "grown":
                self._call(outcome, host.RESIZE, disk, self.disks[disk].num_blocks)
            case _:
                self._possible.offer(self._queues[disk].resume(), outcome)

    # Disk I/O and time.

    def _finish(self, step: FinishIo, outcome: Outcome) -> None:
        pending = self._possible.take_io(step)
        queue = self._queues[step.disk]
        end = queue.take_effect(pending)
        outcome.events += queue.take_events()
        if end is None:
            outcome.note = "failed"
        elif isinstance(end, End):
            if end.status < 0:
                outcome.note = "failed"
                if end.status != IoStatus.ABORTED:
                    self._array.io_failed(pending.disk)
                if end.status != IoStatus.ABORTED or not self._retries_aborted:
                    self._missed(pending, outcome)
            elif pending.thread >= FIRST_DYNAMIC_THREAD and pending.io.io_type is IoType.WRITE:
                self._array.copied(pending.disk, pending.io.end)
            self._possible.offer(queue.ended(pending), outcome)
            self._call(outcome, host.END_IO, pending.id, end.status_word, end.first, end.blocks)
        else:
            self._possible.delay(pending, end, outcome)
            outcome.note = "failed"

    def _missed(self, pending: PendingIo, outcome: Outcome) -> None:
        """Report a member that has missed a change of a host: from then on, it must not be read.

        SPDK gives the member up by itself, but says so only later, on the app thread.
        """
        io, thread = pending.io, pending.thread
        slot = self._array.slot_of(pending.disk)
        if thread >= FIRST_DYNAMIC_THREAD:
            self._array.copy_failed(pending.disk)
        of_host = FIRST_POLL_GROUP_THREAD <= thread < FIRST_DYNAMIC_THREAD
        is_change = io.io_type in (IoType.WRITE, IoType.UNMAP) and of_host
        if is_change and slot >= 0 and not self._array.is_last(pending.disk):
            outcome.events.append(Event("raid.member_failed", thread, (slot, pending.disk)))

    def _fire(self, step: FireTimer, outcome: Outcome) -> None:
        pending = self._possible.take_timer(step)
        if pending is None:
            self._call(outcome, host.TIMER, step.thread, self._possible.clock_us)
        else:
            self._possible.offer([pending], outcome)

    # Calls and their output.

    def _call(
        self,
        outcome: Outcome,
        number: int,
        a: int = 0,
        b: int = 0,
        c: int = 0,
        d: int = 0,
        data: bytes = b"",
    ) -> int:
        result, output = self.process.call(number, a, b, c, d, data)
        if output:
            self._absorb(output, outcome)
        if result == -ENOENT and number in (host.DELIVER, host.POLLERS, host.END_IO):
            raise StepNotPossibleError("the target doesn't know this step")
        return result

    def _absorb(self, output: bytes, outcome: Outcome) -> None:
        """Make an outcome of the target's records."""
        for kind, words, data in records(output):
            if kind == Record.MESSAGE:
                self._possible.posted(words[0], outcome)
            elif kind == Record.IO:
                self._submitted(words, outcome)
            elif kind == Record.HANDLED:
                outcome.note = self.target.symbols.function_at(words[0])
            elif kind == Record.TIMER:
                self._possible.armed(words[0], words[1], outcome)
            elif kind == Record.REPLY:
                self._answered(words[0], words[1], words[2], data, outcome)
            else:
                self._absorb_other(kind, words, data, outcome)

    def _absorb_other(self, kind: int, words: list[int], data: bytes, outcome: Outcome) -> None:
        match kind:
            case Record.HANDLED_NAME:
                outcome.note = data.decode()
            case Record.STATE:
                outcome.events += self._array.take(data)
            case Record.SUBSYSTEM:
                outcome.events += self._service.take(data)
            case Record.POLLERS:
                self._possible.poll(words[0], outcome)
            case Record.QUEUE_OPENED | Record.QUEUE_REFUSED | Record.QUEUE_GONE:
                self._queue_changed(kind, words, outcome)
            case Record.CHANNEL_FAILED:
                self._channel_failures.struck(words[0])
                outcome.events.append(Event("disk.channel_failed", words[1], (words[0],)))
            case Record.DISK_APPEARED:
                outcome.events.append(Event("bdev.registered", APP_THREAD, (words[0],)))
            case Record.DISK_GONE:
                outcome.events.append(Event("bdev.unregistered", APP_THREAD, (words[0],)))
                message = self._plugs.taken_next(words[0])
                if message is not None:
                    self.send(message)
                    outcome.posted.append(Deliver(0, NEMESIS, APP_THREAD))
            case Record.REBUILD_ENDED:
                outcome.events += self._array.rebuild_ended(words[0])
            case Record.MEMBER_GIVEN_UP:
                outcome.events += self._array.given_up(words[0])
            case Record.LOG:
                self.log.append(data.decode(errors="replace"))
            case _:
                pass

    def _submitted(self, words: list[int], outcome: Outcome) -> None:
        number, thread, disk, io_type, first, count, fua = words
        io = BdevIo(IoType(io_type), first, count, b"", bool(fua))
        pending = PendingIo(number, thread, disk, io, 0)
        self._possible.offer(self._queues[disk].submit(pending), outcome)
        outcome.events += self._queues[disk].take_events()

    def _answered(self, token: int, status: int, value: int, data: bytes, outcome: Outcome) -> None:
        if token == UNASKED:
            return
        message = self._requests.pop(token, None)
        if message is None:
            reply, event, follows = self._hosts.answered(token, status, value, data)
            if reply is not None:
                outcome.replies.append(reply)
            if event is not None:
                outcome.events.append(event)
            if follows is not None:
                self.send(follows)
                outcome.posted.append(Deliver(follows.reactor, follows.sender, follows.receiver))
            return
        service, _, method = message.handler.partition(".")
        if service == "jsonrpc":
            outcome.replies.append(Reply(message.sender, message.token, status, 0, data))
            return
        errno = requests.status_of(status, data)
        if method == Rpc.BDEV_RAID_CREATE and errno:
            self._array.is_being_created = False
        if not errno:
            outcome.events += self._service.answered(method, message.args)
        value = 0
        if method == Rpc.BDEV_RAID_GET_BDEVS and not errno:
            value = awaited(data, [text(bdev_uuid(disk.identity)) for disk in self.disks])
        elif method == Rpc.BDEV_ERROR_INJECT_ERROR and not errno:
            self._array.io_failed(disk_of(self._layout, message.args[0]))  # by the error bdev
        outcome.replies.append(Reply(message.sender, message.token, errno, value, b""))

    def _queue_changed(self, kind: int, words: list[int], outcome: Outcome) -> None:
        queue = words[0]
        if kind == Record.QUEUE_GONE:
            outcome.ends.append(Event("nvmf.qpair_destroyed", self._thread, (queue,)))
            self._hosts.gone(queue)
            return
        thread = words[1] if kind == Record.QUEUE_OPENED else APP_THREAD
        outcome.replies.append(self._hosts.opened(queue, thread))
