"""Error and delay bdevs that were set to act, until they do: a host's write that passes one before is a broken promise.

Only writes show that they passed: the disk has their data when they are acknowledged.
"""

from __future__ import annotations

import msgspec

from chaos.plan.rpcs import Rpc
from chaos.steps.history import NOT_LOOKED, Completed
from chaos.steps.schedule import Inject, Operate, Write
from workers.bdev.io import IoType
from workers.bdev.stack import disk_of
from workers.protocol import Event, Layout

ACTS = {
    "bdev.error_injected": Rpc.BDEV_ERROR_INJECT_ERROR,
    "bdev.delayed": Rpc.BDEV_DELAY_UPDATE_LATENCY,
}
NO_DISK = -1
HEAL = "disk_heal"


class Armed(msgspec.Struct, frozen=True):
    """A bdev that must act on the next write."""

    op: int
    step: int
    method: str
    disk: int


class ArmedBdevs:
    """Those of a target, and the writes that were sent since."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.armed: list[Armed] = []
        self._heals: dict[int, int] = {}  # in flight: op -> disk
        self._target = NO_DISK  # of the newest rebuild
        self._writes: dict[int, list[Armed]] = {}

    def restarted(self) -> None:
        """Forget all, since their target is gone."""
        self.armed = []
        self._heals.clear()

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

    def observe(self, event: Event) -> None:
        """Take in an event: the bdev acts, or may be gone."""
        if event.name in ACTS:
            self._disarm(event.args[0], ACTS[event.name])
        elif event.name == "rebuild.started":
            # The rebuild's writes may put a host's data on its target before a delay bdev has held them.
            self._target = event.args[1]
            self._disarm_all(self._target)
        elif event.name == "bdev.unregistered":
            self.armed = []

    def injected(self, step: Inject) -> None:
        """Take in an action on a disk: a heal ends what the bdevs on it do."""
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
