"""The unmet goals of healing and audit: why a run without outstanding operations doesn't end.

Each goal has a kind, one word or hyphenated, which is part of the failure's signature, and a description.
"""

from __future__ import annotations

from collections import Counter

from chaos.checkers.members import Members
from chaos.plan.plan import Plan
from chaos.steps.history import EngineEvent, History, Invoked
from chaos.steps.schedule import Kill, Mark, Operate, PowerLoss

Want = tuple[str, str]

REPEATED_MAX = 8  # requests of one RPC since healing began; a healthy target needs fewer
NOTHING: Want = ("nothing-named", "no operation is outstanding, yet the run did not end")
# By event, the goal that the array misses from then on; None: it can serve.
ARRAY: dict[str, Want | None] = {
    "raid.created": None,
    "raid.assembled": None,
    "raid.configuring": ("array-configuring", "the array waits for members that don't come"),
    "raid.last_member_removed": ("array-unregistering", "the array is being unregistered"),
    "raid.superblock_failed": ("array-unregistering", "the array is being unregistered"),
    "raid.deleted": ("array-absent", "there is no array"),
}


class UnmetGoals:
    """The goals that the end of a history misses."""

    def __init__(self) -> None:
        self.phase = ""
        self.requests: Counter[str] = Counter()  # since healing began: RPC -> how often
        self._forget()

    def _forget(self) -> None:
        self.members = Members()
        self.array = ARRAY["raid.deleted"]
        self.poll_groups = 0
        self.connections: dict[int, bool] = {}
        self.attached: dict[int, bool] = {}  # namespaces, with whether a poll group lacks a channel

    def follow(self, history: History) -> None:
        """Follow a whole history."""
        for entry in history:
            self.members.take(entry)
            if entry.__class__ is EngineEvent:
                self._observe(entry.event.name, entry.event.args)
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

    def _observe(self, name: str, args: tuple[int, ...]) -> None:
        if name in ARRAY:
            self.array = ARRAY[name]
        match name:
            case "nvmf.poll_group_created":
                self.poll_groups += 1
            case "nvmf.poll_group_destroyed":
                self.poll_groups -= 1
            case "nvmf.namespace_attached":
                self.attached.setdefault(args[0], False)
            case "nvmf.namespace_detached":
                self.attached.pop(args[0], None)
            case "nvmf.namespace_channel_failed":
                self.attached[args[0]] = True
            case "nvmf.qpair_connected":
                self.connections[args[0]] = True
            case "nvmf.qpair_destroyed":
                self.connections.pop(args[0], None)
            case _:
                pass

    def of(self, plan: Plan) -> list[Want]:
        """Return the unmet goals, in the order in which the generator works on them."""
        match self.phase:
            case "heal":
                wants = self._of_healing(plan)
            case "audit":
                wants = self._of_audit()
            case "done":
                wants = [
                    ("target-busy", "the target is still busy, though no request is outstanding")
                ]
            case _:
                wants = []
        return [*wants, *self.repeated()] or [NOTHING]

    def _of_healing(self, plan: Plan) -> list[Want]:
        wants: list[Want] = []
        missing = plan.poll_groups_at_start - self.poll_groups
        if missing > 0:
            wants.append(("poll-groups-missing", f"missing poll groups: {missing}"))
        lacking = plan.members - len(self.members.disks)
        if self.array is not None:
            wants.append(self.array)
        elif lacking > 0:
            wants.append(("members-missing", f"missing members: {lacking} of {plan.members}"))
        detached = plan.layout.namespaces - len(self.attached)
        if detached:
            what = (
                "the namespace isn't attached"
                if plan.layout.namespaces == 1
                else f"namespaces not attached: {detached} of {plan.layout.namespaces}"
            )
            wants.append(("namespace-detached", what))
        elif any(self.attached.values()):
            wants.append(("channels-missing", "a poll group has no channel of the namespace"))
        return wants

    def _of_audit(self) -> list[Want]:
        wants: list[Want] = []
        if self.connections:
            count = len(self.connections)
            wants.append(("connections-left", f"open connections: {count}"))
        if self.attached:
            wants.append(("namespace-attached", "the namespace is still attached"))
        return wants

    def is_repeated(self, method: str) -> bool:
        """Return whether this request has been sent so often that it has no effect."""
        return self.requests[method] > REPEATED_MAX

    def repeated(self) -> list[Want]:
        """Return the requests without effect."""
        return [
            (f"repeated-{method}", f"{method} was sent {count} times since healing began")
            for method, count in sorted(self.requests.items())
            if self.is_repeated(method)
        ]
