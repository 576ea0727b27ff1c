"""A text for each kind of step. RPCs and faults have theirs in the tables of the plan."""

from __future__ import annotations

from enum import Enum

from chaos.plan.arguments import BLOCK_RANGE, Argument
from chaos.plan.faults import ROWS, FaultRow
from chaos.showing.wording.arguments import Fields, argument_text
from chaos.showing.wording.phrases import kind_of, times
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
from workers.protocol import POLLERS


class Style(Enum):
    """The precision of a text: PLAIN is a sentence, EXACT adds the names to search a log for."""

    PLAIN = "plain"
    EXACT = "exact"


STALL, KILL, POWER_LOSS = "reactor_stall", "target_kill", "power_loss"
MESSAGES = {
    "io_device.visit": "the iteration over the channels comes to {where}",
    "io_device.iterated": "the end of an iteration over the channels reaches {where}",
    "io_device.destroy_channel": "a channel is destroyed on {where}",
    "nvmf.io": "{where} starts an I/O",
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
        """Write a step of the target. ``note``: the handled message, or that an I/O fails. ``serves``: the requests that a disk's
        I/O can be a part of.
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
        if step.sender == POLLERS:
            return f"the pollers of {where} run"
        if self._is_exact:
            return f"{where} handles {note} of {self.places.sender(step.sender)}"
        note = note or "a message"
        return MESSAGES.get(note, "{where} handles {note}").format(where=where, note=note)

    def _disk_io(self, step: FinishIo) -> str:
        kind = kind_of(step.io_type)
        if step.io_type in (IoType.FLUSH, IoType.RESET):
            return kind  # these are always for the whole disk
        return f"{kind} of {self.places.on_disk(step.offset, step.count, physical=self._is_exact)}"

    def outside(self, step: OutsideStep) -> str:
        """Write a step of a host, the operator or the nemesis."""
        match step:
            case Operate():
                return self._rpcs.call(step, with_handle=self._is_exact)
            case Inject():
                return self._with_handle(self._injection(step), step.fault)
            case Impair():
                text = ROWS[step.fault].words.format(host=self.places.host(step.host))
                return self._with_handle(text, step.fault)
            case Stall():
                text = ROWS[STALL].words.format(reactor=step.reactor)
                return self._with_handle(text, f"{STALL} length={step.length}")
            case Kill():
                return self._with_handle(ROWS[KILL].words, KILL)
            case PowerLoss():
                return self._with_handle(ROWS[POWER_LOSS].words, POWER_LOSS)
            case Mark():
                return f"the phase {step.phase} begins"
            case _:
                return self._host(step)

    def _with_handle(self, text: str, handle: str) -> str:
        """Add the name that an experiment and a search use."""
        return f"{text} ({handle})" if self._is_exact else text

    def _injection(self, step: Inject) -> str:
        row = ROWS[step.fault]
        kinds = row.arguments if isinstance(row, FaultRow) else ()
        numbers = dict(zip(kinds, step.args, strict=False))
        fields = {kind.value: argument_text(kind, value) for kind, value in numbers.items()}
        fields["disk"] = self.places.disk(step.disk)
        fields["times"] = times(numbers.get(Argument.COUNT, 0))
        fields["range"] = self._range_of(numbers)
        return row.words.format_map(Fields(fields))

    def _range_of(self, numbers: dict[Argument, int]) -> str:
        """Write the blocks of a fault; its arguments count them on the disk."""
        if Argument.BLOCK in numbers:
            return self.places.on_disk(numbers[Argument.BLOCK], 1, physical=self._is_exact)
        if not set(BLOCK_RANGE) <= set(numbers):
            return "blocks"
        begin, end = (numbers[kind] for kind in BLOCK_RANGE)
        offset, size = self.places.plan.data_offset, self.places.plan.blocks
        if begin >= offset and end - offset <= size:
            return self.places.on_disk(begin, max(1, end - begin), physical=self._is_exact)
        first = max(0, begin - offset)
        return blocks(first, max(1, min(end - offset, size) - first))

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
    """Write the blocks of a request."""
    if isinstance(step, (Read, *CHANGING)):
        return blocks(step.slba, step.blocks)
    return ""


def ops_listed(ops: list[int]) -> str:
    """Name the requests that an I/O can serve: one, or several that nothing distinguishes."""
    return " or ".join(f"op {op}" for op in ops)
