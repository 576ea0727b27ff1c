"""Crash at every prefix: after each completed write of a recorded run, a second target starts from the disks at that point.

A target must be able to assemble the array from any such state: with a member that has all acknowledged data, and
without members that the array has left behind. The disks' caches lose nothing (``power_loss`` tests that).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chaos.checkers.register import Reader
from chaos.drivers.make import stepped_driver
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.run.controller import Controller
from chaos.run.model import Model
from chaos.steps.agenda import Agenda
from chaos.steps.payload import decode
from chaos.steps.schedule import FinishIo, PowerLoss, Step
from workers.bdev.disk import Disk
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.bdev.stack import member_bdev_id
from workers.protocol import APP_THREAD, OPERATOR, DefectSource, Deliver, Event, Message

ASSEMBLY_STEPS_MAX = 20_000
CHANGING_TYPES = (IoType.WRITE, IoType.UNMAP)


class CrashPoint(msgspec.Struct, frozen=True):
    """One prefix: the step after which the target died, and the errors of the restarted target."""

    step: int
    was_judged: bool
    findings: list[str]


def crash_points(
    plan: Plan, schedule: list[Step], defects: tuple[DefectSource, ...]
) -> Iterator[CrashPoint]:
    """Replay the run, and judge each prefix that ends with a completed write or with the target's own crash."""
    controller = Controller(plan, stepped_driver(plan.target), defects)
    recorder, model = controller.recorder, controller.recorder.model
    # The schedule answers this, since the history is still empty here.
    reader = Reader(plan, tracks_power=any(isinstance(step, PowerLoss) for step in schedule))
    second = SecondTarget(plan, defects)
    seen = 0
    for step in schedule:
        controller.take_recorded(step)
        for index, entry in enumerate(recorder.history[seen:], seen):
            reader.take(index, entry)
        seen = len(recorder.history)
        has_written = isinstance(step, FinishIo) and step.io_type in CHANGING_TYPES
        if has_written or recorder.crash is not None:
            disks = controller.driver.disks
            findings = second.judge(disks, model, reader, recorder.steps)
            yield CrashPoint(recorder.steps, findings is not None, findings or [])
        if recorder.crash is not None:
            return  # a crash of its own; the writes of its last step are judged as well


class SecondTarget:
    """A target that starts from copies of another one's disks."""

    def __init__(self, plan: Plan, defects: tuple[DefectSource, ...]) -> None:
        self.plan = plan
        self.driver = stepped_driver(plan.target)
        self.driver.start(plan.layout, defects)
        self._events: list[Event] = []
        self._agenda = Agenda()

    def judge(self, disks: list[Disk], model: Model, reader: Reader, turn: int) -> list[str] | None:
        """Return what is wrong after the start; None: no array is meant to be there just now.

        ``turn`` is the number of the disk that is examined first; the others follow in their order.
        """
        sound = model.disks.sound()
        if not sound or model.array.must_stay_whole:
            return None
        self._events.clear()
        for disk, original in zip(self.driver.disks, disks, strict=True):
            disk.copy_whole(original)
            disk.heal()  # a disk that could not be written then can be read now, which is the harder case
        self.driver.restart()
        self._agenda.clear()
        present = [disk.number for disk in disks if disk.header.present]
        first = turn % len(present)
        present = present[first:] + present[:first]
        crash = self._call(Rpc.FRAMEWORK_START_INIT, *present) or self._start_degraded(sound[0])
        if crash:
            return [f"the target crashes as it starts: {crash}"]
        members = self._members()
        # The end of a rebuild is recorded on one member after the other.
        finishing = model.array.rebuild.disk if model.array.rebuild is not None else None
        if not members:
            return [f"the array is not assembled, though disk {sound[0]} has all acknowledged data"]
        return [
            *(
                f"disk {number} is taken as a member, though the array has gone on without it"
                for number in members
                if model.disks[number].superblock.left_behind and number != finishing
            ),
            *self._wrong_data(members, reader),
        ]

    def _start_degraded(self, trusted: int) -> str:
        """Do what an operator does about an array that waits, or about an earlier one's ghost; returns how it crashed."""
        if not self.plan.starts_degraded:
            return ""
        bdev = member_bdev_id(self.plan.layout, trusted)
        for method, argument in (
            (Rpc.BDEV_RAID_START_DEGRADED, bdev),
            (Rpc.BDEV_RAID_DELETE, 0),
            (Rpc.BDEV_EXAMINE, bdev),
            (Rpc.BDEV_RAID_START_DEGRADED, bdev),
        ):
            if self._members():
                break
            crash = self._call(method, argument)
            if crash:
                return crash
        return ""

    def _members(self) -> tuple[int, ...]:
        assembled = [event.args for event in self._events if event.name == "raid.assembled"]
        return assembled[0] if assembled else ()

    def _call(self, method: Rpc, *args: int) -> str:
        """Send an RPC and run until the array is online or no step is possible; return the crash, or ""."""
        agenda = self._agenda
        self.driver.send(Message(0, OPERATOR, APP_THREAD, f"rpc.{method}", 1, args))
        agenda.post(Deliver(0, OPERATOR, APP_THREAD))
        for _ in range(ASSEMBLY_STEPS_MAX):
            if not agenda.choices or self._members():
                return ""
            step = agenda.oldest()
            agenda.took(step)
            outcome = self.driver.perform(step)
            agenda.absorb(outcome)
            self._events += outcome.events
            if outcome.crash is not None:
                return outcome.crash.message
        return "it does not come to rest"

    def _wrong_data(self, members: tuple[int, ...], reader: Reader) -> list[str]:
        registers = reader.registers
        first = self.plan.data_offset
        for number in members:
            disk = self.driver.disks[number]
            data = bytes(disk.data[first * BLOCK_SIZE : disk.num_blocks * BLOCK_SIZE])
            for lba, value in enumerate(decode(data, 0)[: self.plan.blocks]):
                if lba not in registers.tainted and value not in registers.allowed(lba):
                    newest = registers.newest_acknowledged[lba]
                    return [
                        f"block {lba} of disk {number} holds op {value}, but op {newest} "
                        "was acknowledged"
                    ]
        return []
