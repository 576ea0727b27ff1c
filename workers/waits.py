"""The waits of a reactor: its suspended flows, read as a debugger reads the stacks of threads.

They are read only for a run that doesn't end, so they cost nothing before. Every part of the engine lists the futures
it holds, and what will resolve them. A future leads to the flow that awaits it, and the flow to its origin: a host's
request, a message, a visit. SPDK's ``thread_get_io_channels`` and ``bdev_get_iostat`` show a part of this.
"""

from __future__ import annotations

from functools import partial
from types import CoroutineType, FrameType, MethodType
from typing import Any

from workers.bdev.bdev import EVERYTHING, Bdev, BdevChannel
from workers.bdev.io import IoType
from workers.bdev.layer import BdevLayer
from workers.bdev.locks import RangeLocks
from workers.bdev.media import DiskIo
from workers.bdev.stack import StackedDevice
from workers.nvmf.controller import NvmeController
from workers.nvmf.namespaces import Namespaces
from workers.nvmf.poll_group import PollGroup
from workers.nvmf.target import NvmfTarget
from workers.protocol import OPERATOR, Argument, FireTimer, Message, WaitRow
from workers.raid.array import RaidChannel
from workers.raid.configuration import Configuration
from workers.raid.examine import Examine
from workers.raid.membership import Membership
from workers.raid.metadata import Metadata
from workers.raid.rebuild import END_OF_REBUILD, Rebuild
from workers.raid.slots import OWNER
from workers.raid.write_order import name_of
from workers.reactor import Reactor
from workers.thread import Flow, Future, Wait

# The relation of a row's first thing to its third.
IS = "is"  # another name of it
WHICH = "which"  # a remark, at the end of a chain
HELD_BY = "held by"
ASKED_FOR_BY = "asked for by"
NEVER_GIVEN_BACK = "taken, and never released, by"
PLACES_SHOWN_MAX = 4
UNORDERED = (IoType.READ, IoType.FLUSH)  # no change, so that none waits for it


def wait_rows(reactor: Reactor) -> list[WaitRow]:
    """Return all waits of a reactor, sorted; what one row waits for is the waiter of others, also on other reactors."""
    reading = Reading(reactor)
    for future, what in _awaited(reactor):
        if not future.done and future.waiter is not None:
            reading.read(future.waiter, what)
    reading.read_locks()
    reading.read_steps()
    return sorted(reading.rows)


def _awaited(reactor: Reactor) -> list[Wait]:
    """Return every future of a reactor, with what will resolve it."""
    rows: list[Wait] = []
    for thread in reactor.threads.values():
        rows += [(future, _call(thread.id, token)) for token, future in thread.calls.items()]
        for channel in thread.channels.values():
            rows += channel.waits()
    rows += [(io.future, str(io)) for io in reactor.ios.values()]
    rows += [(future, _timer(timer)) for timer, future in reactor.timers.items()]
    return [*rows, *reactor.io_devices.waits(), *reactor.services.waits()]


def _call(thread_id: int, token: int) -> str:
    """Name a call or an iteration, the same for the thread that awaits it and for those that work on it."""
    return f"the answer to call {token} of thread {thread_id}"


def _timer(timer: FireTimer) -> str:
    return f"a timer at {timer.deadline_us} us"


