"""Disks that were pulled: in whose place another device may be before the array has noticed. Several checks need it.

The content of such a disk says nothing of the member that the array still has: that one is the device that left.
"""

from __future__ import annotations

from chaos.steps.history import EngineEvent, Entry, Invoked
from chaos.steps.schedule import Inject
from workers.protocol import Event

ONLINE = ("raid.created", "raid.assembled")


class PulledDisks:
    """Followed along a history; asked with ``in``."""

    def __init__(self) -> None:
        self._is_out: dict[int, bool] = {}  # or is a device in its place again?

    def __contains__(self, disk: int) -> bool:
        return disk in self._is_out

    def take(self, entry: Entry) -> None:
        """The next entry of a history."""
        if entry.__class__ is EngineEvent:
            self.told(entry.event)
        elif entry.__class__ is Invoked and entry.step.__class__ is Inject:
            self.injected(entry.step)

    def injected(self, step: Inject) -> None:
        """The nemesis has done something to a disk."""
        if step.fault == "disk_pull":
            self._is_out[step.disk] = True
        elif step.fault.startswith("disk_return"):
            self._is_out[step.disk] = False

    def told(self, event: Event) -> None:
        """An array that comes online, and a rebuild that begins, take the device that is there then."""
        if event.name in ONLINE:
            self._is_out = {disk: True for disk, is_out in self._is_out.items() if is_out}
        elif event.name == "rebuild.started":
            self._is_out.pop(event.args[1], None)
