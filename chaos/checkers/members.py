"""The members in sync, and the progress of a rebuild, followed along a history. Several checks need it."""

from __future__ import annotations

from chaos.steps.history import EngineEvent, Entry, History, Invoked
from chaos.steps.schedule import Kill, PowerLoss

NO_DISK = -1
# The events that change members and rebuilds. Nearly all events are others, so callers test this set first.
MOVES = frozenset(
    (
        "raid.created",
        "raid.assembled",
        "raid.member_removed",
        "raid.member_failed",
        "raid.last_member_removed",
        "raid.deleted",
        "rebuild.started",
        "rebuild.window_done",
        "rebuild.finished",
    )
)


class Members:
    """The disks that are members in sync, and the running rebuild, from the engine's events."""

    def __init__(self) -> None:
        self.disks: list[int] = []
        self.target = NO_DISK
        self._failed = NO_DISK  # a target that has missed a write since its rebuild began
        self.copied = 0  # blocks of the array, from its first, that are on the rebuild target

    def take(self, entry: Entry) -> bool:
        """Follow the next entry of a history; return True if an array has gone online, with these members."""
        # This sees every entry, and isinstance calls a struct's metaclass, which is slow. So classes are compared.
        if entry.__class__ is EngineEvent:
            event = entry.event
            return self._observe(event.name, event.args) if event.name in MOVES else False
        if entry.__class__ is Invoked and entry.step.__class__ in (Kill, PowerLoss):
            self.disks = []
            self.target = NO_DISK
        return False

    def _observe(self, name: str, args: tuple[int, ...]) -> bool:
        match name:
            case "raid.created" | "raid.assembled":
                self.disks = list(args)
                self.target = NO_DISK
                return True
            case "raid.member_removed" | "raid.member_failed":
                if args[1] in self.disks:
                    self.disks.remove(args[1])
                elif args[1] == self.target:
                    self.target, self._failed = NO_DISK, args[1]
            case "rebuild.started":
                self.target, self.copied, self._failed = args[1], 0, NO_DISK
            case "rebuild.window_done":
                self.copied = args[0]
            case "rebuild.finished":
                self.target = NO_DISK
                # No quiesce holds a flush, so one may fail on the target after the result is fixed.
                if args[2] == 0 and args[1] != self._failed:
                    self.disks.append(args[1])
            case "raid.last_member_removed" | "raid.deleted":
                self.disks = []
                self.target = NO_DISK
            case _:
                pass
        return False


def members_in_sync(history: History) -> list[int]:
    """Return the members in sync at the end, sorted."""
    members = Members()
    for entry in history:
        members.take(entry)
    return sorted(members.disks)
