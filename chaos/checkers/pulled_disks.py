"""Pulled disks: another device may be in their place before the array has noticed. Several checks need it.

The content of such a disk proves nothing about the array's member, which is the device that left.
"""

from __future__ import annotations

from chaos.plan.faults import DISK_RETURNS, PULLS
from chaos.steps.history import EngineEvent, Entry, Invoked
from chaos.steps.schedule import Inject
from workers.protocol import Event

ONLINE = ("raid.created", "raid.assembled")


class PulledDisks:
    """The pulled disks, followed along a history; ``in`` tests for one."""

    def __init__(self) -> None:
        self._is_out: dict[int, bool] = {}  # False: a device is in its place again

    def __contains__(self, disk: int) -> bool:
        return disk in self._is_out

    def take(self, entry: Entry) -> None:
        """Follow the next entry of a history."""
        if entry.__class__ is EngineEvent:
            self.observe(entry.event)
        elif entry.__class__ is Invoked and entry.step.__class__ is Inject:
            self.injected(entry.step)

    def injected(self, step: Inject) -> None:
        """Follow an action of the nemesis on a disk."""
        if step.fault in PULLS:
            self._is_out[step.disk] = True
        elif step.fault in DISK_RETURNS:
            self._is_out[step.disk] = False

    def observe(self, event: Event) -> None:
        """Follow an event: an array that goes online, and a rebuild that begins, use the device that is there then."""
        if event.name in ONLINE:
            self._is_out = {disk: True for disk, is_out in self._is_out.items() if is_out}
        elif event.name == "rebuild.started":
            self._is_out.pop(event.args[1], None)