class Reading:
    """The rows read so far."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.rows: dict[WaitRow, None] = {}

    def add(self, waiter: str, how: str, waits_for: str) -> None:
        """Add a row, unless a thing would wait for itself."""
        if waiter != waits_for:
            self.rows[waiter, how, waits_for] = None

    def read(self, flow: Flow, what: str) -> None:
        """Read a flow that is suspended until ``what`` comes, and the flows of which it is a part."""
        frames = frames_of(flow)
        task = self.task_of(flow)
        causes = [what]
        for frame in frames:
            here, name = frame.f_locals, frame.f_code.co_name
            if name == "lock_range" and isinstance(here["self"], BdevChannel):
                causes = _overlapping(here["self"], here["offset"], here["end"])
            elif name == "_finish_later" and isinstance(here.get("disk_io"), DiskIo):
                disk_io = here["disk_io"]
                if disk_io.future.waiter is not None:
                    self.read(disk_io.future.waiter, str(disk_io))
                    self.add(str(disk_io), WHICH, "an injected fault delays")
        if task is None:
            return
        places = [frame.f_code.co_name for frame in frames][-PLACES_SHOWN_MAX:]
        for cause in causes:
            self.add(task, f"waits in {' > '.join(places)} for", cause)
        part: Flow | None = flow
        while part is not None:
            for frame in frames_of(part):
                for other_name in _roles(frame):
                    if other_name not in causes:
                        self.add(other_name, IS, task)
            self._origin(part, task)
            part = _parent(part)

    def read_locks(self) -> None:
        """Read the holder of each range lock, including one that has ended."""
        for bdev in self.reactor.services.bdev.bdevs.values():
            for row, is_granted, awaited in bdev.locks.takers():
                name = bdev.locks.name_of(row)
                flow = awaited.waiter if awaited is not None else None
                if flow is not None:
                    how = HELD_BY if is_granted else ASKED_FOR_BY
                    task = self.task_of(flow) or _name(flow.coroutine)
                    self.add(name, NEVER_GIVEN_BACK if _is_over(flow) else how, task)
                elif self.reactor.reactor_of(row.owner) == self.reactor.number:
                    self.add(name, NEVER_GIVEN_BACK, self._thread(row.owner))

    def read_steps(self) -> None:
        """Read the possible steps: disk I/O, timers, and messages that are not handled yet."""
        reactor = self.reactor
        for io in reactor.ios.values():
            self.add(str(io), WHICH, "is in flight")
        for timer in reactor.timers:
            self.add(_timer(timer), WHICH, "is armed")
        for mailbox in reactor.mailboxes.values():
            for message in mailbox:
                self._read_message(message)

    def _read_message(self, message: Message) -> None:
        name = f"the message {message.handler} to {self._thread(message.receiver)}"
        if message.handler == "io_device.visit":
            name = f"the visit {message.args[1]} of {self._thread(message.receiver)}"
            self.add(_call(message.args[2], message.args[3]), IS, name)
        elif message.handler == "io_device.iterated":
            self.add(_call(message.receiver, message.args[1]), IS, name)
        elif message.handler == "reply":
            self.add(_call(message.receiver, message.token), IS, name)
        elif message.token and message.sender < OPERATOR:
            self.add(_call(message.sender, message.token), IS, name)
        elif message.token:
            self.add(f"op {message.token}", "waits for", name)
        self.add(name, WHICH, "is on its way")

    # The origin of a flow.

    def task_of(self, flow: Flow) -> str | None:
        """Describe the task of which a flow is a part; None if no flow awaits it yet."""
        while isinstance(flow.on_done, MethodType) and isinstance(flow.on_done.__self__, Future):
            parent = flow.on_done.__self__.waiter
            if parent is None:
                return None
            flow = parent
        begun = flow.on_done
        if isinstance(begun, partial) and isinstance(begun.args[0], Message):
            return self._handled(begun.args[0])
        if isinstance(begun, partial):
            return self._visit(*begun.args)
        return f"{_name(flow.coroutine)} on reactor {self.reactor.number}"

    def _handled(self, message: Message) -> str:
        if message.sender >= OPERATOR and message.token:
            return f"op {message.token}"
        return f"{message.handler}({_told(message.args)}) on {self._thread(message.receiver)}"

    def _visit(
        self,
        here: int,
        key: int,
        method: str,
        origin: int,
        token: int,
        args: tuple[Argument, ...],
    ) -> str:
        thread = self.reactor.threads.get(here)
        channel = thread.channels.get(key) if thread is not None else None
        return f"the visit {method}({_told(args)}) of {channel or self._thread(here)}"

    def _origin(self, flow: Flow, task: str) -> None:
        """Add the call or iteration that waits for this task."""
        begun = flow.on_done
        if not isinstance(begun, partial):
            return
        first = begun.args[0]
        if not isinstance(first, Message):
            self.add(_call(begun.args[3], begun.args[4]), IS, task)
        elif first.token and first.sender < OPERATOR:
            self.add(_call(first.sender, first.token), IS, task)

    def _thread(self, number: int) -> str:
        thread = self.reactor.threads.get(number)
        return thread.name if thread is not None else f"thread {number}"


def frames_of(flow: Flow) -> list[FrameType]:
    """Return the suspended calls of a flow, outermost first."""
    frames: list[FrameType] = []
    coroutine: Any = flow.coroutine
    while isinstance(coroutine, CoroutineType) and coroutine.cr_frame is not None:
        frames.append(coroutine.cr_frame)
        coroutine = coroutine.cr_await
    return frames


def _parent(flow: Flow) -> Flow | None:
    """Return the flow on this thread that awaits the end of this one."""
    begun = flow.on_done
    if isinstance(begun, MethodType) and isinstance(begun.__self__, Future):
        return begun.__self__.waiter
    return None


def _is_over(flow: Flow) -> bool:
    return isinstance(flow.coroutine, CoroutineType) and flow.coroutine.cr_frame is None


def _name(coroutine: Any) -> str:
    """Name a flow of the engine's own: its function and the numbers it was started with."""
    frame = coroutine.cr_frame
    name: str = coroutine.__name__
    if frame is None:
        return name
    names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
    return f"{name}({_told(tuple(frame.f_locals.get(argument) for argument in names))})"


