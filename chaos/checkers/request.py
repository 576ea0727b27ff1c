"""A request of the operator, and what its target met between its sending and its answer."""

from __future__ import annotations

from chaos.checkers.examinations import Examinations
from chaos.checkers.moments import Fact
from chaos.checkers.target_facts import NEVER, NO_DISK, TargetFacts
from chaos.plan.rpcs import Rpc
from chaos.steps.schedule import Operate
from workers.reactor import FIRST_POLL_GROUP_THREAD

# Requests of one family hinder each other.
FAMILIES: dict[str, str] = {
    Rpc.BDEV_RAID_CREATE: "array",
    Rpc.BDEV_RAID_DELETE: "array",
    Rpc.BDEV_RAID_START_DEGRADED: "array",
    Rpc.BDEV_RAID_ADD_BASE_BDEV: "addition",
    Rpc.NVMF_CREATE_POLL_GROUP: "poll group",
    Rpc.NVMF_DESTROY_POLL_GROUP: "poll group",
}


def family_of(step: Operate) -> Fact:
    """Return what the request shares with those that hinder it; poll groups of different reactors are independent."""
    family = FAMILIES.get(step.method, step.method)
    return ("several", family, *step.args[:1]) if family == "poll group" else ("several", family)


class Request:
    """One request; ``since`` is its place in the history."""

    def __init__(
        self, step: Operate, since: int, facts: TargetFacts, examinations: Examinations
    ) -> None:
        self.step = step
        self.args = step.args
        self.family = family_of(step)
        self.since = since
        self.facts = facts
        self.examinations = examinations
        self.value = 0  # of the answer
        self.answered_in = 0  # the step

    @property
    def subject(self) -> int:
        """The bdev, namespace or reactor that it is about."""
        return self.args[0]

    @property
    def disk(self) -> int:
        """The disk below that bdev."""
        return self.disk_of(self.subject)

    @property
    def bdevs(self) -> tuple[int, ...]:
        """The bdevs of an array to be created."""
        return self.args[2:]

    @property
    def poll_group_thread(self) -> int:
        """The thread of the reactor's poll group."""
        return FIRST_POLL_GROUP_THREAD + self.subject

    def disk_of(self, bdev: int) -> int:
        """Return the disk below a bdev that may be a member, or NO_DISK."""
        return self.facts.disks.get(bdev, NO_DISK)

    def met(self, *fact: str | int) -> bool:
        """Return whether the fact held at some moment."""
        return self.facts.moments.ever(fact, self.since)

    def met_always(self, *fact: str | int) -> bool:
        """Return whether the fact held at each moment."""
        return self.facts.moments.always(fact, self.since)

    def met_rival(self) -> bool:
        """Return whether another request of its family was in flight at some moment."""
        return self.met(*self.family)

    def is_ready(self, bdev: int) -> bool:
        """Return whether the bdev could be opened at each moment."""
        return self.met_always(*self.facts.ready.get(bdev, NEVER))

    def is_unhurt(self, disk: int) -> bool:
        """Return whether nothing happened to the disk that can fail its I/O."""
        return self.met_always("ready", disk) and not self.met("harmed", disk)

    def begun_examinations(self) -> list[int]:
        """Return the bdevs whose examination has surely begun with the success of this request."""
        facts = self.facts
        match self.step.method:
            case Rpc.BDEV_EXAMINE_AGAIN:
                asked = [self.subject] if self.is_ready(self.subject) else []
            case Rpc.FRAMEWORK_START_INIT:
                asked = [bdev for bdev in facts.disks if facts.moments.holds(facts.ready[bdev])]
            case _:
                asked = []
        return [bdev for bdev in asked if bdev in facts.disks and not self.met("slot", bdev)]
