"""A second target: it starts from copies of another one's disks, as after a kill, and assembles what it finds there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from chaos.base.interrupt import never
from chaos.drivers.make import stepped_driver
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.steps.agenda import Agenda
from chaos.steps.crash_words import crash_words
from chaos.steps.schedule import FinishIo
from workers.bdev.disk import Disk
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.bdev.stack import member_bdev_id
from workers.protocol import APP_THREAD, OPERATOR, DefectSource, Deliver, Message
from workers.raid import superblock

ASSEMBLY_STEPS_MAX = 20_000
CHANGING_TYPES = (IoType.WRITE, IoType.UNMAP)


class Restart(msgspec.Struct, frozen=True):
    """What a restarted target has made of the disks; the size of its array is in blocks.

    ``leaves_data``: it has changed nothing behind the superblocks.
    """

    members: tuple[int, ...] = ()
    blocks: int = 0
    crash: str = ""
    is_at_rest: bool = True
    leaves_data: bool = True


class _Known(NamedTuple):
    """A restart, and all that it has read: the disk, the place, and the bytes that were there when it began."""

    restart: Restart
    read: list[tuple[int, slice, bytes]]


class SecondTarget:
    """A target that starts from copies of another one's disks.

    A target has nothing but its disks. So a restart of which no disk, and no block that it has read, has changed since is
    known, and is not run again.
    """

    def __init__(
        self,
        plan: Plan,
        defects: tuple[DefectSource, ...],
        gives_up: Callable[[], bool] = never,
    ) -> None:
        self.plan = plan
        self.driver = stepped_driver(plan.target, gives_up)
        self.driver.start(plan.layout, defects)
        self._agenda = Agenda()
        self._known: dict[tuple[object, ...], _Known] = {}
        self._forget()

    def _forget(self) -> None:
        self._members: tuple[int, ...] = ()
        self._read: list[tuple[int, slice]] = []
        self._crash = ""
        self._is_at_rest = self._leaves_data = True
        self._agenda.clear()

    def start(self, disks: list[Disk], trusted: int | None, turn: int) -> Restart:
        """Start from copies of these disks, healthy ones.

        ``trusted``: the disk with which an operator starts an array that waits; None: no operator does. ``turn`` is the
        number of the disk that is examined first; the others follow in their order.
        """
        present = [disk.number for disk in disks if disk.header.present]
        first = turn % max(1, len(present))
        order = (*present[first:], *present[:first])
        key = (trusted, order, *map(_identity, disks))
        known = self._known.get(key)
        if known is not None and all(
            bytes(disks[number].data[place]) == data for number, place, data in known.read
        ):
            return known.restart
        restart = self._run(disks, trusted, order)
        if restart.leaves_data:
            read = [
                (number, place, bytes(disks[number].data[place])) for number, place in self._read
            ]
            self._known[key] = _Known(restart, read)
        return restart

    def _run(self, disks: list[Disk], trusted: int | None, order: tuple[int, ...]) -> Restart:
        for disk, original in zip(self.driver.disks, disks, strict=True):
            disk.copy_whole(original)
            disk.heal()  # a disk that could not be written then can be read now, which is the harder case
        self.driver.restart()
        self._forget()
        self._call(Rpc.FRAMEWORK_START_INIT, *order)
        if trusted is not None and self.plan.starts_degraded:
            self._start_degraded(trusted)
        return Restart(
            self._members, self._blocks(), self._crash, self._is_at_rest, self._leaves_data
        )

    def _start_degraded(self, trusted: int) -> None:
        """Do what an operator does about an array that waits, or about an earlier one's ghost."""
        bdev = member_bdev_id(self.plan.layout, trusted)
        for method, argument in (
            (Rpc.BDEV_RAID_START_DEGRADED, bdev),
            (Rpc.BDEV_RAID_DELETE, 0),
            (Rpc.BDEV_EXAMINE_AGAIN, bdev),
            (Rpc.BDEV_RAID_START_DEGRADED, bdev),
        ):
            self._call(method, argument)

    def _call(self, method: Rpc, *args: int) -> None:
        """Send an RPC and run until the array is online, no step is possible, or the target has crashed."""
        agenda = self._agenda
        if self._has_ended():
            return
        self.driver.send(Message(0, OPERATOR, APP_THREAD, f"rpc.{method}", 1, args))
        agenda.post(Deliver(0, OPERATOR, APP_THREAD))
        for _ in range(ASSEMBLY_STEPS_MAX):
            if not agenda.choices or self._has_ended():
                return
            step = agenda.oldest()
            agenda.took(step)
            if step.__class__ is FinishIo:
                self._note(step)
            outcome = self.driver.perform(step)
            agenda.absorb(outcome)
            for event in outcome.events:
                if event.name == "raid.assembled" and not self._members:
                    self._members = event.args
            if outcome.crash is not None:
                self._crash = crash_words(outcome.crash)
        self._is_at_rest = False

    def _has_ended(self) -> bool:
        return bool(self._members or self._crash or not self._is_at_rest)

    def _note(self, step: FinishIo) -> None:
        """Note which blocks the target reads, and whether it changes data."""
        if step.io_type == IoType.READ:
            end = step.offset + step.count
            self._read.append((step.disk, slice(step.offset * BLOCK_SIZE, end * BLOCK_SIZE)))
        elif step.io_type in CHANGING_TYPES and step.offset + step.count > self.plan.data_offset:
            self._leaves_data = False

    def _blocks(self) -> int:
        """Return the size of the array as the newest superblock of its members has it."""
        newest = 0, 0
        for number in self._members:
            try:
                found = superblock.decode(
                    self.driver.disks[number].data[: superblock.LENGTH_MAX].tobytes()
                )
            except superblock.SuperblockError:
                continue
            newest = max(newest, (found.seq_number, found.raid_size))
        return newest[1]


def _identity(disk: Disk) -> tuple[int, int, int, int]:
    """Return what a target can know of a disk besides its data."""
    header = disk.header
    return header.present, header.num_blocks, header.identity, header.plugs
