"""The tester's knowledge of the target during a run, from its own steps and the target's events alone.

The model serves decisions (the possible requests, the allowed faults); the checkers judge. Each of its parts knows
one thing: the disks, the array, the service, and the work in flight.
"""

from __future__ import annotations

from chaos.plan.faults import AIMED_FAULTS, FAULTS, HEALS, PULLS
from chaos.plan.injection import blocks_after
from chaos.plan.plan import Plan
from chaos.plan.planned import FLUSHED_IN_PART
from chaos.plan.rpcs import Rpc
from chaos.run.anchors import Anchors
from chaos.run.array_view import ArrayView, Cause
from chaos.run.disk_view import ARRIVED, Disks, DiskView
from chaos.run.io_ledger import IoLedger
from chaos.run.service_view import ServiceView
from chaos.steps.schedule import (
    IO,
    Admin,
    Connect,
    Disconnect,
    Flush,
    Impair,
    Inject,
    Open,
    Operate,
    OutsideStep,
)
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.bdev.stack import disk_of, member_bdev_id
from workers.errors import ENODEV, OK
from workers.nvmf.status import AdminOpcode
from workers.protocol import Event

# These are the most frequent events, and the model needs none of them.
UNHEEDED = frozenset(("raid.channel", "bdev.quiesced", "bdev.unquiesced", "rebuild.window_locked"))


