"""How a story calls things: plain names for threads, disks, blocks and requests, as an engineer would write them."""

from __future__ import annotations

from chaos.plan.plan import Plan
from chaos.steps.block_words import blocks
from chaos.steps.payload import NEVER_WRITTEN
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
from workers.bdev.stack import disk_of, raid_bdev_id, raid_passthru_id
from workers.nvmf.status import AdminOpcode, NvmeStatus
from workers.reactor import FIRST_DYNAMIC_THREAD, FIRST_POLL_GROUP_THREAD

_RPCS = {
    "framework_start_init": "the target starts",
    "bdev_raid_create": "the operator creates the array",
    "bdev_raid_delete": "the operator deletes the array",
    "bdev_raid_add_base_bdev": "the operator adds {bdev} to the array",
    "bdev_raid_remove_base_bdev": "the operator removes {bdev} from the array",
    "bdev_raid_start_degraded": "the operator starts the array without its missing members",
    "bdev_reset": "the operator resets {bdev}",
    "bdev_delay_update_latency": "the operator has I/O of {bdev} delayed by {second} us",
    "bdev_examine": "the operator has {bdev} examined for a superblock",
    "nvmf_subsystem_add_ns": "the operator attaches the array as namespace 1",
    "nvmf_subsystem_remove_ns": "the operator detaches namespace 1",
    "nvmf_create_poll_group": "a poll group is created on reactor {number}",
    "nvmf_destroy_poll_group": "the poll group of reactor {number} is destroyed",
}
_FAULTS = {
    "disk_failure": "{disk} begins to fail every I/O",
    "disk_pull": "{disk} is pulled out",
    "read_errors": "reads of {disk} are made to fail in {range}, {times}",
    "write_errors": "writes to {disk} are made to fail in {range}, {times}",
    "unmap_errors": "unmaps of {disk} are made to fail in {range}, {times}",
    "flush_errors": "flushes of {disk} are made to fail",
    "bad_blocks": "{range} of {disk} can't be read any more, until written anew",
    "disk_slow": "{disk} becomes slow",
    "disk_hang": "{disk} hangs",
    "superblock_errors": "writes of the superblock on {disk} are made to fail",
    "channel_failures": "the next channel of {disk} is made to fail",
    "bit_rot": "a block of {disk} changes silently",
    "misdirected_write": "a write to {disk} is made to land elsewhere",
    "disk_grow": "{disk} becomes larger",
    "disk_heal": "what was injected on {disk} is taken away",
    "disk_return": "{disk} is plugged in again",
    "disk_return_blank": "{disk} is replaced by a blank disk",
    "disk_return_stale": "{disk} is plugged in again with older content",
    "disk_return_small": "{disk} is replaced by a smaller disk",
    "disk_return_large": "{disk} is replaced by a larger disk",
    "disk_return_foreign": "{disk} is replaced by a member of another array",
    "disk_image": "what {disk} holds is kept for later",
    "disk_arrive": "the target finds {disk}",
}
_MESSAGES = {
    "io_device.visit": "the iteration over the channels comes to {where}",
    "io_device.iterated": "the end of an iteration over the channels reaches {where}",
    "io_device.destroy_channel": "a channel is destroyed on {where}",
    "nvmf.io": "{where} begins with an I/O",
    "reply": "an answer reaches {where}",
}
_IMPAIRMENTS = {
    "host_vanish": "host {host} is gone without a word",
    "host_return": "host {host} is back as a new one",
    "network_cut": "host {host} is cut off from the target",
    "network_heal": "host {host} reaches the target again",
    "host_slow": "host {host} stops doing anything",
    "host_ready": "host {host} goes on",
}
_VERBS: dict[type[OutsideStep], str] = {
    Read: "reads",
    Write: "writes",
    Unmap: "unmaps",
    WriteZeroes: "writes zeroes to",
    CompareAndWrite: "compares and writes",
}


def place(thread: int) -> str:
    """An SPDK thread as people call it, with its reactor."""
    if thread == 0:
        return "the app thread"
    if thread < FIRST_DYNAMIC_THREAD:
        number = thread - FIRST_POLL_GROUP_THREAD
        return f"poll group {number} (reactor {number})"
    return "the rebuild thread"


def disks(numbers: list[int]) -> str:
    """Disks by name; none is "no disk"."""
    return listed([f"disk{number}" for number in numbers]) or "no disk"


