"""What the tester knows of the target while a run goes on: only what it did and what it was told.

The model serves decisions (what can be asked next, what may be broken); judging is the checkers' work.
"""

from __future__ import annotations

from collections.abc import Iterable

from chaos.plan.faults import AIMED_FAULTS, FAULTS, REPLACEMENTS
from chaos.plan.injection import blocks_after
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.run.anchors import Anchors
from chaos.run.disk_view import (
    DiskView,
    RebuildView,
    advance,
    come_online,
    finish_rebuild,
    is_harmful,
    is_sound,
    measure,
    restart,
    write_down,
)
from chaos.run.service_view import ServiceView
from chaos.steps.schedule import (
    CHANGING,
    IO,
    Admin,
    Changing,
    CompareAndWrite,
    Connect,
    Disconnect,
    Impair,
    Inject,
    Open,
    Operate,
    OutsideStep,
    Write,
)
from workers.bdev.disk import FaultKind
from workers.bdev.stack import disk_of, member_bdev_id
from workers.errors import ENODEV, OK
from workers.nvmf.status import AdminOpcode
from workers.protocol import FIRST_CONNECTION, Event

# Told most often, and nothing follows from it for the model.
UNHEEDED = frozenset(("raid.channel", "bdev.quiesced", "bdev.unquiesced", "rebuild.window_locked"))


