"""The nemesis: planned faults, each with its heal, within the fault budget."""

from __future__ import annotations

import msgspec

from chaos.experiment import REALTIME_FAULTS, RUN_PERMILLE, Plan, Planned
from chaos.model import Model
from chaos.moments import is_due
from chaos.prng import Stream
from chaos.schedule import Inject
from workers.bdev.disk import FOREVER, Disk
from workers.bdev.io import IoType

TRANSIENT_ERRORS_MAX = 3
ALL_TYPES = (IoType.READ, IoType.WRITE, IoType.FLUSH)
FAULTS = {
    "disk_failure": "every I/O of a disk fails until it is healed",
    "disk_pull": "a disk is pulled out, and returned with what it held",
    "read_errors": "a few reads of a range of blocks fail",
    "write_errors": "a few writes of a range of blocks fail",
    "reactor_stall": "one reactor is stopped for a while (SIGSTOP, SIGCONT; realtime only)",
    "target_kill": "the whole target is killed and restarted (SIGKILL; realtime only)",
}


HEALS = {"disk_heal": "injected I/O errors end", "disk_return": "a pulled disk is back"}


class Due(msgspec.Struct, frozen=True):
    """A heal that comes due at a point of the chaos phase."""

    permille: int
    disk: int


class Nemesis:
    """Breaks disks at planned moments and heals them again."""

    def __init__(self, plan: Plan, model: Model, stream: Stream) -> None:
        self.model = model
        self.stream = stream
        self.plan = plan
        self.waiting = [
            planned
            for planned in plan.planned
            if planned.kind in FAULTS and planned.kind not in REALTIME_FAULTS
        ]
        self.heals: list[Due] = []

    def next_step(self, now_permille: int) -> Inject | None:
        """A fault or a heal whose moment has come."""
        for due in self.heals:
            if now_permille >= due.permille:
                self.heals.remove(due)
                return self._heal(due.disk)
        for planned in self.waiting:
            if is_due(planned, now_permille, self.model):
                disk = self._victim()
                if disk is None:
                    continue  # the budget doesn't allow it now; perhaps later
                self.waiting.remove(planned)
                return self._fault(planned, disk, now_permille)
        return None

    def heal_all(self) -> Inject | None:
        """Heals, one a call, until nothing is broken."""
        self.waiting.clear()
        self.heals.clear()
        for number, disk in enumerate(self.model.disks):
            if disk.faulted or not disk.present:
                return self._heal(number)
        return None

    def _victim(self) -> int | None:
        whole = [
            number
            for number, disk in enumerate(self.model.disks)
            if disk.present and not disk.faulted and disk.member and self.model.may_harm(number)
        ]
        return self.stream.choice(whole) if whole else None

    def _fault(self, planned: Planned, disk: int, now_permille: int) -> Inject:
        self.heals.append(Due(min(RUN_PERMILLE, now_permille + planned.lasting), disk))
        return Inject(self.model.new_op(), planned.kind, disk, self._arguments(planned.kind))

    def _arguments(self, kind: str) -> tuple[int, ...]:
        if kind not in ("read_errors", "write_errors"):
            return ()
        blocks = self.plan.layout.disk_blocks
        first = self.stream.below(blocks)
        end = self.stream.between(first + 1, blocks)
        return (first, end, self.stream.between(1, TRANSIENT_ERRORS_MAX))

    def _heal(self, number: int) -> Inject:
        fault = "disk_heal" if self.model.disks[number].present else "disk_return"
        return Inject(self.model.new_op(), fault, number, ())


def apply_to_disk(step: Inject, disk: Disk) -> str | None:
    """Do it to the disk; returns the message the target gets of it, if any."""
    match step.fault:
        case "disk_failure":
            disk.add_fault(ALL_TYPES, 0, disk.num_blocks, FOREVER)
        case "read_errors":
            disk.add_fault((IoType.READ,), *step.args)
        case "write_errors":
            disk.add_fault((IoType.WRITE,), *step.args)
        case "disk_heal":
            disk.heal()
        case "disk_pull":
            disk.header.present = 0
            return "bdev.hot_remove"
        case "disk_return":
            disk.header.present = 1
            return "bdev.attach_disk"
        case unknown:
            raise ValueError(f"there is no fault {unknown!r}")
    return None
