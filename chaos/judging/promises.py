"""The promises that answers make: what a target has acknowledged must survive a kill at that very moment.

A changed block (the registers know those), a size that Identify reported, an array that was created, a member that was removed, an
array that was wiped. A request makes a promise only as far as no fault and no other request of the operator can excuse it.
"""

from __future__ import annotations

import msgspec

from chaos.plan.faults import FAULTS
from chaos.plan.namespaces import first_block
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.run.disk_view import Health
from chaos.run.model import Model
from chaos.steps.history import Completed, EngineEvent, Entry, Invoked
from chaos.steps.schedule import CHANGING, Admin, Inject, Kill, Operate, OutsideStep, PowerLoss
from workers.bdev.stack import member_bdev_id
from workers.errors import OK
from workers.nvmf.status import IDENTIFY_NAMESPACE
from workers.protocol import Event


class Promise(msgspec.Struct, frozen=True):
    """A request, and the step in which it was answered with success."""

    request: OutsideStep
    step: int


class _Asked(msgspec.Struct):
    """A request without an answer so far, and the disks that nothing has happened to since it was sent."""

    request: OutsideStep
    disks: list[int] = []
    of_online: bool = False  # the array was online then


class Promises:
    """What holds after each answer of a run, until another request may change it."""

    def __init__(self, plan: Plan, model: Model) -> None:
        self.plan = plan
        self.model = model
        self.changes: dict[int, Promise] = {}  # by op: requests that have changed blocks
        self.creation: Promise | None = None
        self.created_on: list[int] = []  # disks of a new array that no event has announced yet
        self.removals: dict[int, Promise] = {}  # by disk
        self.wipe: Promise | None = None
        self.wiped: list[int] = []
        self.size: Promise | None = None
        self.blocks = 0  # of the array, as Identify had it
        self.last_member: int | None = None  # the disk that was removed last of all
        self._asked: dict[int, _Asked] = {}

    def take(self, entry: Entry) -> bool:
        """Follow the next entry of a history; return whether it makes a new promise."""
        if entry.__class__ is Invoked:
            self._invoked(entry.step)
        elif entry.__class__ is EngineEvent:
            self._observe(entry.event)
        elif entry.__class__ is Completed:
            return self._completed(entry)
        return False

    def answered_by(self, entry: Completed) -> list[OutsideStep]:
        """Return the request that the next entry answers; an empty list: the answer comes too late, or twice."""
        return [self._asked[entry.op].request] if entry.op in self._asked else []

    def _observe(self, event: Event) -> None:
        match event.name:
            case "raid.created":
                self._begin_anew()
            case "raid.assembled":
                # From here on, the model knows which disks are good.
                self.created_on, self.last_member = [], None
            case "raid.member_removed" if not self.model.array.members_in_sync():
                # Its superblock still calls it a member, in whichever order the removals were requested.
                self.last_member = event.args[1]
            case "rebuild.started":
                self._comes_back(event.args[1])
            case _:
                pass

    def _begin_anew(self) -> None:
        """Forget what held for an earlier array."""
        self.removals.clear()
        self.created_on, self.last_member = [], None
        self.wiped, self.wipe = [], None
        self.size, self.blocks = None, 0

    def _comes_back(self, disk: int) -> None:
        """Drop the removal of a disk that is being rebuilt, also one whose answer comes only later."""
        self.removals.pop(disk, None)
        self._spare([disk])

    # Requests.

    def _invoked(self, step: OutsideStep) -> None:
        if step.__class__ is Inject:
            self._injected(step)
        elif step.__class__ in (Kill, PowerLoss):
            self._asked.clear()
        elif step.__class__ is Operate:
            self._operated(step)
        elif hasattr(step, "op"):
            self._asked[step.op] = _Asked(step)

    def _operated(self, step: Operate) -> None:
        asked = self._asked[step.op] = _Asked(step, of_online=self.model.array.is_online)
        match step.method:
            case Rpc.BDEV_RAID_CREATE:
                self.wiped, self.wipe = [], None
                asked.disks = self._healthy(self._disks_of(step.args[2:]))
            case Rpc.BDEV_RAID_REMOVE_BASE_BDEV:
                gone = self._disks_of(step.args)
                self._spare(gone)
                asked.disks = gone
            case Rpc.BDEV_RAID_DELETE:
                self.created_on = []
                if step.args[0]:
                    self._begin_anew()
                    asked.disks = self._healthy(self.model.disks.members())
            case _:
                pass

    def _disks_of(self, bdevs: tuple[int, ...]) -> list[int]:
        layout = self.plan.layout
        return [disk for disk in range(layout.disks) if member_bdev_id(layout, disk) in bdevs]

    def _healthy(self, disks: list[int]) -> list[int]:
        """Return those of these disks that the target has found, and that no fault is active on."""
        views = self.model.disks
        return [disk for disk in disks if views[disk].arrived and views[disk].health is Health.WELL]

    def _injected(self, step: Inject) -> None:
        if step.fault in FAULTS:
            self._spare([step.disk])

    def _spare(self, disks: list[int]) -> None:
        """Expect nothing of these disks from requests in flight, or of a new array that may need them."""
        for asked in self._asked.values():
            asked.disks = [disk for disk in asked.disks if disk not in disks]
        self.created_on = [disk for disk in self.created_on if disk not in disks]

    # Answers.

    def _completed(self, entry: Completed) -> bool:
        asked = self._asked.pop(entry.op, None)
        if asked is None or entry.status != OK:
            return False
        step, promise = asked.request, Promise(asked.request, entry.number)
        if step.__class__ in CHANGING:
            self.changes[entry.op] = promise
            return True
        if step.__class__ is Admin:
            return self._identified(step, promise, entry.value)
        return step.__class__ is Operate and self._rpc_answered(asked, step, promise)

    def _identified(self, step: Admin, promise: Promise, blocks: int) -> bool:
        if (step.opcode, step.first) != IDENTIFY_NAMESPACE or not blocks:
            return False
        end = first_block(self.plan.layout, step.second) + blocks
        if end <= self.blocks:
            return False
        self.size, self.blocks = promise, end
        return True

    def _rpc_answered(self, asked: _Asked, step: Operate, promise: Promise) -> bool:
        match step.method:
            case Rpc.BDEV_RAID_CREATE if step.args[0]:
                self.creation = promise
                # An array that waits for a member isn't on any disk.
                is_whole = len(asked.disks) == len(step.args) - 2
                if is_whole and not self.model.array.is_online:
                    self.created_on = asked.disks
                return True
            case Rpc.BDEV_RAID_REMOVE_BASE_BDEV if asked.of_online and asked.disks:
                (disk,) = asked.disks
                if self._leaves_another(disk):
                    self.removals[disk] = promise
                    return True
            case Rpc.BDEV_RAID_DELETE if asked.disks:
                self.wipe, self.wiped = promise, asked.disks
                return True
            case _:
                pass
        return False

    def _leaves_another(self, disk: int) -> bool:
        """Return whether the array has another good member; the last one's superblock doesn't change."""
        array, disks = self.model.array, self.model.disks
        return any(other != disk and disks[other].good for other in array.members_in_sync())