class Model:
    """The tester's knowledge; :class:`~chaos.run.controller.Controller` keeps it up to date."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        disk_blocks = plan.layout.disk_blocks
        self.disks = [DiskView(blocks=disk_blocks) for _ in range(plan.layout.disks)]
        self.blocks = plan.blocks  # of the array, as hosts know it
        self.array_blocks = plan.blocks  # as it told last
        self.array_online = False
        self.array_configuring = False
        # The operator takes the array apart; its disks must stay as they are.
        self.is_dismantling = False
        self.is_recreating = False  # and will create it anew from them
        self.service = ServiceView()
        self.rebuild: RebuildView | None = None
        self.rebuilds_started = 0
        self.stalled: tuple[int, int] | None = None  # reactor, and the step until which
        self.clock_us = 0
        self.steps = 0  # taken so far
        self.anchors = Anchors(plan.planned)
        # The block of the array where a disk failed last, or is made to.
        self.trouble: int | None = None
        self.outstanding: dict[int, OutsideStep] = {}
        self.writing: dict[int, int] = {}  # LBA -> changes that may still land
        self.newest: dict[int, Write | CompareAndWrite] = {}  # LBA -> the settled write it holds
        self.connections: dict[int, set[int]] = {}  # connection -> its outstanding ops
        self.lost_connections: set[int] = set()  # whose host doesn't hear the target any more
        # host -> connections since its newest session began
        self._sessions: dict[int, list[int]] = {}
        self._last_op = 0
        self._last_connection = FIRST_CONNECTION - 1

    def new_op(self) -> int:
        """A number for the next step from outside."""
        self._last_op += 1
        return self._last_op

    def new_connection(self) -> int:
        """A number for the next connection."""
        self._last_connection += 1
        return self._last_connection

    def reserve(self, ops: Iterable[int], connections: Iterable[int]) -> None:
        """These numbers are taken, by steps that were not made here."""
        self._last_op = max(self._last_op, *ops, 0)
        self._last_connection = max(self._last_connection, *connections, 0)

    def good_disks(self) -> int:
        """How many disks hold all acknowledged data and work."""
        return len([disk for disk in self.disks if is_sound(disk)])

    def may_harm(self, number: int) -> bool:
        """The fault budget: another good copy must be left."""
        disk = self.disks[number]
        if self.is_recreating or self.is_dismantling:
            return False
        return self.good_disks() - int(is_sound(disk)) >= 1

    def is_being_written(self, slba: int, blocks: int) -> bool:
        """May a change of these blocks still land?"""
        writing = self.writing
        return any(lba in writing for lba in range(slba, slba + blocks))

    # What the tester did.

    def tell(self, event: str) -> None:
        """Something has happened that planned things may be anchored to."""
        self.anchors.told(event, self.steps)

    def took(self, step: OutsideStep) -> None:
        """A step from outside was taken."""
        if step.__class__ in IO:  # a class test, not match: this is the hottest case
            self.connections[step.connection].add(step.op)
            if step.__class__ in CHANGING:
                self._hold(step, 1)
            self.outstanding[step.op] = step
            return
        match step:
            case Open():
                self.connections[step.connection] = set()
                self._sessions.setdefault(step.host, []).append(step.connection)
            case Connect():
                self._connects(step)
            case Admin():
                if step.opcode == AdminOpcode.ASYNC_EVENT_REQUEST:
                    return  # answered when something happens, or never
                self.connections[step.connection].add(step.op)
            case Disconnect():
                pass
            case Inject():
                self._injected(step)
                return
            case Operate():
                self.tell(step.method)
                if step.method == Rpc.BDEV_RAID_REMOVE_BASE_BDEV and self._is_member(step.args[0]):
                    self._removing(self.disk_of(step.args[0]))
                elif step.method == Rpc.BDEV_RAID_DELETE and step.args[0]:
                    self.is_recreating = True  # its superblocks are wiped
                elif step.method == Rpc.FRAMEWORK_START_INIT:
                    for number in step.args:
                        self.disks[number].arrived = True
            case _:  # what is done to processes and hosts, and marks, is answered by nobody
                return
        self.outstanding[step.op] = step

    def _connects(self, step: Connect) -> None:
        self.connections[step.connection].add(step.op)
        if step.qid == 0:  # the admin queue is a session's first
            self._sessions[step.host] = [step.connection]

    def cut_off(self, step: Impair) -> None:
        """In a replay, which has no hosts that would do it themselves: this one doesn't hear the target any more."""
        if step.fault in ("host_vanish", "network_cut"):
            mine = self._sessions.get(step.host, [])
            self.lost_connections.update(each for each in mine if each in self.connections)

    def _is_member(self, bdev: int) -> bool:
        layout = self.plan.layout
        return any(bdev == member_bdev_id(layout, disk) for disk in range(layout.disks))

    def disk_of(self, bdev: int) -> int:
        """The disk at the bottom of a member bdev."""
        return disk_of(self.plan.layout, bdev)

    def _removing(self, number: int) -> None:
        # The last one keeps all acknowledged data: the array goes offline with it.
        if [other for other in self.members_in_sync() if other not in (number, *self._leaving())]:
            self._harm(number)

    def _leaving(self) -> list[int]:
        """The members whose removal is asked for and not answered."""
        return [
            self.disk_of(step.args[0])
            for step in self.outstanding.values()
            if isinstance(step, Operate)
            and step.method == Rpc.BDEV_RAID_REMOVE_BASE_BDEV
            and self._is_member(step.args[0])
        ]

    def _injected(self, step: Inject) -> None:
        disk = self.disks[step.disk]
        layout = self.plan.layout
        largest = max(layout.disk_blocks, *(other.blocks for other in self.disks))
        disk.blocks = blocks_after(step, layout, disk.blocks, largest)
        measure(self.disks, self.array_blocks + self.plan.data_offset)
        disk.refused = disk.refused and disk.unfit  # it may have grown
        match step.fault:
            case "disk_heal":
                self.trouble = None
                disk.faulted = disk.weak = False
            case "disk_return" | "disk_return_stale":
                disk.present = disk.arrived = True
                disk.older = disk.older or step.fault == "disk_return_stale"
            case name if name in REPLACEMENTS:
                disk.present = disk.arrived = True
                disk.older, disk.calls, disk.alone = False, frozenset(), False
                disk.faulted = disk.weak = disk.good = disk.imaged = False
                disk.foreign = step.fault == "disk_return_foreign"
                disk.refused = False
            case "disk_arrive":
                disk.arrived = True
            case "disk_image":
                disk.imaged, disk.imaged_alone = True, disk.alone
            case "disk_grow" | "bit_rot" | "misdirected_write":
                pass
            case name:
                fault = FAULTS[name]
                if name in AIMED_FAULTS:
                    self.trouble = max(0, step.args[0] - self.plan.data_offset)
                if name == "superblock_errors" and self.is_alone(step.disk):
                    return  # the engine tries again: its only member takes no harm
                if fault.harms:
                    self._harm(step.disk)
                if name == "disk_pull":
                    disk.present = disk.arrived = False
                else:
                    disk.faulted = True
                    disk.weak = disk.weak or fault.weakens

    def is_alone(self, number: int) -> bool:
        """Is this sound disk the array's only member but for one being rebuilt?"""
        return is_sound(self.disks[number]) and self.members_in_sync() == [number]

    def members_in_sync(self) -> list[int]:
        """The disks that are members, but for one that is being rebuilt."""
        target = self.rebuild.disk if self.rebuild is not None else None
        return [
            number for number, disk in enumerate(self.disks) if disk.member and number != target
        ]

    def harm_by_rpc(self, number: int) -> None:
        """An error bdev was told to fail I/O of this disk."""
        self._harm(number)
        self.disks[number].faulted = True

    def _harm(self, number: int) -> None:
        assert number >= 0, "there is no disk of a negative number"
        self.disks[number].good = False
        if self.rebuild is not None and self.rebuild.disk == number:
            self.rebuild.harmed = True

    def _hold(self, step: Changing, change: int) -> None:
        for lba in range(step.slba, step.slba + step.blocks):
            self.newest.pop(lba, None)
            count = self.writing.get(lba, 0) + change
            if count:
                self.writing[lba] = count
            else:
                del self.writing[lba]

    # What the tester was told.

    def answered(self, op: int, status: int) -> OutsideStep | None:
        """An answer came; the step it answers, if it was still outstanding."""
        step = self.outstanding.pop(op, None)
        if step is None:
            return None
        if isinstance(step, Operate):
            self._rpc_answered(step, status)
        if step.__class__ in IO:
            self.connections[step.connection].discard(op)
            if step.__class__ in CHANGING:
                self._hold(step, -1)
                if status == 0 and step.__class__ in (Write, CompareAndWrite):
                    for lba in range(step.slba, step.slba + step.blocks):
                        self.newest[lba] = step
            return step
        if isinstance(step, Operate) and step.method == Rpc.BDEV_RAID_DELETE and step.args[0]:
            # Also when the array came online while the request was on its way.
            self.is_recreating = self.is_recreating or status == 0
        if isinstance(step, Operate) and step.method == Rpc.BDEV_ERROR_INJECT_ERROR and status == 0:
            disk = self.disks[self.disk_of(step.args[0])]
            if not disk.faulted:
                # The request took effect after the disk had been healed.
                disk.faulted = disk.weak = True
        if isinstance(step, Open) and status != 0:
            del self.connections[step.connection]
        if isinstance(step, (Connect, Admin)):
            self.connections[step.connection].discard(op)
        return step

    def _rpc_answered(self, step: Operate, status: int) -> None:
        if step.method == Rpc.BDEV_RAID_CREATE and status == OK:
            self.array_configuring = not self.array_online  # it waits for a member
        elif step.method == Rpc.BDEV_RAID_DELETE and status == ENODEV:
            self.array_configuring = False

    def happened(self, event: Event) -> None:
        """The engine told something."""
        self.anchors.told(event.name, self.steps)
        if event.name == "nvmf.qpair_destroyed":
            self.connection_ended(event.args[0])
        elif event.name.startswith("nvmf."):
            self.service.observe(event)
        elif event.name not in UNHEEDED:
            self._heed(event)

    def _heed(self, event: Event) -> None:
        args = event.args
        match event.name:
            case "raid.created" | "raid.assembled":
                self._came_online(args, fresh=event.name == "raid.created")
            case "raid.configuring":
                self.array_configuring = True
            case "raid.grown":
                self.array_blocks = args[0]
                measure(self.disks, self.array_blocks + self.plan.data_offset)
            # A broken target also tells this of a slot that is empty by now.
            case "raid.member_failed" if args[1] >= 0:
                self._harm(args[1])
            case "raid.member_removed":
                self.disks[args[1]].member = False
                self._removing(args[1])
                self.disks[args[1]].out = not self.disks[args[1]].good
                write_down(self.disks, self.members_in_sync())
            case "raid.deleted":
                self.array_online = self.array_configuring = False
                for disk in self.disks:
                    disk.member = False
            case "rebuild.started":
                disk = self.disks[args[1]]
                disk.member, disk.good = True, False
                self.rebuilds_started += 1
                self.rebuild = RebuildView(args[1], harmed=is_harmful(disk))
            case "rebuild.window_done":
                if self.rebuild is not None:
                    advance(self.disks, self.rebuild, *args)
            case "disk.fault" if args[1] in (FaultKind.ERROR, FaultKind.BAD_BLOCKS):
                self.trouble = max(0, args[3] - self.plan.data_offset)
            case "rebuild.finished":
                rebuild, self.rebuild = self.rebuild, None
                finish_rebuild(self.disks, args[1], rebuild, status=args[2])
            case _:
                pass

    def _came_online(self, members: tuple[int, ...], *, fresh: bool) -> None:
        if fresh:
            smallest = min(self.disks[number].blocks for number in members)
            self.array_blocks = smallest - self.plan.data_offset
            measure(self.disks, self.array_blocks + self.plan.data_offset)
        self.array_online, self.array_configuring = True, False
        # An array that comes online while the request that wipes it is on its way stays one that goes.
        goes = any(
            isinstance(step, Operate) and step.method == Rpc.BDEV_RAID_DELETE and step.args[0]
            for step in self.outstanding.values()
        )
        self.is_recreating, self.is_dismantling = goes, False
        come_online(self.disks, members, fresh=fresh, goes=goes)

    def grown(self, blocks: int) -> None:
        """Hosts have been told that the namespace has this size."""
        self.blocks = max(self.blocks, blocks)

    def connection_ended(self, connection: int) -> None:
        """The target has destroyed a connection."""
        self.lost_connections.discard(connection)
        for op in sorted(self.connections.pop(connection, ())):
            step = self.outstanding.pop(op, None)
            if isinstance(step, CHANGING):
                self._hold(step, -1)
        for op, step in list(self.outstanding.items()):
            if isinstance(step, (Open, Disconnect)) and step.connection == connection:
                del self.outstanding[op]

    def target_restarted(self, clones: tuple[int, ...]) -> None:
        """The target died and is starting again; with clones, those disks are identical now."""
        for connection in sorted(self.connections):
            self.connection_ended(connection)
        leaving = self._leaving()
        if len(leaving) > 1:
            # In which order they went only their superblocks can tell: nobody is to be trusted before.
            for number in leaving:
                self.disks[number].good = False
        self.outstanding.clear()
        self.writing.clear()
        self.newest.clear()
        self.lost_connections.clear()
        if self.rebuild is not None and self.rebuild.is_copied:
            # It may be written down as a member, which nobody was told of.
            self.disks[self.rebuild.disk].out = False
        self.rebuild = None
        self.stalled = None
        self.clock_us = 0
        self.array_online = self.array_configuring = False
        self.is_dismantling = False
        self.service = ServiceView()
        restart(self.disks, clones)
