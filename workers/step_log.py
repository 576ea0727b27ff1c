"""The step log of a free-running reactor, in shared memory, so that it outlives a SIGKILL.

The controller creates one per reactor and reads it when the target has ended. A step is written in two halves: one
that was cut short appears as begun and not done. Bytes after the used length don't count, so a half whose writer was
killed does not exist. A full log is marked as full, and the run goes on without it.
"""

from __future__ import annotations

import hashlib

import msgspec

from workers.protocol import EngineStep, Outcome, Reply, StepRecord

LOG_BYTES = 4 * 1024 * 1024
LENGTH_BYTES = 4
HEADER_BYTES = 16
DATA_DIGEST_BYTES = 8


class Begun(msgspec.Struct, frozen=True, array_like=True, tag="begun", gc=False):
    """The first half, written before the step is performed."""

    number: int
    ticket: int
    step: EngineStep
    cause: int


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done", gc=False):
    """The second half: the step's outcome."""

    outcome: Outcome


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Begun | Done).decode


class StepLog:
    """A log of bounded size over a buffer, with one writer."""

    def __init__(self, buffer: memoryview | bytearray) -> None:
        view = memoryview(buffer).cast("B")
        self._words = view[:HEADER_BYTES].cast("q")  # bytes used; 1 if it is full
        self._data = view[HEADER_BYTES:]

    def clear(self) -> None:
        """Empty the log for a new target."""
        self._words[0] = self._words[1] = 0

    @property
    def is_full(self) -> bool:
        """Return whether a step found no room."""
        return self._words[1] != 0

    def begin(self, number: int, ticket: int, step: EngineStep, cause: int) -> None:
        """Record a step that is about to be performed."""
        self._append(Begun(number, ticket, step, cause))

    def done(self, outcome: Outcome) -> None:
        """Record the outcome of the step."""
        self._append(Done(recorded(outcome)))

    def _append(self, half: Begun | Done) -> None:
        if self._words[1]:
            return
        data = _encode(half)
        first = self._words[0] + LENGTH_BYTES
        end = first + len(data)
        if end > len(self._data):
            self._words[1] = 1
            return
        self._data[first - LENGTH_BYTES : first] = len(data).to_bytes(LENGTH_BYTES, "little")
        self._data[first:end] = data
        self._words[0] = end

    def read(self) -> list[StepRecord]:
        """Return all steps in the order of their reactor; one without an outcome began and did not complete."""
        records: list[StepRecord] = []
        begun: Begun | None = None
        data, place = bytes(self._data[: self._words[0]]), 0
        while place < len(data):
            first = place + LENGTH_BYTES
            place = first + int.from_bytes(data[place:first], "little")
            half = _decode(data[first:place])
            if isinstance(half, Begun):
                begun = half
            else:
                assert begun is not None, "a step was done that had not begun"
                records.append(_record(begun, half.outcome))
                begun = None
        if begun is not None:
            records.append(_record(begun, None))
        return records


def _record(begun: Begun, outcome: Outcome | None) -> StepRecord:
    return StepRecord(begun.number, begun.ticket, begun.step, begun.cause, outcome)


def recorded(outcome: Outcome) -> Outcome:
    """Return an outcome as the log keeps it: without messages, and with digests of the data read."""
    replies = [
        msgspec.structs.replace(reply, data=_digest(reply)) if reply.data else reply
        for reply in outcome.replies
    ]
    return msgspec.structs.replace(outcome, outgoing=[], replies=replies)


def _digest(reply: Reply) -> bytes:
    return hashlib.blake2b(reply.data, digest_size=DATA_DIGEST_BYTES).digest()
