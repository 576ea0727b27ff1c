"""LBA range locks of a bdev: quiesces, and the locks of compare-and-write. Mirrors lib/bdev/bdev.c.

Granted and pending locks are in the control block; every channel has copies of the granted ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from workers.shared import LockRow
from workers.thread import Future, SpdkThread, Wait

if TYPE_CHECKING:
    from workers.bdev.bdev import Bdev


class Range(NamedTuple):
    """A granted LBA range lock as a channel knows it: [offset, end) in blocks."""

    lock: int
    offset: int
    end: int
    quiesces: bool


class RangeLocks:
    """The locks of one bdev, as one reactor takes and releases them."""

    def __init__(self, bdev: Bdev) -> None:
        self.bdev = bdev
        self.record = bdev.record
        self._grants: dict[int, Future] = {}
        # By lock taken here, the iteration that announced it: the flow that awaited it holds the lock.
        self._iterations: dict[int, Future] = {}

    async def lock(self, thread: SpdkThread, offset: int, length: int, *, quiesces: bool) -> int:
        """Hold new I/O of these blocks on every channel and wait for submitted I/O.

        Return the lock, for :meth:`unlock`. Overlapping locks queue up.
        """
        record = self.record
        device = self.bdev.reactor.block.devices[self.bdev.key]
        is_there = device.registered or device.channel_mask
        assert is_there, f"{self.bdev.name} is gone, and blocks of it are to be locked"
        record.last_lock += 1
        lock = record.last_lock
        row = LockRow(lock, offset, length, thread.id, int(quiesces))
        locked = record.locked.rows()
        if overlaps(row, locked):
            record.pending.store([*record.pending.rows(), row])
            grant = self._grants[lock] = Future()
            await grant
        else:
            record.locked.store([*locked, row])
        iteration = self._iterations[lock] = thread.for_each_channel(
            self.bdev, "lock_range", lock, offset, offset + length, quiesces
        )
        await iteration
        return lock

    async def unlock(self, thread: SpdkThread, lock: int) -> None:
        """Release I/O of the locked blocks, then grant the locks that waited for this one."""
        record = self.record
        rows = record.locked.rows()
        kept = [row for row in rows if row.lock != lock]
        assert len(kept) == len(rows) - 1, f"{self.bdev.name}: lock {lock} is not held"
        record.locked.store(kept)
        self._iterations.pop(lock, None)
        await thread.for_each_channel(self.bdev, "unlock_range", lock)
        # Granted after the iteration, so that queued I/O gets through between two locks of the same blocks.
        locked = record.locked.rows()
        pending: list[LockRow] = []
        for row in record.pending.rows():
            # A lock doesn't overtake an older one that overlaps it.
            if overlaps(row, locked) or overlaps(row, pending):
                pending.append(row)
            else:
                locked.append(row)
                thread.send(row.owner, "bdev.lock_granted", self.bdev.id, row.lock)
        record.locked.store(locked)
        record.pending.store(pending)

    def granted(self, lock: int) -> None:
        """Resume the flow whose lock has been granted."""
        self._grants.pop(lock).resolve()

    def for_new_channel(self) -> list[Range]:
        """Return the ranges that a channel created now must hold."""
        return [
            Range(row.lock, row.offset, row.offset + row.length, bool(row.quiesces))
            for row in self.record.locked.rows()
        ]

    def waits(self) -> list[Wait]:
        """Return the pending locks, each with the locks ahead of it."""
        before: dict[int, list[str]] = {}
        rows = self.record.locked.rows()
        for row in self.record.pending.rows():
            before[row.lock] = [self.name_of(other) for other in rows if overlaps(row, [other])]
            rows.append(row)
        return [
            (grant, what)
            for lock, grant in self._grants.items()
            for what in before.get(lock) or [f"the grant of lock {lock} of {self.bdev.name}"]
        ]

    def takers(self) -> list[tuple[LockRow, bool, Future | None]]:
        """Return each lock's row, whether it is granted, and the future its taker has awaited (None: not here)."""
        awaited = {**self._grants, **self._iterations}
        return [
            (row, is_granted, awaited.get(row.lock))
            for is_granted, table in ((True, self.record.locked), (False, self.record.pending))
            for row in table.rows()
        ]

    def name_of(self, held: LockRow | Range) -> str:
        """Describe a lock."""
        end = held.end if isinstance(held, Range) else held.offset + held.length
        kind = "quiesce" if held.quiesces else "range lock"
        is_whole = not held.offset and end >= self.record.num_blocks
        what = "all blocks" if is_whole else f"blocks {held.offset}-{end - 1}"
        return f"{kind} {held.lock} of {self.bdev.name} ({what})"


def overlaps(row: LockRow, rows: list[LockRow]) -> bool:
    """Return whether the lock shares a block with one of these."""
    return any(
        row.offset < other.offset + other.length and other.offset < row.offset + row.length
        for other in rows
    )