def _told(args: tuple[Argument, ...]) -> str:
    """Format the numbers, texts and bdevs among the arguments."""
    shown = [
        value.name if isinstance(value, Bdev) else "all blocks" if value == EVERYTHING else value
        for value in args
    ]
    return ", ".join(str(value) for value in shown if isinstance(value, (int, str)))


def _overlapping(channel: BdevChannel, offset: int, end: int) -> list[str]:
    """Return the submitted I/O for which a range lock waits."""
    return [
        _submitted(channel, number)
        for number, io in channel.io_submitted.items()
        if io.offset < end
        and offset < io.end
        and io.io_type not in (IoType.FLUSH, IoType.COMPARE_AND_WRITE)
    ]


def _submitted(channel: BdevChannel, number: int) -> str:
    return f"I/O {number} submitted on {channel}"


def _roles(frame: FrameType) -> list[str]:
    """Return the names by which other flows wait for the result of this call."""
    here, name = frame.f_locals, frame.f_code.co_name
    return _roles_in_bdev(here, name) + _roles_in_raid(here, name) + _roles_in_nvmf(here, name)


def _roles_in_bdev(here: dict[str, Any], name: str) -> list[str]:
    match here.get("self"):
        case BdevChannel() as channel if name == "submit":
            roles = [f"a free bdev_io of {channel}", f"memory below {channel}"]
            return [*roles, _submitted(channel, here["number"])] if "number" in here else roles[:1]
        case BdevChannel() as channel if name == "_retry_nomem":
            return [f"memory below {channel}"]
        case RangeLocks() as locks if name == "unlock":
            return [locks.name_of(row) for row in here["rows"] if row.lock == here["lock"]]
        case BdevLayer() if name == "reset":
            return [f"the reset of {here['bdev'].name}"]
        case BdevLayer() if name == "unregister":
            return _roles_of_removal(here["bdev"])
        case _:
            return []


def _roles_in_raid(here: dict[str, Any], name: str) -> list[str]:
    match here.get("self"):
        case RaidChannel() as channel if name == "_flush":
            return [f"flush {here['number']} of {channel}"]
        case RaidChannel() if name == "execute" and here["io"].io_type not in UNORDERED:
            return [name_of(here["io"])]
        case Metadata() if name == "write":
            return ["the superblock write"]
        case Rebuild() if name in ("_start", "run", "finish"):
            return [END_OF_REBUILD]
        case Configuration() if name in ("configure", "create", "delete"):
            return ["the array's configuration"]
        case Configuration() if name in ("_unregister", "array_removed"):
            return _closing(here["self"])
        case Membership() if name in ("add", "base_bdev_resized"):
            return ["a change of the members"]
        case Membership() as membership if name == "remove_slot":
            slot = membership.record.slots[here["number"]]
            if not slot.bdev:
                return ["a change of the members"]
            base = membership.raid.base_bdev(slot).name
            return ["a change of the members", f"{OWNER} to close {base}"]
        case Examine() if name == "look_at":
            return ["the examination of a bdev"]
        case _:
            return []


def _roles_in_nvmf(here: dict[str, Any], name: str) -> list[str]:
    match here.get("self"):
        case Namespaces() if name in ("add", "remove", "bdev_resized"):
            return ["the change of the namespaces", *_closing_namespace(here["self"], here)]
        case Namespaces() if name in ("add_listener", "remove_listener"):
            return ["the change of the namespaces"]
        case NvmfTarget() if name in ("connect", "io", "admin"):
            return [f"the requests of connection {here['connection']}"]
        case NvmfTarget() as target if name in ("_connect_admin", "_connect_io"):
            return [f"the requests in flight on {target.poll_group(here['thread'])}"]
        case NvmfTarget() if name == "disconnect" and here.get("group") is not None:
            return [f"the connections of {here['group']}"]
        case PollGroup() as group if name == "_execute_on_namespace":
            return [f"the requests in flight on {group}"]
        case NvmeController() if name == "_execute":
            return [f"the requests in flight on {here['group']}"]
        case _:
            return []


def _roles_of_removal(bdev: Bdev) -> list[str]:
    roles = [f"the removal of {bdev.name}"]
    if isinstance(bdev.module, StackedDevice):
        roles.append(f"{bdev.name} to close {bdev.module.base.name}")
    return roles


def _closing(configuration: Configuration) -> list[str]:
    """Return the descriptors that an array closes when it goes: its own and its members'."""
    raid = configuration.raid
    members = [raid.base_bdev(slot).name for slot in raid.slots if slot.bdev]
    return [f"{OWNER} to close {name}" for name in (configuration.bdev.name, *members)]


def _closing_namespace(namespaces: Namespaces, here: dict[str, Any]) -> list[str]:
    held = here.get("attached") or namespaces.descriptors.get(here["nsid"])
    return [f"namespace {here['nsid']} to close {held[1].bdev.name}"] if held else []
