"""What happened in a run, in the order in which the tester saw it, and the fingerprint of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import IntFlag
from typing import Any

import msgspec

from chaos.steps.schedule import OutsideStep, Step
from workers.protocol import Crash, Event

FINGERPRINT_BATCH = 256
NOT_LOOKED = -1


class Invoked(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="invoked"):
    """A step from outside the target was taken."""

    number: int
    step: OutsideStep


class Completed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="completed"):
    """An answer came: ``status`` as NVMe or errno; ``values`` per block of a read (see payload.py)."""

    number: int
    op: int
    status: int
    value: int
    values: list[int]
    copies: int = (
        NOT_LOOKED  # bit mask of the disks that hold all blocks of a change just acknowledged
    )


class EngineEvent(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="happened"):
    """The engine told something."""

    number: int
    event: Event


class Crashed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="crashed"):
    """The target crashed, by itself or killed from outside."""

    number: int
    crash: Crash


class Undelivered(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="unheard"):
    """An answer that didn't reach its host, which is gone or off the network."""

    number: int
    op: int


class Seen(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="seen"):
    """The array's shared record has changed; ``slots``: a mask of SlotFlag for each slot."""

    number: int
    state: int
    discovered: int
    operational: int
    process_state: int
    process_slot: int
    slots: list[int]


class SlotFlag(IntFlag):
    """What is set in a slot of the shared record."""

    OCCUPIED = 1
    CONFIGURED = 2
    PROCESS_TARGET = 4
    FAILED = 8
    REMOVE_SCHEDULED = 16


class Written(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="written"):
    """The block of a disk where superblocks are has changed.

    ``sequence`` is -1 where no superblock can be read, ``array`` the number its UUID is made of; ``configured`` a
    bit mask of the disks it calls CONFIGURED.
    """

    number: int
    disk: int
    by_target: bool  # not by hands outside
    sequence: int
    array: int
    configured: int
    blank: bool


class Compared(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="compared"):
    """What each disk holds, block by block (see payload.py), in the step that told ``after``.

    That is ``raid.assembled``, or ``rebuild.finished`` with success.
    """

    number: int
    after: str
    blocks: list[list[int]]


Entry = Invoked | Completed | Undelivered | EngineEvent | Crashed | Seen | Written | Compared
History = list[Entry]


def was_observed(history: History) -> bool:
    """Did a stepping driver let the tester look? Then events also stand in the order in which they happened.

    Reactors that run free tell in batches, each its own.
    """
    return any(entry.__class__ is Seen for entry in history)


class Fingerprint:
    """A running hash over (step, what it showed): equal fingerprints mean equal runs."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._batch: list[Any] = []
        self._encode = msgspec.msgpack.Encoder().encode

    def add(self, step: Step, shown: Sequence[Any]) -> None:
        """Add a step, and what it showed if it showed anything."""
        self._batch.append(step)
        if shown:
            self._batch.append(shown)
        if len(self._batch) >= FINGERPRINT_BATCH:
            self._flush()

    def _flush(self) -> None:
        self._hash.update(self._encode(self._batch))
        self._batch.clear()

    def hex(self) -> str:
        """32 hex digits."""
        self._flush()
        return self._hash.hexdigest()
