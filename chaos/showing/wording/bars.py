"""A short label for each request, for a bar in a lane: kind, blocks and number."""

from __future__ import annotations

from chaos.plan.rpcs import RPCS
from chaos.showing.wording.places import Places
from chaos.showing.wording.rpcs import BDEVS, RpcTexts
from chaos.steps.schedule import (
    Admin,
    CompareAndWrite,
    Connect,
    Disconnect,
    Flush,
    HostStep,
    Open,
    Operate,
    Read,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.nvmf.status import AdminOpcode

LETTERS: dict[type[HostStep], str] = {
    Read: "R",
    Write: "W",
    Unmap: "U",
    WriteZeroes: "Z",
    CompareAndWrite: "C",
}
PREFIXES = ("bdev_raid_", "bdev_", "nvmf_subsystem_", "nvmf_", "framework_")


def bar_label(step: HostStep | Operate, places: Places) -> str:
    """Write the kind, the blocks or arguments, and the number of a request."""
    return f"{_kind(step, places)} #{step.op}"


def _kind(step: HostStep | Operate, places: Places) -> str:
    match step:
        case Open():
            return "open"
        case Connect():
            return "connect admin" if step.qid == 0 else f"connect Q{step.qid}"
        case Disconnect():
            return "disconnect"
        case Admin():
            return AdminOpcode(step.opcode).name.lower().replace("_", " ")
        case Flush():
            return "F"
        case Operate():
            return _rpc(step, places)
        case _:
            last = step.slba + step.blocks - 1
            span = f"{step.slba}" if step.blocks == 1 else f"{step.slba}–{last}"
            fua = " FUA" if isinstance(step, Write) and step.fua else ""
            return f"{LETTERS[type(step)]} {span}{fua}"


def _rpc(step: Operate, places: Places) -> str:
    """Write an RPC without the prefix that names its module, with its bdevs."""
    prefix = next((one for one in PREFIXES if step.method.startswith(one)), "")
    name = step.method.removeprefix(prefix)
    row = RPCS.get(step.method)
    if row is None or row.repeated is not None:
        return name
    bdevs = [text for kind, text in RpcTexts(places).values(step) if kind in BDEVS]
    return " ".join([name, *bdevs])
