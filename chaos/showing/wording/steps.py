"""A text for each kind of step: one table for RPCs, faults, impairments, host commands and messages."""

from __future__ import annotations

from enum import Enum

from chaos.showing.wording.phrases import counted, kind_of, times
from chaos.showing.wording.places import Places, thread_name
from chaos.showing.wording.rpcs import RpcTexts
from chaos.steps.block_words import blocks
from chaos.steps.schedule import (
    CHANGING,
    Admin,
    CompareAndWrite,
    Connect,
    Deliver,
    Disconnect,
    EngineStep,
    FinishIo,
    FireTimer,
    Flush,
    HostStep,
    Impair,
    Inject,
    Kill,
    Mark,
    Open,
    Operate,
    OutsideStep,
    PowerLoss,
    Read,
    Stall,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.bdev.io import IoType
from workers.nvmf.status import AdminOpcode


class Style(Enum):
    """How exact a text is: PLAIN is a sentence, EXACT adds what a log is searched for."""

    PLAIN = "plain"
    EXACT = "exact"


INJECTIONS = {
    "disk_failure": "{disk} begins to fail every I/O",
    "disk_pull": "{disk} is pulled out",
    "read_errors": "reads of {disk} are set to fail in {range}, {times}",
    "write_errors": "writes to {disk} are set to fail in {range}, {times}",
    "unmap_errors": "unmaps of {disk} are set to fail in {range}, {times}",
    "flush_errors": "flushes of {disk} are set to fail, {times}",
    "bad_blocks": "{range} of {disk} can't be read until they are written again",
    "disk_slow": "{disk} becomes slow: its I/O takes {number} us longer",
    "disk_hang": "{disk} hangs: its I/O doesn't finish",
    "superblock_errors": "writes of the superblock on {disk} are set to fail, {times}",
    "channel_failures": "creating a channel of {disk} is set to fail, {times}",
    "bit_rot": "{range} of {disk} changes silently",
    "misdirected_write": "a write to {range} of {disk} is set to land {shift} further on",
    "disk_grow": "{disk} grows to {number} blocks",
    "disk_heal": "the injected errors of {disk} are healed",
    "disk_return": "{disk} is plugged in again",
    "disk_return_blank": "{disk} is replaced by a blank disk",
    "disk_return_stale": "{disk} is plugged in again with older content",
    "disk_return_small": "{disk} is replaced by a smaller disk",
    "disk_return_large": "{disk} is replaced by a larger disk",
    "disk_return_foreign": "{disk} is replaced by a member of another array",
    "disk_image": "the content of {disk} is kept for a later return",
    "disk_arrive": "the target finds {disk}",
}
IMPAIRMENTS = {
    "host_vanish": "{host} vanishes without a word",
    "host_return": "{host} is back as a new one",
    "network_cut": "{host} is cut off from the target",
    "network_heal": "{host} reaches the target again",
    "host_slow": "{host} stops doing anything",
    "host_ready": "{host} goes on",
}
MESSAGES = {
    "io_device.visit": "the iteration over the channels comes to {where}",
    "io_device.iterated": "the end of an iteration over the channels reaches {where}",
    "io_device.destroy_channel": "a channel is destroyed on {where}",
    "nvmf.io": "{where} begins with an I/O",
    "reply": "an answer reaches {where}",
}
VERBS: dict[type[HostStep], str] = {
    Read: "reads",
    Write: "writes",
    Unmap: "unmaps",
    WriteZeroes: "writes zeroes to",
    CompareAndWrite: "compares and writes",
}


class StepWords:
    """Texts for the steps of one run."""

    def __init__(self, places: Places, style: Style) -> None:
        self.places = places
        self.style = style
        self._rpcs = RpcTexts(places)

    @property
    def _is_exact(self) -> bool:
        return self.style is Style.EXACT

    def engine(self, step: EngineStep, note: str = "", serves: str = "") -> str:
        """A step of the target. ``note``: the message that is handled, or that an I/O fails; ``serves``: the requests
        that an I/O of a disk can be a part of.
        """
        match step:
            case Deliver():
                return self._message(step, note)
            case FinishIo():
                thread = thread_name(step.thread)
                for_what = f"{serves} ({thread})" if serves else thread
                end = "FAILS" if note and self._is_exact else "fails" if note else "finishes"
                return f"disk{step.disk} {end} a {self._disk_io(step)} for {for_what}"
            case FireTimer():
                text = f"a timer of {thread_name(step.thread)} fires"
                return f"{text} at {step.deadline_us} us" if self._is_exact else text

    def _message(self, step: Deliver, note: str) -> str:
        where = thread_name(step.receiver)
        if self._is_exact:
            return f"{where} handles {note} of {self.places.sender(step.sender)}"
        note = note or "a message"
        return MESSAGES.get(note, "{where} handles {note}").format(where=where, note=note)

    def _disk_io(self, step: FinishIo) -> str:
        kind = kind_of(step.io_type)
        if step.io_type == IoType.FLUSH:
            return kind  # always of the whole disk
        return f"{kind} of {self.places.on_disk(step.offset, step.count, physical=self._is_exact)}"

    def outside(self, step: OutsideStep) -> str:
        """A step of a host, the operator or the nemesis."""
        match step:
            case Operate():
                return self._rpcs.call(step, with_handle=self._is_exact)
            case Inject():
                return self._with_handle(self._injection(step), step.fault)
            case Impair():
                text = IMPAIRMENTS[step.fault].format(host=self.places.host(step.host))
                return self._with_handle(text, step.fault)
            case Stall():
                text = f"reactor {step.reactor} stops for a while"
                return self._with_handle(text, f"reactor_stall length={step.length}")
            case Kill():
                return self._with_handle("the target is killed and started again", "target_kill")
            case PowerLoss():
                text = "the machine loses power; the target is started again"
                return self._with_handle(text, "power_loss")
            case Mark():
                return f"the phase {step.phase} begins"
            case _:
                return self._host(step)

    def _with_handle(self, text: str, handle: str) -> str:
        """Add the name that an experiment and a search use."""
        return f"{text} ({handle})" if self._is_exact else text

    def _injection(self, step: Inject) -> str:
        args = step.args
        number = args[-1] if args else 0
        return INJECTIONS[step.fault].format(
            disk=self.places.disk(step.disk),
            range=self._range_of(step),
            times=times(number),
            number=number,
            shift=counted(number, "block"),
        )

    def _range_of(self, step: Inject) -> str:
        """The blocks that a fault is for, which its arguments count on the disk."""
        args = step.args
        if step.fault == "bit_rot":
            return self.places.on_disk(args[0], 1, physical=self._is_exact) if args else ""
        if len(args) < 2:
            return ""
        offset, end_of_data = self.places.plan.data_offset, self.places.plan.blocks
        if args[0] >= offset and args[1] - offset <= end_of_data:
            return self.places.on_disk(args[0], max(1, args[1] - args[0]), physical=self._is_exact)
        first = max(0, args[0] - offset)
        return blocks(first, max(1, min(args[1] - offset, end_of_data) - first))

    def _host(self, step: HostStep) -> str:
        host = self.places.host(step.host)
        match step:
            case Open():
                return self._with_op(f"{host} opens a connection", step.op)
            case Connect():
                queue = "its admin queue" if step.qid == 0 else f"I/O queue {step.qid}"
                where = f" on {thread_name(step.thread)}" if self._is_exact else ""
                return self._with_op(f"{host} connects {queue}{where}", step.op)
            case Disconnect():
                where = f" to {thread_name(step.thread)}" if self._is_exact else ""
                return f"{host} closes a connection{where}"
            case Admin():
                name = AdminOpcode(step.opcode).name.lower().replace("_", " ")
                of = f" of op {step.second}" if step.opcode == AdminOpcode.ABORT else ""
                return f"{host} sends {name}{of} (op {step.op})"
            case _:
                return self._io(step, host)

    def _with_op(self, text: str, op: int) -> str:
        return f"{text} (op {op})" if self._is_exact else text

    def _io(self, step: HostStep, host: str) -> str:
        verb = "flushes" if isinstance(step, Flush) else f"{VERBS[type(step)]} {span(step)}"
        text = f"{host} {verb} (op {step.op})"
        if not self._is_exact:
            return text
        if isinstance(step, CompareAndWrite):
            text += f" if they hold op {step.expected_op}"
        fua = " with FUA" if isinstance(step, Write) and step.fua else ""
        return f"{text}{fua} through {thread_name(step.thread)}"  # type: ignore[union-attr]


def span(step: OutsideStep) -> str:
    """The blocks of a request."""
    if isinstance(step, (Read, *CHANGING)):
        return blocks(step.slba, step.blocks)
    return ""


def ops_listed(ops: list[int]) -> str:
    """The requests that an I/O can serve: one, or a choice where nothing tells them apart."""
    return " or ".join(f"op {op}" for op in ops)
