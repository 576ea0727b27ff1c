"""Who is a member in sync, and how far a rebuild has come: followed along a history. Several checks need it."""

from __future__ import annotations

from chaos.steps.history import EngineEvent, Entry, History, Invoked
from chaos.steps.schedule import Kill, PowerLoss

NO_DISK = -1
# What moves members and rebuilds. Nearly all events are others, so whoever sees each of them asks this first.
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
    """The disks that are members in sync, and the rebuild under way, from what the engine told."""

    def __init__(self) -> None:
        self.disks: list[int] = []
        self.target = NO_DISK
        self._failed = NO_DISK  # a target that has missed a write since its rebuild began
        self.copied = 0  # blocks of the array, from its first, that are on the rebuild target

    def take(self, entry: Entry) -> bool:
        """The next entry of a history; True: an array has come online, with these members."""
        # Classes are compared: isinstance asks a struct's metaclass, which is slow, and this sees every entry.
        if entry.__class__ is EngineEvent:
            event = entry.event
            return self._told(event.name, event.args) if event.name in MOVES else False
        if entry.__class__ is Invoked and entry.step.__class__ in (Kill, PowerLoss):
            self.disks = []
            self.target = NO_DISK
        return False

    def _told(self, name: str, args: tuple[int, ...]) -> bool:
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
                # A flush, which nothing holds, may fail on the target when the result is fixed already.
                if args[2] == 0 and args[1] != self._failed:
                    self.disks.append(args[1])
            case "raid.last_member_removed" | "raid.deleted":
                self.disks = []
                self.target = NO_DISK
            case _:
                pass
        return False


def members_in_sync(history: History) -> list[int]:
    """The members in sync at the end, sorted."""
    members = Members()
    for entry in history:
        members.take(entry)
    return sorted(members.disks)
