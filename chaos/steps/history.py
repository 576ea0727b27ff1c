"""The entries of a run, in the order in which the tester saw them, and their fingerprint."""

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
# An event: requests of that connection are never answered from then on.
CONNECTION_ENDED = "nvmf.qpair_destroyed"
NO_BDEV = -1


class Invoked(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="invoked"):
    """A step of a host, the operator or the nemesis was taken."""

    number: int
    step: OutsideStep


class Completed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="completed"):
    """An answer arrived: ``status`` as NVMe or errno; ``values`` for each block of a read (see payload.py)."""

    number: int
    op: int
    status: int
    value: int
    values: list[int]
    copies: int = (
        NOT_LOOKED  # bit mask of the disks that hold all blocks of a change just acknowledged
    )


class EngineEvent(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="happened"):
    """The engine emitted an event."""

    number: int
    event: Event


class Crashed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="crashed"):
    """The target crashed, by itself or by a kill."""

    number: int
    crash: Crash


class Undelivered(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="unheard"):
    """An answer that didn't reach its host, which is gone or off the network."""

    number: int
    op: int


class Seen(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="seen"):
    """The array's shared record has changed; ``slots``: a mask of SlotFlag for each slot.

    ``bdevs``: the bdev in each slot, or NO_BDEV. ``process_thread``: the rebuild's thread + 1, or 0.
    """

    number: int
    state: int
    discovered: int
    operational: int
    process_state: int
    process_slot: int
    slots: list[int]
    bdevs: list[int] = []
    process_thread: int = 0


class SlotFlag(IntFlag):
    """The flags of a slot in the shared record."""

    OCCUPIED = 1
    CONFIGURED = 2
    PROCESS_TARGET = 4
    FAILED = 8
    REMOVE_SCHEDULED = 16


class Written(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="written"):
    """The superblock of a disk has changed.

    ``sequence`` is -1 where no superblock can be read, ``array`` the number from which its UUID is made; ``configured`` is a
    bit mask of the disks that it lists as CONFIGURED.
    """

    number: int
    disk: int
    by_target: bool  # false for a change from outside the target
    sequence: int
    array: int
    configured: int
    blank: bool
    blocks: int = 0  # the array's size there
    named: int = 0  # a bit mask of the disks that it lists, in any state


class Compared(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="compared"):
    """The content of each disk, block by block (see payload.py), in the step that emitted ``after``.

    That is ``raid.assembled``, or ``rebuild.finished`` with success.
    """

    number: int
    after: str
    blocks: list[list[int]]


Entry = Invoked | Completed | Undelivered | EngineEvent | Crashed | Seen | Written | Compared
History = list[Entry]


def was_observed(history: History) -> bool:
    """Return whether a stepping driver let the tester observe each step; then events stand in the order of their steps.

    Free-running reactors report in batches, each its own.
    """
    return any(entry.__class__ is Seen for entry in history)


class Fingerprint:
    """A running hash over each step with its entries: equal fingerprints mean equal runs."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._batch: list[Any] = []
        self._encode = msgspec.msgpack.Encoder().encode

    def add(self, step: Step, shown: Sequence[Any]) -> None:
        """Add a step, with its entries if there are any."""
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
