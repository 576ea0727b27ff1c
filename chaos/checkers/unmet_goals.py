"""What healing and audit still want where no operation is outstanding: why a run that only waits doesn't end.

Each want has a kind, one word or hyphenated, which goes into the failure's signature, and words.
"""

from __future__ import annotations

from collections import Counter

from chaos.checkers.members import Members
from chaos.plan.plan import Plan
from chaos.steps.history import EngineEvent, History, Invoked
from chaos.steps.schedule import Kill, Mark, Operate, PowerLoss

Want = tuple[str, str]

REPEATED_MAX = 8  # of one RPC since healing; what is mended needs it less often
NOTHING: Want = ("nothing-named", "no operation is outstanding, yet the run did not end")
# From an event to what the array is from then on, where that is no array to be served from.
ARRAY: dict[str, Want | None] = {
    "raid.created": None,
    "raid.assembled": None,
    "raid.configuring": ("array-configuring", "the array waits for members that don't come"),
    "raid.last_member_removed": ("array-unregistering", "the array is being unregistered"),
    "raid.superblock_failed": ("array-unregistering", "the array is being unregistered"),
    "raid.deleted": ("array-absent", "there is no array"),
}


class UnmetGoals:
    """Follows a history to what its end lacks."""

    def __init__(self) -> None:
        self.phase = ""
        self.requests: Counter[str] = Counter()  # since healing began: RPC -> how often
        self._forget()

    def _forget(self) -> None:
        self.members = Members()
        self.array = ARRAY["raid.deleted"]
        self.poll_groups = 0
        self.connections: dict[int, bool] = {}
        self.is_attached = self.lacks_channels = False

    def follow(self, history: History) -> None:
        """All of a history."""
        for entry in history:
            self.members.take(entry)
            if entry.__class__ is EngineEvent:
                self._told(entry.event.name, entry.event.args)
            elif entry.__class__ is Invoked:
                self._took(entry)

    def _took(self, entry: Invoked) -> None:
        match entry.step:
            case Kill() | PowerLoss():
                self._forget()
            case Mark(phase=phase):
                self.phase = phase
                self.requests.clear()
            case Operate(method=method):
                self.requests[method] += 1
            case _:
                pass

    def _told(self, name: str, args: tuple[int, ...]) -> None:
        if name in ARRAY:
            self.array = ARRAY[name]
        match name:
            case "nvmf.poll_group_created":
                self.poll_groups += 1
            case "nvmf.poll_group_destroyed":
                self.poll_groups -= 1
            case "nvmf.namespace_attached":
                self.is_attached = True
            case "nvmf.namespace_detached":
                self.is_attached = self.lacks_channels = False
            case "nvmf.namespace_channel_failed":
                self.lacks_channels = True
            case "nvmf.qpair_connected":
                self.connections[args[0]] = True
            case "nvmf.qpair_destroyed":
                self.connections.pop(args[0], None)
            case _:
                pass

    def of(self, plan: Plan) -> list[Want]:
        """What is wanted, in the order in which it is worked on."""
        match self.phase:
            case "heal":
                wants = self._of_healing(plan)
            case "audit":
                wants = self._of_audit()
            case "done":
                wants = [("target-busy", "the target still has something to do for nobody")]
            case _:
                wants = []
        return [*wants, *self.repeated()] or [NOTHING]

    def _of_healing(self, plan: Plan) -> list[Want]:
        wants: list[Want] = []
        missing = plan.poll_groups_at_start - self.poll_groups
        if missing > 0:
            wants.append(("poll-groups-missing", f"{missing} poll groups are missing"))
        lacking = plan.members - len(self.members.disks)
        if self.array is not None:
            wants.append(self.array)
        elif lacking > 0:
            wants.append(("members-missing", f"{lacking} of {plan.members} members are missing"))
        if not self.is_attached:
            wants.append(("namespace-detached", "the namespace isn't attached"))
        elif self.lacks_channels:
            wants.append(("channels-missing", "a poll group has no channel of the namespace"))
        return wants

    def _of_audit(self) -> list[Want]:
        wants: list[Want] = []
        if self.connections:
            count = len(self.connections)
            wants.append(("connections-left", f"{count} connections haven't ended"))
        if self.is_attached:
            wants.append(("namespace-attached", "the namespace is still attached"))
        return wants

    def is_repeated(self, method: str) -> bool:
        """Is this a request that brings nothing, however often it is sent?"""
        return self.requests[method] > REPEATED_MAX

    def repeated(self) -> list[Want]:
        """Those requests."""
        return [
            (f"repeated-{method}", f"{method} was sent {count} times since then")
            for method, count in sorted(self.requests.items())
            if self.is_repeated(method)
        ]
