"""The events that anchored planned things wait for, with the steps in which they came.

An event is one that the engine emits (``rebuild.started``), an RPC of the operator by its method, or a planned
fault or operation by its kind.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from chaos.plan.planned import Planned
from chaos.plan.rpcs import Rpc

NO_STEP_DUE = 1 << 62
# Global state (which disks have the data, which threads a channel) changes at one moment; the channels follow.
CHANGES = frozenset(
    (
        "rebuild.started",
        "rebuild.window_done",
        "rebuild.finished",
        "raid.member_failed",
        "raid.removing_member",
        "raid.member_removed",
        "raid.superblock_written",
        Rpc.BDEV_RAID_ADD_BASE_BDEV,
        Rpc.BDEV_RAID_REMOVE_BASE_BDEV,
        Rpc.BDEV_RESET,
        Rpc.NVMF_SUBSYSTEM_ADD_NS,
        Rpc.NVMF_SUBSYSTEM_REMOVE_NS,
        Rpc.NVMF_CREATE_POLL_GROUP,
        Rpc.NVMF_DESTROY_POLL_GROUP,
        "disk_pull",
    )
)


class Anchors:
    """Counts the events that planned things wait for; the model keeps it up to date."""

    def __init__(self, planned: Iterable[Planned]) -> None:
        self._stages: dict[str, dict[int, list[int]]] = {}  # event -> occurrence -> stages
        for one in planned:
            if one.anchor == "event":
                occurrences = self._stages.setdefault(one.event, {})
                occurrences.setdefault(one.occurrence, []).append(one.stage)
        self._counts: dict[str, int] = {}
        self._came_at: dict[tuple[str, int], int] = {}
        self._due: list[int] = []
        self.changed_at = 0  # the step of the last of CHANGES
        self.next_due = NO_STEP_DUE  # the step from which on an anchored thing is due

    def came(self, event: str, step: int) -> None:
        """Count an event that came in this step."""
        if event in CHANGES:
            self.changed_at = step
        occurrences = self._stages.get(event)
        if occurrences is None:
            return
        count = self._counts[event] = self._counts.get(event, 0) + 1
        self._came_at[event, count] = step
        for stage in occurrences.get(count, ()):
            insort(self._due, step + stage)
        self._look_ahead()

    def asked(self) -> None:
        """Drop what was due next: it has been asked for. If it couldn't come, it waits for a turn like all others."""
        self._due.pop(0)
        self._look_ahead()

    def has_come(self, planned: Planned, step: int) -> bool:
        """Return whether its event has come, and as many steps have been taken since as it wants."""
        came_at = self._came_at.get((planned.event, planned.occurrence))
        return came_at is not None and step >= came_at + planned.stage

    def _look_ahead(self) -> None:
        self.next_due = self._due[0] if self._due else NO_STEP_DUE
