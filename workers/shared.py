"""The control block: the state that SPDK keeps in process-global memory and several threads read.

It is an array of signed 64-bit words behind typed records, in shared memory for reactor processes and in a
``bytearray`` in ``sim``. The state of a channel is not here: it lives in the heap of its reactor.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, overload

WORD_MAX = (1 << 63) - 1
THREADS_MAX = 62
SLOTS_MAX = 8
NAMESPACES_MAX = 4
NO_NAMESPACE = NAMESPACES_MAX + 1
# Each disk with an error, a delay and a passthru bdev on it, plus the array, its passthru, and its partitions.
BDEVS_MAX = 2 + 4 * SLOTS_MAX + NAMESPACES_MAX
DEVICES_MAX = 1 + 3 * BDEVS_MAX
LOCKS_MAX = 16
WRITES_MAX = 512
REACTORS_MAX = 8


class RaidState(IntEnum):
    """State of an array; ABSENT means that it does not exist."""

    ABSENT = 0
    CONFIGURING = 1
    ONLINE = 2
    OFFLINE = 3


class ProcessState(IntEnum):
    """State of an array's rebuild; NONE means that none is running."""

    NONE = 0
    INIT = 1
    RUNNING = 2
    STOPPING = 3


class Word:
    """One word of a record, read and written as a plain attribute."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index

    @overload
    def __get__(self, record: None, owner: type) -> Word: ...
    @overload
    def __get__(self, record: Record, owner: type) -> int: ...
    def __get__(self, record: Record | None, owner: type) -> Word | int:
        if record is None:
            return self
        return record.words[self.index]

    def __set__(self, record: Record, value: int) -> None:
        record.words[self.index] = value


class Record:
    """A window of words; subclasses name them."""

    __slots__ = ("words",)
    SIZE = 0

    def __init__(self, words: memoryview) -> None:
        self.words = words


class Globals(Record):
    """The words that exist once."""

    __slots__ = ()
    SIZE = 7
    clock_us = Word(0)
    ticket = Word(1)
    thread_mask = Word(2)
    next_poll_group = Word(3)
    accepting_mask = Word(4)  # threads whose poll group takes new connections
    # While reactors run free, the ticket of the step in progress. It stays if the step never ends, because its process
    # was killed or crashed in it. The target is dead then, and every reactor stops.
    step_under_way = Word(5)
    born_mask = Word(6)  # threads that exist or have existed


class Device(Record):
    """An io_device: whether it is registered, which threads have a channel, and what delays its unregistration."""

    __slots__ = ()
    SIZE = 4
    registered = Word(0)
    channel_mask = Word(1)
    iterations = Word(2)
    unregister_thread = Word(3)  # thread id + 1; 0: it isn't being unregistered


class LockRow(NamedTuple):
    """A range lock: blocks [offset, offset + length)."""

    lock: int
    offset: int
    length: int
    owner: int  # thread
    quiesces: int


class LockTable(Record):
    """A short list of LBA ranges; each row is (lock id, offset, length, owner thread, is a quiesce).

    Offset and length in blocks. A quiesce also holds reads.
    """

    __slots__ = ()
    ROW = 5
    SIZE = 1 + ROW * LOCKS_MAX
    count = Word(0)

    def rows(self) -> list[LockRow]:
        words = self.words
        if not words[0]:
            return []
        flat = words[1 : 1 + self.ROW * words[0]].tolist()
        return [LockRow(*flat[i : i + self.ROW]) for i in range(0, len(flat), self.ROW)]

    def store(self, rows: list[LockRow]) -> None:
        assert len(rows) <= LOCKS_MAX, "more LBA range locks than the control block has room for"
        words = self.words
        words[0] = len(rows)
        for number, row in enumerate(rows):
            base = 1 + self.ROW * number
            for place, value in enumerate(row):
                words[base + place] = value


class WriteRow(NamedTuple):
    """A change of an array's blocks [offset, end) that is in flight, or waits for an earlier one."""

    number: int
    thread: int
    offset: int
    end: int
    waits: int


class WriteTable(Record):
    """The changes of an array's blocks, in the order of their arrival (see ``raid/write_order.py``)."""

    __slots__ = ()
    ROW = 5
    SIZE = 2 + ROW * WRITES_MAX
    count = Word(0)
    last_number = Word(1)

    @property
    def is_full(self) -> bool:
        return self.count >= WRITES_MAX

    def rows(self) -> list[WriteRow]:
        count = self.words[0]
        if not count:
            return []
        flat = self.words[2 : 2 + self.ROW * count].tolist()
        return [WriteRow(*flat[i : i + self.ROW]) for i in range(0, len(flat), self.ROW)]

    def add(self, thread: int, offset: int, end: int, *, waits: bool) -> int:
        """Append a change, and return its number."""
        self.last_number += 1
        number = self.last_number
        self._put(self.count, WriteRow(number, thread, offset, end, int(waits)))
        self.count += 1
        return number

    def store(self, rows: list[WriteRow]) -> None:
        self.count = len(rows)
        for place, row in enumerate(rows):
            self._put(place, row)

    def _put(self, place: int, row: WriteRow) -> None:
        base = 2 + self.ROW * place
        for at, value in enumerate(row):
            self.words[base + at] = value