def listed(words: list[str]) -> str:
    """Words in a row, as in a sentence."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def data_of(values: list[int]) -> str:
    """Whose data it is."""
    kinds = list(dict.fromkeys(values))
    written = [f"op {value}" for value in kinds if value > NEVER_WRITTEN]
    others = []
    if NEVER_WRITTEN in kinds:
        others.append("zeroes")
    if any(value < NEVER_WRITTEN for value in kinds):
        others.append("garbage")
    return listed(([f"the data of {listed(written)}"] if written else []) + others)


def status_of(status: int) -> str:
    """An NVMe status or an errno, readably."""
    try:
        return f"status {NvmeStatus(status).name}" if status > 0 else f"error {status}"
    except ValueError:
        return f"status {status:#x}"


class Words:
    """Words for the steps of a run of this plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def engine(self, step: EngineStep, note: str = "") -> str:
        """A step of the target; ``note``: the message that is handled, or that an I/O fails."""
        match step:
            case Deliver():
                words = _MESSAGES.get(note, "{where} handles {note}")
                return words.format(where=place(step.receiver), note=note or "a message")
            case FinishIo():
                kind = IoType(step.io_type).name.lower().replace("_", " ")
                first = step.offset - self.plan.data_offset
                of = blocks(first, step.count) if first >= 0 else "its superblock"
                end = "fails" if note else "finishes"
                return f"disk{step.disk} {end} a {kind} of {of} for {place(step.thread)}"
            case FireTimer():
                return f"time passes, and a timer of {place(step.thread)} fires"

    def step(self, step: OutsideStep) -> str:
        """What is done from outside, without its place in the run."""
        match step:
            case Operate():
                return self._rpc(step)
            case Inject():
                return self._injection(step)
            case Impair():
                return _IMPAIRMENTS[step.fault].format(host=step.host)
            case Stall():
                return f"reactor {step.reactor} stops for a while"
            case Kill():
                return "the target is killed and started again"
            case PowerLoss():
                return "the machine loses power; the target is started again"
            case Mark():
                return f"the phase {step.phase} begins"
            case _:
                return self._host(step)

    def _host(self, step: HostStep) -> str:
        host = f"host {step.host}"
        match step:
            case Open():
                return f"{host} opens a connection"
            case Connect():
                queue = "its admin queue" if step.qid == 0 else f"I/O queue {step.qid}"
                return f"{host} connects {queue}"
            case Disconnect():
                return f"{host} closes a connection"
            case Admin():
                name = AdminOpcode(step.opcode).name.lower().replace("_", " ")
                of = f" of op {step.second}" if step.opcode == AdminOpcode.ABORT else ""
                return f"{host} sends {name}{of} (op {step.op})"
            case Flush():
                return f"{host} flushes (op {step.op})"
            case _:
                return f"{host} {_VERBS[type(step)]} {span(step)} (op {step.op})"

    def _rpc(self, step: Operate) -> str:
        words = _RPCS.get(step.method)
        if words is None or (not step.args and "{" in words):
            return f"the operator calls {step.method}({', '.join(map(str, step.args))})"
        number = step.args[0] if step.args else 0
        second = step.args[1] if len(step.args) > 1 else 0
        return words.format(bdev=self.bdev(number), number=number, second=second)

    def bdev(self, number: int) -> str:
        """A bdev by what it is or stands on."""
        layout = self.plan.layout
        if number in (raid_bdev_id(layout), raid_passthru_id(layout)):
            return "the array"
        return f"disk{disk_of(layout, number)}"

    def _injection(self, step: Inject) -> str:
        words, args = _FAULTS[step.fault], step.args
        first, end = (args[0], args[1]) if len(args) > 1 else (0, 0)
        shown = max(0, first - self.plan.data_offset)
        last = min(end - self.plan.data_offset, self.plan.blocks)
        return words.format(
            disk=f"disk{step.disk}",
            range=blocks(shown, max(1, last - shown)),
            times=times(args[2]) if len(args) > 2 else "",
        )


def span(step: OutsideStep) -> str:
    """The blocks of a request."""
    if isinstance(step, (Read, *CHANGING)):
        return blocks(step.slba, step.blocks)
    return ""


def times(count: int) -> str:
    """How often."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
