"""Is a step from a file one that can be taken at all? Capsules come from outside and may say anything."""

from __future__ import annotations

from chaos.nemesis import FAULTS, HEALS
from chaos.operator import METHODS
from chaos.schedule import (
    Connect,
    Deliver,
    Disconnect,
    FinishIo,
    FireTimer,
    Flush,
    Inject,
    Kill,
    Mark,
    Open,
    Operate,
    Read,
    Stall,
    Step,
    Write,
)
from workers.protocol import FIRST_CONNECTION, Layout
from workers.reactor import FIRST_POLL_GROUP_THREAD

NUMBER_MAX = 2**31


def what_is_wrong(step: Step, layout: Layout, hosts: int) -> str:
    """In a few words; empty when the step is well-formed."""
    numbers = [value for value in _values(step) if isinstance(value, int)]
    if any(not 0 <= number < NUMBER_MAX for number in numbers if not isinstance(step, FireTimer)):
        return "a number is out of bounds"
    match step:
        case Deliver() | FinishIo() | FireTimer():
            return "" if 0 <= step.reactor < layout.reactors else "no such reactor"
        case Stall() | Kill():
            return ""
        case Mark():
            return ""
        case Operate():
            return "" if step.method in METHODS else "no such RPC"
        case Inject():
            return _wrong_fault(step, layout)
        case Open():
            return _wrong_host(step, hosts)
        case Connect() | Disconnect() | Flush() | Read() | Write():
            return _wrong_host(step, hosts) or _wrong_place(step, layout)


def _values(step: Step) -> list[object]:
    values: list[object] = []
    for field in step.__struct_fields__:
        value = getattr(step, field)
        values += value if isinstance(value, tuple) else [value]
    return values


def _wrong_fault(step: Inject, layout: Layout) -> str:
    if step.disk >= layout.disks:
        return "no such disk"
    if step.fault not in FAULTS and step.fault not in HEALS:
        return "no such fault"
    wanted = 3 if step.fault in ("read_errors", "write_errors") else 0
    return "" if len(step.args) == wanted else f"the fault takes {wanted} arguments"


def _wrong_host(step: Open | Connect | Disconnect | Flush | Read | Write, hosts: int) -> str:
    if step.host >= hosts:
        return "no such host"
    return "" if step.connection >= FIRST_CONNECTION else "no such connection"


def _wrong_place(step: Connect | Disconnect | Flush | Read | Write, layout: Layout) -> str:
    first = FIRST_POLL_GROUP_THREAD
    if not first <= step.thread < first + layout.reactors:
        return "no such thread"
    # A host may ask for blocks beyond the end, and be refused; it can't carry more than the array has.
    if isinstance(step, (Read, Write)) and not 1 <= step.blocks <= layout.disk_blocks:
        return "too many blocks, or none"
    return ""
