"""The output of a call: the records of ``raidstorm_target.h``, as values."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

WORD = 8  # bytes


class Record(IntEnum):
    """The kinds of records (``enum raidstorm_record``)."""

    MESSAGE = 1
    IO = 2
    TIMER = 3
    POLLERS = 4
    REPLY = 5
    HANDLED = 6
    HANDLED_NAME = 7
    THREAD_BORN = 8
    THREAD_GONE = 9
    QUEUE_OPENED = 10
    QUEUE_REFUSED = 11
    QUEUE_GONE = 12
    CHANNEL_FAILED = 13
    DISK_APPEARED = 14
    DISK_GONE = 15
    ALLOCATION_FAILED = 16
    STATE = 17
    LOG = 18
    SUBSYSTEM = 19
    REBUILD_ENDED = 20
    MEMBER_GIVEN_UP = 21


# The words before the number of bytes, in records that have a text or data.
_WORDS_BEFORE_BYTES = {
    Record.REPLY: 3,
    Record.HANDLED_NAME: 0,
    Record.THREAD_BORN: 1,
    Record.STATE: 0,
    Record.SUBSYSTEM: 0,
    Record.LOG: 1,
}


def records(output: bytes) -> Iterator[tuple[int, list[int], bytes]]:
    """Yield the kind of each record, its words, and its bytes."""
    words = memoryview(output).cast("q").tolist()
    at, end = 0, len(words)
    while at < end:
        kind, count = words[at], words[at + 1]
        first = at + 2
        at = first + count
        before = _WORDS_BEFORE_BYTES.get(kind)  # type: ignore[call-overload]
        if before is None:
            yield kind, words[first:at], b""
        else:
            start = WORD * (first + before + 1)
            data = output[start : start + words[first + before]]
            yield kind, words[first : first + before], data
