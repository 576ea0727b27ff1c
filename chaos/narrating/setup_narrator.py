"""The set-up of a target: array, poll groups, namespace and connected hosts, in one sentence for each life of the target."""

from __future__ import annotations

import msgspec

from chaos.narrating.clauses import FINDING, MINOR, Clause
from chaos.narrating.close_look import Moment
from chaos.plan.plan import Plan
from chaos.plan.rpcs import SET_UP, Rpc
from chaos.showing.wording.phrases import listed
from chaos.showing.wording.places import disk_names
from chaos.steps.history import Completed, EngineEvent
from chaos.steps.schedule import IO, Connect, Inject, Kill, Open, Operate, PowerLoss, Step
from workers.bdev.stack import disk_of


class Life(msgspec.Struct):
    """The set-up of one life of a target."""

    first: int
    last: int
    is_first: bool
    created: list[int] = []
    poll_groups: list[int] = []  # reactor numbers
    namespaces: list[int] = []
    hosts: list[int] = []
    is_over: bool = False  # the array has been changed since


def _does_more(step: Step) -> bool:
    """Return whether an RPC does more than to set the target up."""
    match step:
        case Operate():
            return step.method not in SET_UP
        case Inject():
            return step.fault != "disk_arrive"
        case _:
            return isinstance(step, IO)


class SetupNarrator:
    """Gathers the set-up while a run goes by."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lives = [Life(1, 1, True)]
        self._connects: dict[int, Connect] = {}

    def take(self, moment: Moment, *, is_quiet: bool) -> None:
        """Follow the next moment; ``is_quiet``: no change of the array is in progress yet."""
        step, life = moment.step, self.lives[-1]
        if isinstance(step, (Kill, PowerLoss)):
            self.lives.append(Life(moment.number + 1, moment.number + 1, False))
            return
        if isinstance(step, Connect):
            self._connects[step.op] = step
        if isinstance(step, Operate) and step.method == Rpc.BDEV_RAID_CREATE and not life.created:
            # The arguments are a name and whether there is a superblock, then the members.
            life.created = [disk_of(self.plan.layout, bdev) for bdev in step.args[2:]]
        life.is_over = life.is_over or not is_quiet or _does_more(step)
        if isinstance(step, (Open, Connect, Operate)) and not life.is_over:
            life.last = max(life.last, moment.number)
        for entry in moment.entries:
            match entry:
                case Completed(op=op, status=0) if op in self._connects:
                    connect = self._connects.pop(op)
                    if connect.qid and connect.host not in life.hosts:
                        life.hosts.append(connect.host)
                case EngineEvent(event=event) if not life.is_over:
                    if event.name == "nvmf.poll_group_created":
                        life.poll_groups.append(event.thread - 1)
                    if event.name == "nvmf.namespace_attached":
                        life.namespaces.append(event.args[0])
                case _:
                    pass

    @property
    def is_over(self) -> bool:
        """Return whether the set-up of this life is over, since something has changed the array."""
        return self.lives[-1].is_over

    def clauses(self) -> list[Clause]:
        """Return one clause for each life with a set-up."""
        clauses = [self._clause(life) for life in self.lives]
        return [clause for clause in clauses if clause is not None]

    def _clause(self, life: Life) -> Clause | None:
        parts = []
        if life.created:
            with_superblock = "with superblocks" if self.plan.superblock else "without superblock"
            parts.append(f"a RAID1 {with_superblock} is created on {disk_names(life.created)}")
        if life.poll_groups:
            numbers = listed([str(number) for number in sorted(life.poll_groups)])
            one = len(life.poll_groups) == 1
            of = "there is a poll group on reactor" if one else "there are poll groups on reactors"
            parts.append(f"{of} {numbers}")
        if life.namespaces:
            parts.append(self._exported(sorted(set(life.namespaces))))
        if life.hosts:
            names = listed([f"host {host}" for host in sorted(life.hosts)])
            parts.append(f"{names} {'connects' if len(life.hosts) == 1 else 'connect'}")
        if not parts:
            return None
        weight = FINDING if life.is_first else MINOR
        place = life.first if life.is_first else life.last
        return Clause(place, f"setup {life.first}", listed(parts), weight, until=life.last)

    def _exported(self, namespaces: list[int]) -> str:
        numbers = listed([str(nsid) for nsid in namespaces])
        if self.plan.layout.namespaces < 2:
            return f"the array is exported as namespace {numbers}"
        if len(namespaces) == 1:
            return f"a partition of the array is exported as namespace {numbers}"
        return f"partitions of the array are exported as namespaces {numbers}"