class ErrorVector(Record):
    """An error bdev's errors: for each type of I/O a kind, and how many requests it hits (``error_vector``)."""

    __slots__ = ()
    SIZE = 9  # by IoType, from 1 on
    COUNT_BITS = 32

    def set(self, io_type: int, kind: int, count: int) -> None:
        """Let this many requests of a type be hit; it replaces what was injected for the type before."""
        self.words[io_type] = kind << self.COUNT_BITS | count

    def hit(self, io_type: int) -> int:
        """Count a request; return the kind of the error that hits it, or 0."""
        word = self.words[io_type]
        if not word & (1 << self.COUNT_BITS) - 1:
            return 0
        self.words[io_type] = word - 1
        return word >> self.COUNT_BITS

    def clear(self) -> None:
        """Let no request be hit any more."""
        self.words.cast("B")[:] = bytes(8 * self.SIZE)


class BdevRecord(Record):
    """A bdev's size, injected faults, and its LBA range locks, granted and pending."""

    __slots__ = ("errors", "locked", "pending")
    SIZE = 6 + ErrorVector.SIZE + 2 * LockTable.SIZE
    num_blocks = Word(0)
    last_lock = Word(1)
    identity = Word(2)  # its UUID is derived from it
    # For a delay bdev (bdev_delay_update_latency).
    latency_us = Word(3)
    plug = Word(4)  # of a disk's bdev: the plug count of the device it was registered for
    is_resetting = Word(5)  # channels created now start frozen

    def __init__(self, words: memoryview) -> None:
        super().__init__(words)
        first, second = 6 + ErrorVector.SIZE, 6 + ErrorVector.SIZE + LockTable.SIZE
        self.errors = ErrorVector(words[6:first])  # of an error bdev (bdev_error_inject_error)
        self.locked = LockTable(words[first:second])
        self.pending = LockTable(words[second:])


class Slot(Record):
    """A member's place in an array (``raid_base_bdev_info``)."""

    __slots__ = ()
    SIZE = 10
    bdev = Word(0)  # bdev id + 1; 0: the slot is empty
    is_configured = Word(1)
    is_process_target = Word(2)
    is_failed = Word(3)
    remove_scheduled = Word(4)
    # Incremented at each removal, so that late messages about the former member are recognised.
    generation = Word(5)
    data_offset = Word(6)  # blocks before the member's data
    # These three are used before the array is online; 0: none.
    expected = Word(7)  # bdev id + 1, the name for which it waits
    identity = Word(8)  # of the member that was here before, whose UUID is still waited for
    data_size = Word(9)  # blocks, of that member


class RaidRecord(Record):
    """An array's state, its slots and its rebuild (``raid_bdev`` and ``raid_bdev_process``)."""

    __slots__ = ("slots",)
    SIZE = 12 + SLOTS_MAX * Slot.SIZE
    state = Word(0)
    num_slots = Word(1)
    discovered = Word(2)
    operational = Word(3)
    process_state = Word(4)
    process_status = Word(5)
    process_slot = Word(6)
    process_thread = Word(7)  # thread id + 1; 0: not created yet
    window_offset = Word(8)  # blocks; all below it are on the rebuild target
    window_size = Word(9)  # blocks
    has_superblock = Word(10)

    def __init__(self, words: memoryview) -> None:
        super().__init__(words)
        self.slots = [
            Slot(words[12 + i * Slot.SIZE : 12 + (i + 1) * Slot.SIZE]) for i in range(SLOTS_MAX)
        ]


class SubsystemRecord(Record):
    """The NVMe-oF subsystem: each namespace's bdev, and whether the subsystem is paused."""

    __slots__ = ()
    SIZE = 1 + NAMESPACES_MAX
    paused = Word(
        0
    )  # nsid that is being changed; 0: active; NO_NAMESPACE: a change that concerns none

    def bdev_of(self, nsid: int) -> int | None:
        bdev = self.words[nsid]
        return None if bdev == 0 else bdev - 1

    def set_bdev(self, nsid: int, bdev: int | None) -> None:
        self.words[nsid] = 0 if bdev is None else bdev + 1


class ControlBlock:
    """All records over one buffer of :data:`SIZE` bytes; a zeroed buffer is a target that has not started."""

    WORDS = (
        Globals.SIZE
        + DEVICES_MAX * Device.SIZE
        + BDEVS_MAX * BdevRecord.SIZE
        + RaidRecord.SIZE
        + SubsystemRecord.SIZE
        + WriteTable.SIZE
    )
    SIZE = 8 * WORDS

    def __init__(self, buffer: memoryview | bytearray) -> None:
        self.words = memoryview(buffer)[: self.SIZE].cast("B").cast("q")
        self._next = 0
        self.globals = Globals(self._take(Globals.SIZE))
        self.devices = [Device(self._take(Device.SIZE)) for _ in range(DEVICES_MAX)]
        self.bdevs = [BdevRecord(self._take(BdevRecord.SIZE)) for _ in range(BDEVS_MAX)]
        self.raid = RaidRecord(self._take(RaidRecord.SIZE))
        self.subsystem = SubsystemRecord(self._take(SubsystemRecord.SIZE))
        self.writes = WriteTable(self._take(WriteTable.SIZE))

    def _take(self, count: int) -> memoryview:
        first, self._next = self._next, self._next + count
        return self.words[first : self._next]

    def clear(self) -> None:
        """Reset to a target that has not started."""
        self.words.cast("B")[:] = bytes(self.SIZE)

    def take_ticket(self) -> int:
        """Return the next place in the one order of all steps that touch shared memory."""
        ticket = self.globals.words[1] + 1
        self.globals.words[1] = ticket
        return ticket
