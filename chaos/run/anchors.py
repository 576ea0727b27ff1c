"""The events that anchored planned things, and a sequence, wait for, with the steps in which they came.

An event is one that the engine emits (``rebuild.started``), an RPC of the operator by its method, a planned fault or
operation by its kind, or a heal.
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


class Watch:
    """An event that an item of a sequence waits for, counted from the moment at which this was made."""

    def __init__(self, event: str, occurrence: int, stage: int) -> None:
        self.event = event
        self._stage = stage
        self._left = occurrence
        self._due_from: int | None = None

    def saw(self, step: int) -> int | None:
        """Count the event; return the step from which on it has come and its stage is over, if this was the awaited one."""
        self._left -= 1
        if self._left:
            return None
        self._due_from = step + self._stage
        return self._due_from

    def is_over(self, step: int) -> bool:
        """Return whether the event has come, and its stage is over."""
        return self._due_from is not None and step >= self._due_from


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
        self._watches: list[Watch] = []
        self.eager_for: tuple[str, ...] = ()  # a sequence is asked at once after these events
        self.changed_at = 0  # the step of the last of CHANGES
        self.next_due = NO_STEP_DUE  # the step from which on an anchored thing is due

    def came(self, event: str, step: int) -> None:
        """Count an event that came in this step."""
        if event in CHANGES:
            self.changed_at = step
        if self._watches or self.eager_for:
            self._watched(event, step)
        occurrences = self._stages.get(event)
        if occurrences is None:
            return
        count = self._counts[event] = self._counts.get(event, 0) + 1
        self._came_at[event, count] = step
        for stage in occurrences.get(count, ()):
            insort(self._due, step + stage)
        self._look_ahead()

    def watch(self, event: str, occurrence: int = 1, stage: int = 0) -> Watch:
        """Return what counts an event from now on; the sequence is asked when its stage is over."""
        self._watches.append(Watch(event, occurrence, stage))
        return self._watches[-1]

    def remind(self, step: int) -> None:
        """Have the sequence asked in this step."""
        insort(self._due, step)
        self._look_ahead()

    def _watched(self, event: str, step: int) -> None:
        if event in self.eager_for:
            self.remind(step)
        for watch in [one for one in self._watches if one.event == event]:
            due_from = watch.saw(step)
            if due_from is not None:
                self._watches.remove(watch)
                self.remind(due_from)

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
