"""The threads' access to a disk: its io_device, its channels, and their I/O in flight."""

from __future__ import annotations

from workers.bdev.disk import Disk, FaultKind
from workers.bdev.io import ABORTED, FAILED, NOMEM, BdevIo, Completion, IoStatus, IoType
from workers.core import Core
from workers.errors import OK
from workers.thread import Future, IoChannel, SpdkThread, Wait, run_flow


class DiskIo:
    """A disk I/O in flight on a thread."""

    __slots__ = ("channel", "disk", "future", "io", "is_late")

    def __init__(self, channel: DiskChannel, io: BdevIo) -> None:
        self.channel = channel
        self.disk = channel.device.disk
        self.io = io
        self.future = Future()
        self.is_late = False  # a fault has delayed it already

    def __repr__(self) -> str:
        io = self.io
        what = f"{IoType(io.io_type).name.lower()} of blocks {io.offset}-{io.end - 1}"
        return f"the {what} on disk {self.disk.number}"

    def finish(self) -> bool:
        """Apply and complete the I/O; return False if it fails or is not complete yet."""
        completion = self._take_effect()
        # From here on the disk has the whole I/O, so a SIGKILL that cuts the step short finds it done.
        self.disk.end_step()
        if completion is None:
            return False
        self.future.resolve(completion)
        return completion.status is IoStatus.SUCCESS

    def _take_effect(self) -> Completion | None:
        disk = self.disk
        header = disk.header
        if not header.present or header.plugs != self.channel.plug:
            return FAILED
        return self._hit() if header.fault_count else disk.transfer(self.io)

    def _hit(self) -> Completion | None:
        """Apply injected faults; return None if the I/O stays in flight."""
        disk, io = self.disk, self.io
        row = disk.fault_of(io)
        if row is None or (row.kind == FaultKind.SLOW and self.is_late):
            return disk.transfer(io)
        kind = FaultKind(row.kind)
        self.channel.thread.emit("disk.fault", disk.number, kind, io.io_type, io.offset, io.count)
        parameter = row.parameter
        if row.remaining == 0:
            disk.drop_fault(row)
        match kind:
            case FaultKind.ERROR | FaultKind.BAD_BLOCKS:
                return FAILED
            case FaultKind.HANG:
                self.channel.hung.append(self)
                return None
            case FaultKind.SLOW:
                self.is_late = True
                self.channel.finish_later(self, parameter)
                return None
            case FaultKind.ROT:
                return disk.transfer(io)
            case FaultKind.MISDIRECT:
                return self._misdirect(parameter)

    def _misdirect(self, shift: int) -> Completion:
        """Write the data elsewhere, and report success."""
        io = self.io
        landed = min(io.offset + shift, self.disk.num_blocks - io.count)
        self.channel.thread.emit("disk.misdirected", self.disk.number, io.offset, landed, io.count)
        return self.disk.transfer(BdevIo(io.io_type, landed, io.count, io.data, io.fua))


class DiskChannel(IoChannel):
    """A thread's queue to a disk, of a bounded depth."""

    __slots__ = ("hung", "outstanding", "plug")
    device: DiskDevice

    def create(self) -> bool:
        self.hung: list[DiskIo] = []
        self.outstanding = 0
        header = self.device.disk.header
        # The channel belongs to this device: once it is pulled, I/O must not reach the one plugged in after it.
        self.plug = self.device.record.plug
        if header.channel_failures:
            header.channel_failures -= 1
            self.thread.emit("disk.channel_failed", self.device.disk.number)
            return False
        return True

    def destroy(self) -> None:
        assert not self.outstanding, f"{self} is destroyed with I/O in flight"

    async def execute(self, io: BdevIo) -> Completion:
        """Submit to the disk and await the completion step; return NOMEM if the queue is full."""
        if self.outstanding >= self.device.queue_depth:
            return NOMEM
        self.outstanding += 1
        disk_io = DiskIo(self, io)
        self.thread.reactor.start_io(disk_io)
        completion: Completion = await disk_io.future
        self.outstanding -= 1
        return completion

    def finish_later(self, disk_io: DiskIo, delay_us: int) -> None:
        """Start the I/O again after a delay."""
        run_flow(self._finish_later(disk_io, delay_us))

    async def _finish_later(self, disk_io: DiskIo, delay_us: int) -> None:
        await self.thread.reactor.sleep(self.thread.id, delay_us)
        self.thread.reactor.start_io(disk_io)

    def waits(self) -> list[Wait]:
        return [
            (disk_io.future, f"the end of the fault that holds {disk_io}") for disk_io in self.hung
        ]

    # Visits.

    def resume_hung(self) -> None:
        """Restart hung I/O."""
        hung, self.hung = self.hung, []
        for disk_io in hung:
            self.thread.reactor.start_io(disk_io)

    def abort_hung(self) -> None:
        """Abort hung I/O, without effect, since the disk is reset."""
        hung, self.hung = self.hung, []
        for disk_io in hung:
            disk_io.future.resolve(ABORTED)


class DiskDevice:
    """The io_device of a disk."""

    supported: tuple[IoType, ...] = (IoType.READ, IoType.WRITE, IoType.FLUSH, IoType.UNMAP)

    def __init__(self, reactor: Core, key: int, disk: Disk) -> None:
        self.key = key
        self.disk = disk
        self.name = f"disk{disk.number} (media)"
        self.record = reactor.block.bdevs[disk.number]
        self.queue_depth = reactor.layout.disk_queue_depth
        self._channel_class: type[DiskChannel] = reactor.classes.disk_channel

    def new_channel(self, thread: SpdkThread) -> DiskChannel:
        return self._channel_class(self, thread)

    async def let_go(self, thread: SpdkThread) -> None:
        """Restart hung I/O; a disk that is gone then fails it."""
        await thread.for_each_channel(self, "resume_hung")

    async def reset(self, thread: SpdkThread) -> int:
        """Abort all hung I/O, on every thread."""
        await thread.for_each_channel(self, "abort_hung")
        return OK
