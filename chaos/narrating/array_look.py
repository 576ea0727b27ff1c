"""What the reactors share about the array, looked at after a step: slots, rebuild, and the locks of its blocks.

The engine emits no event when a quiesce or a rebuild's stop is asked for; both show here.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chaos.drivers.make import Stepped
from chaos.drivers.sim import SimDriver
from workers.bdev.bdev import BdevChannel
from workers.bdev.stack import disk_of, raid_bdev_id
from workers.protocol import Deliver, Layout
from workers.shared import LockRow, ProcessState, RaidState

EMPTY = -1  # a slot without a disk
Unheld = tuple[int, int]  # a lock, and the thread whose channel of the array doesn't hold it


class ArrayLook(msgspec.Struct, frozen=True):
    """The array and its bdev at one moment."""

    disks: tuple[int, ...]  # by slot; EMPTY
    configured: tuple[bool, ...]  # by slot: a member, or the target of a rebuild
    process_state: int
    process_status: int  # of the rebuild: 0, or why it is to stop
    target_slot: int  # of the rebuild, while there is one
    offset: int  # of the rebuild: all blocks below it are on the target
    is_online: bool
    locks: tuple[LockRow, ...]  # taken, though perhaps not by all channels yet
    pending: tuple[LockRow, ...]  # behind others

    @property
    def rebuilds(self) -> bool:
        """Return whether a rebuild is published."""
        return self.process_state != ProcessState.NONE


NO_ARRAY = ArrayLook((), (), ProcessState.NONE, 0, 0, 0, False, (), ())


class ArrayWatch:
    """Looks at the array after each step."""

    def __init__(self, driver: Stepped, layout: Layout) -> None:
        self._driver = driver
        self._layout = layout
        self._bdev = raid_bdev_id(layout)
        self._words: tuple[bytes, bytes] | None = None

    def look(self) -> ArrayLook | None:
        """Return the array, or None where nothing has changed since the last look.

        What is shared about a target in C is put together from its events, and may be late.
        """
        if not isinstance(self._driver, SimDriver):
            return None
        block = self._driver.block
        record, bdev = block.raid, block.bdevs[self._bdev]
        words = (record.words.tobytes(), bdev.words.tobytes())
        if words == self._words:
            return None
        self._words = words
        slots = record.slots[: record.num_slots]
        return ArrayLook(
            tuple(disk_of(self._layout, slot.bdev - 1) if slot.bdev else EMPTY for slot in slots),
            tuple(bool(slot.is_configured) for slot in slots),
            record.process_state,
            record.process_status,
            record.process_slot,
            record.window_offset,
            record.state == RaidState.ONLINE,
            tuple(bdev.locked.rows()),
            tuple(bdev.pending.rows()),
        )

    def has_exited(self, step: Deliver) -> bool:
        """Return whether the receiver of a message is gone."""
        if not isinstance(self._driver, SimDriver):
            return False
        return step.receiver not in self._driver.workers[step.reactor].reactor.threads

    def without(self, lock: int | None, thread: int | None) -> tuple[Unheld, ...]:
        """Return which channels of the array lack which of its locks; None: all of them.

        A target in C doesn't show what its channels hold.
        """
        if not isinstance(self._driver, SimDriver):
            return ()
        rows = self._driver.block.bdevs[self._bdev].locked.rows()
        return tuple(
            (row.lock, channel.thread.id)
            for row in rows
            if lock in (None, row.lock)
            for channel in self._channels(self._driver)
            if thread in (None, channel.thread.id)
            and all(held.lock != row.lock for held in channel.ranges)
        )

    def _channels(self, driver: SimDriver) -> Iterator[BdevChannel]:
        for worker in driver.workers:
            for thread in worker.reactor.threads.values():
                for channel in thread.channels.values():
                    if isinstance(channel, BdevChannel) and channel.device.id == self._bdev:
                        yield channel
