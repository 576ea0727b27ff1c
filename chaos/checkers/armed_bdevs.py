"""Error and delay bdevs that were set to act, until they do: a write that passes one before is a broken promise.

Only writes show that they passed: the disk has a host's data when it is acknowledged, and an array's superblock when the
writing of the superblocks ends.
"""

from __future__ import annotations

import msgspec

from chaos.plan.faults import DISK_HEALS, PULLS
from chaos.plan.rpcs import Rpc
from chaos.steps.history import NOT_LOOKED, Completed
from chaos.steps.schedule import Inject, Operate, Write
from workers.bdev.io import IoType
from workers.bdev.stack import disk_of, stack_of, stacked_bdev_id
from workers.protocol import Event, Layout

ACTS = {
    "bdev.error_injected": Rpc.BDEV_ERROR_INJECT_ERROR,
    "bdev.delayed": Rpc.BDEV_DELAY_UPDATE_LATENCY,
}
NO_DISK = -1
NO_STEP = -1
HEAL = "disk_heal"
ENDS = (*PULLS, *DISK_HEALS)


class Armed(msgspec.Struct, frozen=True):
    """A bdev that must act on the next write."""

    op: int
    step: int
    method: str
    disk: int


class _Round:
    """One writing of the superblocks: the bdevs that were to act when it began, and the disks that have theirs."""

    def __init__(self, before: list[Armed]) -> None:
        self.before = before
        self.written: dict[int, bool] = {}
        self.ended_in = NO_STEP


class ArmedBdevs:
    """Those of a target, and the writes that were sent since."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._own = {
            bdev: disk
            for disk in range(layout.disks)
            for bdev in (
                disk,
                *(stacked_bdev_id(layout, kind, disk) for kind in stack_of(layout, disk)),
            )
        }
        self.armed: list[Armed] = []
        self._heals: dict[int, int] = {}  # in flight: op -> disk
        self._target = NO_DISK  # of the newest rebuild
        self._writes: dict[int, list[Armed]] = {}
        self._round: _Round | None = None  # the one under way
        # Observers look after a step: the last disk has its superblock after the event that the writing has ended.
        self._last_round = _Round([])

    def restarted(self) -> None:
        """Forget all, since their target is gone."""
        self.armed = []
        self._heals.clear()
        self._round, self._last_round = None, _Round([])

    def answered(self, step: Operate) -> None:
        """Take in an answer: what the bdev was set to before has ended."""
        if step.method in ACTS.values():
            self._disarm(disk_of(self.layout, step.args[0]), step.method)

    def succeeded(self, step: Operate, answer: Completed, *, is_rebuilding: bool) -> None:
        """Take in that a request has succeeded, perhaps during a rebuild."""
        match step.method:
            case Rpc.BDEV_ERROR_INJECT_ERROR:
                _, _, io_types, count = step.args
                acts = count > 0 and bool(io_types >> IoType.WRITE & 1)
            case Rpc.BDEV_DELAY_UPDATE_LATENCY:
                acts = step.args[1] > 0
            case _:
                acts = False
        disk = disk_of(self.layout, step.args[0]) if acts else NO_DISK
        is_rebuilt = is_rebuilding and disk == self._target
        # A heal that was sent before may still end what is set now.
        if acts and not is_rebuilt and disk not in self._heals.values():
            armed = Armed(step.op, answer.number, step.method, disk)
            self.armed = [*self.armed, armed]  # the list is that of writes sent before, too

    def observe(self, number: int, event: Event) -> Armed | None:
        """Take in an event: the bdev acts, or may be gone; return one that a superblock has passed, and that should have acted."""
        if event.name == "raid.superblock_writing":
            # Of two writings at once, none is followed.
            self._round = _Round(self.armed if self._round is None else [])
        elif event.name == "raid.superblock_ended":
            self._last_round, self._round = self._round or _Round([]), None
            self._last_round.ended_in = number
            return self._passed_in(self._last_round)
        elif event.name in ACTS:
            self._disarm(event.args[0], ACTS[event.name])
        elif event.name == "rebuild.started":
            # The rebuild's writes may put a host's data on its target before a delay bdev has held them.
            self._target = event.args[1]
            self._disarm_all(self._target)
        elif event.name == "bdev.unregistered":
            (bdev,) = event.args
            self.goes(bdev)
        return None

    def goes(self, bdev: int) -> None:
        """Take in that a bdev begins to go, or has gone: it does nothing any more."""
        if bdev in self._own:
            self._disarm_all(self._own[bdev])

    def wrote_superblock(self, number: int, disk: int) -> Armed | None:
        """Take in that the target has changed a disk's superblock; return a bdev that it has passed, as ``observe`` does."""
        if number == self._last_round.ended_in:
            self._last_round.written[disk] = True
            return self._passed_in(self._last_round)
        if self._round is not None:
            self._round.written[disk] = True
        return None

    def _passed_in(self, ended: _Round) -> Armed | None:
        passed = [one for one in ended.before if one.disk in ended.written]
        return next((one for one in passed if one in self.armed), None)

    def injected(self, step: Inject) -> None:
        """Take in an action on a disk: a heal ends what the bdevs on it do, and they may go with it."""
        if step.fault in ENDS:
            self._disarm_all(step.disk)
        if step.fault == HEAL:
            self._heals[step.op] = step.disk

    def wrote(self, step: Write) -> None:
        """Take in that a host sends a write."""
        self._writes[step.op] = self.armed

    def passed(self, answer: Completed) -> Armed | None:
        """Return a bdev that a write has passed which is acknowledged now, and that should have acted."""
        self._heals.pop(answer.op, None)
        if answer.copies == NOT_LOOKED:
            return None
        before = self._writes.pop(answer.op, [])
        passed = [armed for armed in before if answer.copies >> armed.disk & 1]
        return next((armed for armed in passed if armed in self.armed), None)

    def _disarm_all(self, disk: int) -> None:
        for method in ACTS.values():
            self._disarm(disk, method)

    def _disarm(self, disk: int, method: str) -> None:
        if self.armed:
            self.armed = [
                armed for armed in self.armed if (armed.disk, armed.method) != (disk, method)
            ]
