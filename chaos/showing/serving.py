"""The requests of hosts that the I/Os of disks serve, as far as thread, kind and blocks show it.

The engine doesn't report it. Where two requests of a thread are for the same blocks, both are named.
"""

from __future__ import annotations

import msgspec

from chaos.plan.plan import Plan
from chaos.steps.history import Completed, EngineEvent, Entry, Undelivered
from chaos.steps.schedule import (
    IO,
    CompareAndWrite,
    Deliver,
    FinishIo,
    Flush,
    Kill,
    OutsideStep,
    PowerLoss,
    Read,
    Step,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.bdev.io import IoType

COMPARES = (IoType.READ, IoType.COMPARE)
IO_MESSAGE = "nvmf.io"
# By request, the I/O of disks that it can consist of.
KINDS: dict[type[OutsideStep], tuple[IoType, ...]] = {
    Read: (IoType.READ,),
    Write: (IoType.WRITE,),
    Flush: (IoType.FLUSH,),
    Unmap: (IoType.UNMAP,),
    WriteZeroes: (IoType.WRITE_ZEROES, IoType.WRITE),
    CompareAndWrite: (*COMPARES, IoType.WRITE, IoType.COMPARE_AND_WRITE),
}
OPS_NAMED_MAX = 3  # with more candidates than these, none is named


class InFlight(msgspec.Struct):
    """A request without an answer so far, and the disks that have served it."""

    step: OutsideStep
    is_handled: bool = False
    served: list[int] = []


class Serving:
    """The requests in flight, followed step by step."""

    def __init__(self, plan: Plan) -> None:
        self._data_offset = plan.data_offset
        self._in_flight: dict[int, InFlight] = {}

    def ops(self, step: Step, note: str) -> list[int]:
        """Follow the next step, and return the requests that its disk I/O can serve, the likelier ones only."""
        match step:
            case Kill() | PowerLoss():
                self._in_flight.clear()
            case Deliver() if note == IO_MESSAGE:
                self._handle(step.sender)
            case FinishIo():
                return self._served(step)
            case _ if isinstance(step, IO):
                self._in_flight[step.op] = InFlight(step)
            case _:
                pass
        return []

    def end(self, entry: Entry) -> None:
        """Follow an entry that a step showed: an answer ends a request, the end of a connection all its requests."""
        match entry:
            case Completed(op=op) | Undelivered(op=op):
                self._in_flight.pop(op, None)
            case EngineEvent(event=event) if event.name == "nvmf.qpair_destroyed":
                connection = event.args[0]
                self._in_flight = {
                    op: one
                    for op, one in self._in_flight.items()
                    if getattr(one.step, "connection", None) != connection
                }
            case _:
                pass

    def _handle(self, connection: int) -> None:
        """Mark the oldest request of a connection as handled, since its messages keep their order."""
        for one in self._in_flight.values():
            if not one.is_handled and getattr(one.step, "connection", None) == connection:
                one.is_handled = True
                return

    def _served(self, step: FinishIo) -> list[int]:
        first = step.offset - self._data_offset
        found = {
            op: one
            for op, one in self._in_flight.items()
            if one.is_handled
            and getattr(one.step, "thread", None) == step.thread
            and can_be_part_of(one.step, step, first)
        }
        for is_likelier in (self._is_not_served, self._is_whole):
            likelier = {op: one for op, one in found.items() if is_likelier(one, step, first)}
            found = likelier or found
        for one in found.values():
            one.served = [*one.served, step.disk]
        return list(found) if len(found) <= OPS_NAMED_MAX else []

    def _is_not_served(self, one: InFlight, step: FinishIo, first: int) -> bool:
        """Return whether a disk has not served a request; it serves each once, unless the request is split."""
        return step.disk not in one.served

    def _is_whole(self, one: InFlight, step: FinishIo, first: int) -> bool:
        """Return whether an I/O has exactly the blocks of the request."""
        return (getattr(one.step, "slba", None), getattr(one.step, "blocks", None)) == (
            first,
            step.count,
        )


def can_be_part_of(asked: OutsideStep, step: FinishIo, first: int) -> bool:
    """Return whether an I/O of a disk can be a part of a request; ``first`` is its block of the array."""
    if step.io_type not in KINDS[type(asked)]:
        return False
    if isinstance(asked, Flush):
        return True
    return asked.slba <= first and first + step.count <= asked.slba + asked.blocks  # type: ignore[union-attr]
