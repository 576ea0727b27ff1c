"""The nemesis: planned faults, each with its heal, within the fault budget.

``disk_faults.py`` and ``target_faults.py`` break disks and the target, ``heals.py`` repairs them; ``budget.py`` decides
whether a fault is allowed, ``steps.py`` makes the steps. A new kind of fault is a row in ``chaos/plan/faults.py`` and a
case here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chaos.base.prng import Stream
from chaos.plan.experiment import RUN_PERMILLE
from chaos.plan.faults import FAULTS, Carrier
from chaos.plan.plan import Plan
from chaos.plan.planned import Planned
from chaos.run.hosts import Host
from chaos.run.model import Model
from chaos.run.moments import due_of
from chaos.run.nemesis.disk_faults import DiskFaults
from chaos.run.nemesis.heals import Due, Heals, end_of
from chaos.run.nemesis.steps import NemesisStep
from chaos.run.nemesis.target_faults import TargetFaults
from chaos.steps.schedule import Impair, Stall

STALL_STEPS = (20, 200)
Begin = Callable[[Planned, int], NemesisStep | None]


class Nemesis:
    """Breaks disks, hosts, reactors and the target at planned moments, and heals them again."""

    def __init__(self, plan: Plan, model: Model, hosts: list[Host], stream: Stream) -> None:
        self.model = model
        self.hosts = hosts
        self.stream = stream
        self.plan = plan
        self.waiting = [planned for planned in plan.planned if planned.kind in FAULTS]
        self.heals = Heals(plan, model)
        self.disks = DiskFaults(plan, model, self.heals, self.waiting, stream)
        self.target = TargetFaults(plan, model, self.heals, self.disks, self.waiting, stream)
        carriers: dict[Carrier, Begin] = {
            Carrier.INJECTION: self.disks.begin,
            Carrier.RPC: self.disks.begin,
            Carrier.IMPAIRMENT: self._impair,
            Carrier.RESTART: self.target.begin,
            Carrier.STALL: self._stall,
        }
        self._begin = {kind: carriers[row.carrier] for kind, row in FAULTS.items()}

    def next_step(self, now_permille: int) -> NemesisStep | None:
        """Return a fault or a heal whose moment has come."""
        step = self.heals.next_step(now_permille) if self.heals.due else None
        step = step or self.disks.grow_on()
        if step is not None:
            return step
        for planned in due_of(self.waiting, now_permille, self.model):
            step = self._begin[planned.kind](planned, now_permille)
            if step is not None:
                self.waiting.remove(planned)
                self.model.mark(planned.kind)
                return step
            # The budget doesn't allow it now, or it isn't applicable; it is tried again later.
        return None

    def begin(
        self, planned: Planned, now_permille: int, among: Sequence[int] | None
    ) -> NemesisStep | None:
        """Return the step of a sequence's fault, of one of these disks; None: not now."""
        if FAULTS[planned.kind].carrier in (Carrier.INJECTION, Carrier.RPC):
            return self.disks.begin(planned, now_permille, among)
        if FAULTS[planned.kind].carrier is Carrier.RESTART:
            return self.target.end_target(planned.kind, now_permille)
        return self._begin[planned.kind](planned, now_permille)

    def adopt(self, heals: list[tuple[str, int]], delayed: list[int]) -> None:
        """Take over faults from elsewhere to heal in the end: (heal, host), and the disks whose delay bdev delays."""
        self.waiting.clear()
        self.heals.due = [Due(RUN_PERMILLE, heal, host) for heal, host in heals]
        self.heals.delayed = list(delayed)

    def heal_all(self) -> NemesisStep | None:
        """Return heals, one a call, until nothing is broken."""
        self.waiting.clear()
        return self.disks.grow_on() or self.heals.all()

    def _impair(self, planned: Planned, now_permille: int) -> Impair | None:
        kind = planned.kind
        able = [
            host.number
            for host in self.hosts
            if (host.may_vanish if kind == "host_vanish" else host.may_be_cut)
        ]
        if not able:
            return None
        number = self.stream.choice(able)
        if kind != "host_vanish":  # this host returns by itself
            self.heals.plan_heal(end_of(planned, now_permille), FAULTS[kind].heal, number)
        return Impair(self.model.ledger.new_op(), kind, number)

    def _stall(self, planned: Planned, now_permille: int) -> Stall | None:
        layout = self.plan.layout
        if self.model.stalled is not None or layout.reactors < 2:
            return None
        reactor = self.stream.integer_below(layout.reactors)
        length = max(STALL_STEPS[0], self.plan.steps * planned.lasting // RUN_PERMILLE)
        return Stall(self.model.ledger.new_op(), reactor, min(length, STALL_STEPS[1]))