class Model:
    """The tester's knowledge; :class:`~chaos.run.recorder.Recorder` keeps it up to date."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        disk_blocks = plan.layout.disk_blocks
        self.disks = Disks(DiskView(blocks=disk_blocks) for _ in range(plan.layout.disks))
        self.array = ArrayView(plan, self.disks)
        self.service = ServiceView()
        self.ledger = IoLedger()
        self.anchors = Anchors(plan.planned)
        self.in_sequence = bool(plan.sequence)  # a sequence goes on, and must not be disturbed
        # A free slot is kept for these disks, which a sequence has taken out of the array.
        self.awaited_disks: list[int] = []
        self.blocks = plan.blocks  # of the array, as hosts know it
        # The block of the array where a disk failed last, or will fail.
        self.trouble: int | None = None
        self.stalled: tuple[int, int] | None = None  # reactor, and the step until which
        self.clock_us = 0
        self.steps = 0  # taken so far
        # Disks whose pull the target has not finished with, by op: one may be back, and a member, and then it still goes. Targets
        # in C don't say when they have.
        self._pulls: dict[int, int] = {}
        self.array_moved_at = 0  # the step of the last event of the array, its rebuild, or bdevs

    @property
    def has_pulls(self) -> bool:
        """Return whether the target has not finished with a pull: its bdev still goes."""
        return bool(self._pulls)

    def mark(self, event: str) -> None:
        """Count an event that planned things may be anchored to."""
        self.anchors.came(event, self.steps)

    # The tester's steps.

    def took(self, step: OutsideStep) -> None:
        """Record an outside step."""
        ledger = self.ledger
        if step.__class__ in IO:  # a class test, not match, since this case is the most frequent
            ledger.sent_io(step)
            return
        match step:
            case Open():
                ledger.opened(step)
            case Connect():
                ledger.connects(step)
            case Admin():
                if step.opcode == AdminOpcode.ASYNC_EVENT_REQUEST:
                    return  # answered when something happens, or never
                ledger.connections[step.connection].add(step.op)
            case Disconnect():
                ledger.closed(step)
            case Inject():
                self._injected(step)
                return
            case Impair():
                if step.fault in HEALS:
                    self.mark(step.fault)
                return
            case Operate():
                self._operated(step)
            case _:  # faults of processes and hosts, and marks, have no answer
                return
        ledger.outstanding[step.op] = step

    def _operated(self, step: Operate) -> None:
        self.mark(step.method)
        match step.method:
            case Rpc.BDEV_RAID_REMOVE_BASE_BDEV if self._is_member(step.args[0]):
                self.array.leaves(self.disk_of(step.args[0]), self._leaving())
            case Rpc.BDEV_RAID_DELETE if step.args[0]:
                self.array.move(Cause.WIPE_SENT)
            case Rpc.BDEV_RAID_CREATE if not self.array.is_online:
                self.array.is_being_created = True
            case Rpc.FRAMEWORK_START_INIT:
                for number in step.args:
                    self.disks[number].presence = ARRIVED
            case _:
                pass

    def _is_member(self, bdev: int) -> bool:
        layout = self.plan.layout
        return any(bdev == member_bdev_id(layout, disk) for disk in range(layout.disks))

    def disk_of(self, bdev: int) -> int:
        """Return the disk at the bottom of a member bdev."""
        return disk_of(self.plan.layout, bdev)

    def _leaving(self) -> list[int]:
        """Return the members whose removal is asked for and not answered."""
        return [
            self.disk_of(step.args[0])
            for step in self.ledger.requests()
            if step.method == Rpc.BDEV_RAID_REMOVE_BASE_BDEV and self._is_member(step.args[0])
        ]

    def _injected(self, step: Inject) -> None:
        if step.fault in HEALS:
            self.mark(step.fault)
        disk = self.disks[step.disk]
        layout = self.plan.layout
        largest = max(layout.disk_blocks, *(other.blocks for other in self.disks))
        disk.blocks = blocks_after(step, layout, disk.blocks, largest)
        self.array.measure()
        disk.refused = disk.refused and disk.unfit  # it may have grown
        if step.fault == "disk_heal":
            self.trouble = None
            self.array.writable_again(step.disk)
        elif step.fault in AIMED_FAULTS:
            self.trouble = max(0, step.args[0] - self.plan.data_offset)
        if step.fault == "superblock_errors" and self.array.is_to_be_created_again:
            self.array.unwritable = step.disk  # it harms the new array at most
            disk.fails_later = True
            return
        if step.fault in ("superblock_errors", "write_errors") and self.array.is_alone(step.disk):
            disk.fails_later = True
            return  # the engine keeps its only member, which takes no harm
        if step.fault in PULLS and self.plan.target is None:
            self._pulls[step.op] = step.disk
        if step.fault in FAULTS and FAULTS[step.fault].harms:
            self.array.harm(step.disk)
        disk.injected(step.fault)

    def harm_by_rpc(self, number: int) -> None:
        """Record that an error bdev fails I/O of this disk."""
        self.array.harm(number)
        self.disks[number].failed()

    # The target's answers and events.

    def answered(self, op: int, status: int) -> OutsideStep | None:
        """Record an answer; return the step that it answers, if that was still outstanding."""
        self._pulls.pop(op, None)
        step = self.ledger.outstanding.pop(op, None)
        if step is None:
            return None
        if step.__class__ in IO:
            self.ledger.answered_io(step, status)
            if status == OK and isinstance(step, Flush) and self.disks.have_failed_flush:
                self.mark(FLUSHED_IN_PART)
            return step
        match step:
            case Operate():
                self._rpc_answered(step, status)
            case Open() if status != 0:
                del self.ledger.connections[step.connection]
            case Connect() | Admin():
                self.ledger.connections[step.connection].discard(op)
            case _:
                pass
        return step

    def _rpc_answered(self, step: Operate, status: int) -> None:
        match step.method:
            case Rpc.BDEV_RAID_CREATE:
                self.array.is_being_created = False
                if status == OK:
                    self.array.move(Cause.CREATION_ANSWERED)
            case Rpc.BDEV_RAID_DELETE if status == ENODEV:
                self.array.move(Cause.DELETION_REFUSED)
            case Rpc.BDEV_RAID_DELETE if status == OK and step.args[0]:
                # The array may also have come online while the request was in flight.
                self.array.move(Cause.WIPE_SENT)
            case Rpc.BDEV_ERROR_INJECT_ERROR if status == OK:
                disk = self.disks[self.disk_of(step.args[0])]
                if not disk.faulted:
                    # The request took effect after the heal of the disk.
                    disk.held()
            case _:
                pass

    def happened(self, event: Event) -> None:
        """Record an event that the engine emitted."""
        self.anchors.came(event.name, self.steps)
        if event.name == "nvmf.qpair_destroyed":
            self.ledger.connection_ended(event.args[0])
        elif event.name.startswith("nvmf."):
            self.service.observe(event)
        elif event.name not in UNHEEDED:
            self.array_moved_at = self.steps
            self._observe(event)

    def _observe(self, event: Event) -> None:
        args = event.args
        match event.name:
            case "raid.created" | "raid.assembled":
                goes = any(
                    step.method == Rpc.BDEV_RAID_DELETE and step.args[0]
                    for step in self.ledger.requests()
                )
                self.array.came_online(args, fresh=event.name == "raid.created", goes=goes)
                for number in self._pulls.values():
                    self.disks[number].good = False
            case "raid.member_removed":
                self.array.member_removed(args[1])
            case "disk.fault":
                if args[1] == FaultKind.ERROR and args[2] == IoType.FLUSH:
                    self.disks[args[0]].flush_failed = True
                if args[1] in (FaultKind.ERROR, FaultKind.BAD_BLOCKS):
                    self.trouble = max(0, args[3] - self.plan.data_offset)
            case _:
                self.array.observe(event)
                if event.name == "rebuild.started" and args[1] in self._pulls.values():
                    self.array.harm(args[1])

    def grown(self, blocks: int) -> None:
        """Record that hosts have learned the namespace's new size."""
        self.blocks = max(self.blocks, blocks)

    def target_restarted(self, clones: tuple[int, ...]) -> None:
        """Record that the target died and is starting again; with clones, those disks are identical now."""
        leaving = self._leaving()
        if len(leaving) > 1:
            # Only the superblocks show in which order the members were removed, so none is trusted before.
            for number in leaving:
                self.disks[number].good = False
        self.ledger.target_lost()
        self._pulls.clear()
        self.stalled = None
        self.clock_us = 0
        self.service = ServiceView()
        self.array.target_lost(clones)
