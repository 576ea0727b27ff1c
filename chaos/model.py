"""What the tester knows of the target while a run goes on: only what it did and what it was told.

The model serves decisions (what can be asked next, what may be broken); judging is the checkers' work.
"""

from __future__ import annotations

from dataclasses import dataclass

from chaos.schedule import (
    Connect,
    Disconnect,
    Flush,
    Inject,
    Open,
    Operate,
    OutsideStep,
    Read,
    Write,
)
from workers.protocol import FIRST_CONNECTION, Event


@dataclass(slots=True)
class DiskView:
    """A disk as the operator and the nemesis know it."""

    present: bool = True
    faulted: bool = False
    member: bool = False
    # Holds all acknowledged data: a member from the start, or rebuilt since it was last harmed.
    good: bool = False


@dataclass(slots=True)
class RebuildView:
    """The rebuild under way; offsets in blocks."""

    disk: int
    offset: int = 0
    blocks: int = 0
    harmed: bool = False


class Model:
    """The tester's knowledge; :class:`~chaos.controller.Controller` keeps it up to date."""

    def __init__(self, disks: int) -> None:
        self.disks = [DiskView() for _ in range(disks)]
        self.array_online = False
        self.namespace_attached = False
        self.poll_groups = 0
        self.rebuild: RebuildView | None = None
        self.rebuilds_started = 0
        self.outstanding: dict[int, OutsideStep] = {}
        self.writing: dict[int, int] = {}  # LBA -> writes that may still land
        self.connections: dict[int, set[int]] = {}  # connection -> its outstanding ops
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

    def good_disks(self) -> int:
        """How many members hold all acknowledged data and work."""
        return sum(1 for disk in self.disks if disk.good)

    def may_harm(self, number: int) -> bool:
        """The fault budget: another good copy must be left."""
        disk = self.disks[number]
        return self.good_disks() - int(disk.good) >= 1

    def is_being_written(self, slba: int, blocks: int) -> bool:
        """May a write of these blocks still land?"""
        writing = self.writing
        return any(lba in writing for lba in range(slba, slba + blocks))

    # What the tester did.

    def took(self, step: OutsideStep) -> None:
        """A step from outside was taken."""
        match step:
            case Open():
                self.connections[step.connection] = set()
            case Connect() | Read() | Flush():
                self.connections[step.connection].add(step.op)
            case Write():
                self.connections[step.connection].add(step.op)
                self._hold(step, 1)
            case Disconnect():
                pass
            case Inject():
                self._injected(step)
                return
            case Operate():
                if step.method == "bdev_raid_remove_base_bdev":
                    self._harm(step.args[0])
            case _:  # what the nemesis does to processes, and marks, are answered by nobody
                return
        self.outstanding[step.op] = step

    def _injected(self, step: Inject) -> None:
        disk = self.disks[step.disk]
        if step.fault == "disk_heal":
            disk.faulted = False
        elif step.fault == "disk_return":
            disk.present = True
        else:
            self._harm(step.disk)
            if step.fault == "disk_pull":
                disk.present = False
            else:
                disk.faulted = True

    def _harm(self, number: int) -> None:
        assert number >= 0, "there is no disk of a negative number"
        self.disks[number].good = False
        if self.rebuild is not None and self.rebuild.disk == number:
            self.rebuild.harmed = True

    def _hold(self, step: Write, change: int) -> None:
        for lba in range(step.slba, step.slba + step.blocks):
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
        if isinstance(step, (Connect, Read, Write, Flush)):
            self.connections[step.connection].discard(op)
        if isinstance(step, Write):
            self._hold(step, -1)
        if isinstance(step, Operate) and status == 0:
            if step.method == "nvmf_subsystem_add_ns":
                self.namespace_attached = True
            elif step.method == "nvmf_subsystem_remove_ns":
                self.namespace_attached = False
        return step

    def happened(self, event: Event) -> None:
        """The engine told something."""
        args = event.args
        match event.name:
            case "raid.created":
                self.array_online = True
                for disk in self.disks[: args[0]]:
                    disk.member = disk.good = True
            case "raid.member_failed":
                self._harm(args[1])
            case "raid.member_removed":
                self.disks[args[1]].member = self.disks[args[1]].good = False
            case "raid.deleted":
                self.array_online = False
                for disk in self.disks:
                    disk.member = disk.good = False
            case "rebuild.started":
                disk = self.disks[args[1]]
                disk.member = True
                self.rebuilds_started += 1
                self.rebuild = RebuildView(args[1], harmed=disk.faulted or not disk.present)
            case "rebuild.window_done":
                if self.rebuild is not None:
                    self.rebuild.offset, self.rebuild.blocks = args
            case "rebuild.finished":
                self._rebuild_finished(disk=args[1], status=args[2])
            case "nvmf.poll_group_created":
                self.poll_groups += 1
            case "nvmf.qpair_destroyed":
                self._connection_ended(args[0])
            case _:
                pass

    def _rebuild_finished(self, disk: int, status: int) -> None:
        rebuild, self.rebuild = self.rebuild, None
        view = self.disks[disk]
        view.member = status == 0
        view.good = status == 0 and rebuild is not None and not rebuild.harmed

    def _connection_ended(self, connection: int) -> None:
        for op in sorted(self.connections.pop(connection, ())):
            step = self.outstanding.pop(op, None)
            if isinstance(step, Write):
                self._hold(step, -1)
        for op, step in list(self.outstanding.items()):
            if isinstance(step, Disconnect) and step.connection == connection:
                del self.outstanding[op]

    def target_restarted(self, members: tuple[int, ...]) -> None:
        """The target was killed and is up again with these members, made identical."""
        for connection in sorted(self.connections):
            self._connection_ended(connection)
        self.outstanding.clear()
        self.writing.clear()
        self.rebuild = None
        self.array_online = self.namespace_attached = False
        self.poll_groups = 0
        for disk in self.disks:
            disk.present, disk.faulted, disk.member, disk.good = True, False, False, False
