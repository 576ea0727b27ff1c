"""The I/O in flight on the disks of a target in C: what it does at its end, and when it may end.

Media, faults and cache are those of the engine's disks (``workers/bdev/disk.py``), on the same memory as the target's buffers
are copied to and from; so an injected fault means the same on every driver.
"""

from __future__ import annotations

import msgspec

from workers.bdev.disk import Disk, FaultKind
from workers.bdev.io import BdevIo, IoStatus, IoType
from workers.protocol import Event


class PendingIo(msgspec.Struct, gc=False):
    """An I/O that the target has submitted."""

    id: int
    thread: int
    disk: int
    io: BdevIo
    plug: int  # the device it was submitted to
    is_late: bool = False  # a fault has delayed it already
    is_aborted: bool = False


class End(msgspec.Struct, frozen=True, gc=False):
    """The end of an I/O: its status, and the blocks that take effect, on the media."""

    status: IoStatus
    first: int = 0
    blocks: int = 0

    @property
    def status_word(self) -> int:
        """The status as an unsigned word of 64 bits."""
        return self.status % (1 << 64)


FAILED = End(IoStatus.FAILED)


class DiskQueue:
    """The I/O of one disk, in the order of its submission."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.plug = 0  # of the device that the target has registered
        self.events: list[Event] = []
        self._pending: dict[int, PendingIo] = {}
        self._hung: list[PendingIo] = []
        self._resets: list[tuple[PendingIo, set[int]]] = []  # each with the I/O it waits for

    def submit(self, pending: PendingIo) -> list[PendingIo]:
        """Take a new I/O; return the I/O that may end from now on."""
        pending.plug = self.plug
        free: list[PendingIo] = []
        if pending.io.io_type is IoType.RESET:
            self._emit(pending, "bdev.resetting", self.disk.number)
            # A finished reset means that nothing is in flight, so what hangs is aborted, and the reset waits for the rest.
            free = self.resume()
            for hung in free:
                hung.is_aborted = True
            if self._pending:
                self._resets.append((pending, set(self._pending)))
                self._pending[pending.id] = pending
                return free
        self._pending[pending.id] = pending
        return [*free, pending]

    def resume(self) -> list[PendingIo]:
        """Return the hung I/O, which may end again."""
        hung, self._hung = self._hung, []
        return hung

    def take_effect(self, pending: PendingIo) -> End | int | None:
        """Return how the I/O ends; microseconds of delay; or None, if it hangs."""
        disk, io = self.disk, pending.io
        header = disk.header
        is_there = header.present and header.plugs == pending.plug
        if io.io_type is IoType.RESET:
            self._emit(pending, "bdev.reset", self.disk.number)
            return End(IoStatus.SUCCESS) if is_there else FAILED
        if pending.is_aborted or not is_there:
            return End(IoStatus.ABORTED) if is_there else FAILED
        if io.end > header.num_blocks and io.io_type is not IoType.FLUSH:
            return FAILED
        return self._hit(pending) if header.fault_count else self._transfer(io, io.offset)

    def _transfer(self, io: BdevIo, landed: int) -> End:
        self.disk.begin_change(io.io_type, landed, landed + io.count, fua=io.fua)
        return End(IoStatus.SUCCESS, landed, 0 if io.io_type is IoType.FLUSH else io.count)

    def _hit(self, pending: PendingIo) -> End | int | None:
        disk, io = self.disk, pending.io
        row = disk.fault_of(io)
        if row is None or (row.kind == FaultKind.SLOW and pending.is_late):
            return self._transfer(io, io.offset)
        kind, parameter = FaultKind(row.kind), row.parameter
        self._emit(pending, "disk.fault", disk.number, kind, io.io_type, io.offset, io.count)
        if row.remaining == 0:
            disk.drop_fault(row)
        match kind:
            case FaultKind.ERROR | FaultKind.BAD_BLOCKS:
                return FAILED
            case FaultKind.HANG:
                self._hung.append(pending)
                return None
            case FaultKind.SLOW:
                pending.is_late = True
                return parameter
            case FaultKind.ROT:
                return self._transfer(io, io.offset)
            case FaultKind.MISDIRECT:
                landed = min(io.offset + parameter, disk.num_blocks - io.count)
                self._emit(pending, "disk.misdirected", disk.number, io.offset, landed, io.count)
                return self._transfer(io, landed)

    def _emit(self, pending: PendingIo, name: str, *args: int) -> None:
        self.events.append(Event(name, pending.thread, tuple(int(arg) for arg in args)))

    def ended(self, pending: PendingIo) -> list[PendingIo]:
        """Drop an I/O that has ended; return the resets that may end now."""
        self._pending.pop(pending.id)
        free = []
        for reset, waits in self._resets:
            waits.discard(pending.id)
            if not waits:
                free.append(reset)
        self._resets = [(reset, waits) for reset, waits in self._resets if waits]
        return free

    def take_events(self) -> list[Event]:
        """Return the events since the last call."""
        events, self.events = self.events, []
        return events

    @property
    def waits(self) -> list[tuple[str, str, str]]:
        """Return what holds hung I/O, for a run that does not end."""
        return [
            (
                f"the {IoType(hung.io.io_type).name.lower()} of blocks {hung.io.offset}-"
                f"{hung.io.end - 1} on disk {self.disk.number}",
                "waits for",
                "the end of the fault that holds it",
            )
            for hung in self._hung
        ]
