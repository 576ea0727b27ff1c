"""The generator: offers the next outside step, phase by phase.

setup -> chaos -> (alone ->) heal -> audit -> done. Chaos injects faults and runs operations. In some runs the target must
then get along without RPCs. Heal repairs everything and demands that every request in flight finishes. Audit reads every
block back, disconnects, and detaches the namespaces.
"""

from __future__ import annotations

from enum import Enum

from chaos.base.prng import Stream
from chaos.plan.namespaces import blocks_of, namespace_of
from chaos.plan.plan import Plan
from chaos.plan.planned import Planned
from chaos.run.alone import Alone
from chaos.run.hosts import Host, HostState
from chaos.run.model import Model
from chaos.run.nemesis import Nemesis
from chaos.run.nemesis.steps import inject
from chaos.run.operator import Operator
from chaos.run.outcome import PlannedOutcome, outcome_of
from chaos.run.sequence import SequenceActor
from chaos.steps.schedule import RESTED, Impair, Kill, Mark, OutsideStep, PowerLoss, Read

AUDIT_READ_BLOCKS = 16


class Phase(Enum):
    """The phase of a run."""

    SETUP = "setup"
    CHAOS = "chaos"
    ALONE = "alone"
    HEAL = "heal"
    AUDIT = "audit"
    TEARDOWN = "teardown"
    DONE = "done"


# A name of its own, since the lookup of a member in its class costs more than a comparison.
SETUP, CHAOS, ALONE, HEAL, AUDIT, TEARDOWN, DONE = Phase


class Generator:
    """Combines hosts, operator and nemesis."""

    def __init__(self, plan: Plan, model: Model, stream: Stream) -> None:
        self.plan = plan
        self.model = model
        self.phase = SETUP
        self.operator = Operator(plan, model, stream.fork("operator"))
        self.hosts = [
            Host(number, plan, model, stream.fork(f"host {number}")) for number in range(plan.hosts)
        ]
        self.nemesis = Nemesis(plan, model, self.hosts, stream.fork("nemesis"))
        self.alone = Alone(plan, model, self.operator, self.nemesis, stream.fork("alone"))
        self.sequence = SequenceActor(plan, model, self.nemesis, self.operator)
        self._stream = stream.fork("order")
        self.stays_alone = plan.alone
        self._audited = 0
        self._has_rested = False
        self._never_came: list[Planned] | None = None  # known when the chaos is over

    def next_step(self, now_permille: int) -> OutsideStep | None:
        """Return the next outside step, or None: the target must take a step first."""
        phase = self.phase
        if phase is CHAOS:
            return self._chaos(now_permille)
        if phase is HEAL:
            return self._heal()
        if phase is ALONE:
            return self._stay_alone()
        if phase is AUDIT:
            return self._audit()
        if phase is SETUP:
            return self._set_up()
        return self._tear_down() if phase is TEARDOWN else None

    def _set_up(self) -> OutsideStep | None:
        if self.operator.setup.is_over:
            self.phase = CHAOS
            return Mark("chaos")
        return self.operator.setup.next_step()

    def _chaos(self, now_permille: int) -> OutsideStep | None:
        if now_permille >= self.sequence.chaos_ends:
            self._never_came = [*self.nemesis.waiting, *self.operator.planned.waiting]
            self.sequence.stop()
            self.phase = ALONE if self.stays_alone else HEAL
            return Mark(self.phase.value)
        self.operator.look()
        # Planned things come first: their moments were drawn.
        step: OutsideStep | None = self.operator.setup.next_step()
        if step is None and self.model.in_sequence:
            step = self.sequence.next_step(now_permille)
        step = step or self.nemesis.next_step(now_permille)
        if step is None and self.operator.setup.is_over:
            step = self.operator.next_step(now_permille)
        if step is not None:
            return step
        first = self._stream.integer_below(len(self.hosts))
        for host in (*self.hosts[first:], *self.hosts[:first]):
            found = host.next_step(new_work=True, gives_up=True)
            if found is not None:
                return found
        return None

    def _stay_alone(self) -> OutsideStep | None:
        step = self.alone.next_step()
        if step is not None:
            return step
        if self.alone.is_past:
            is_judged = self.alone.is_judged and not self._has_rested
            self._has_rested = True
            if is_judged:
                return Mark(RESTED)
            self.phase = HEAL
            return Mark(HEAL.value)
        for host in self.hosts:
            found = host.next_step(new_work=False)
            if found is not None:
                return found
        return None

    def _heal(self) -> OutsideStep | None:
        operator = self.operator
        operator.look()
        setup = operator.setup
        if not (setup.is_over or setup.is_held):
            return setup.next_step() or self.nemesis.heal_all()
        step = self.nemesis.heal_all() or (
            None if setup.is_held else operator.heal() or self.last_means(nothing_moves=False)
        )
        if step is not None:
            return step
        for host in self.hosts:
            found = host.next_step(new_work=False)
            if found is not None:
                return found
        model = self.model
        is_served = operator.service.is_whole
        if operator.is_array_whole and is_served and not model.ledger.outstanding:
            self.phase = AUDIT
            return Mark("audit")
        return None

    def last_means(self, *, nothing_moves: bool = True) -> OutsideStep | None:
        """Return what the operator tries at last while it heals; a disk that it takes out is put back by the nemesis."""
        if self.phase is ALONE and nothing_moves:
            self.alone.rests()
            return self._stay_alone()
        last = self.operator.repair.last_means
        if self.phase is not HEAL or last is None or self.model.array.is_to_be_recreated:
            return None
        means = last.next_step(nothing_moves=nothing_moves)
        return inject(self.model, "disk_pull", means) if isinstance(means, int) else means

    def _audit(self) -> OutsideStep | None:
        for host in self.hosts:
            found = host.next_step(new_work=False)  # a step that keeps a connection up
            if found is not None:
                return found
        auditor = self.hosts[0]
        if auditor.state is not HostState.UP:
            return auditor.next_step(new_work=True)
        blocks = self.model.blocks
        if self._audited < blocks:
            slba = self._audited
            if len(self.model.ledger.connections[auditor.links[1].number]) >= self.plan.queue_depth:
                return None
            layout = self.plan.layout
            there = blocks_of(layout, namespace_of(layout, slba), blocks)
            count = min(AUDIT_READ_BLOCKS, there.stop - slba)
            self._audited += count
            return Read(
                self.model.ledger.new_op(),
                auditor.number,
                auditor.links[1].number,
                auditor.links[1].thread,
                slba,
                count,
            )
        if self.model.ledger.outstanding:
            return None
        self.phase = TEARDOWN
        return self._tear_down()

    def _tear_down(self) -> OutsideStep | None:
        for host in self.hosts:
            found = (
                host.disconnect() if host.state is HostState.UP else host.next_step(new_work=False)
            )
            if found is not None:
                return found
        if (
            any(host.state is not HostState.DOWN for host in self.hosts)
            or self.model.ledger.connections
        ):
            return None
        step = self.operator.service.detach()
        if step is None and not self.model.ledger.outstanding and not self.model.has_pulls:
            self.phase = DONE
            return Mark("done")
        return step

    def outcome(self) -> PlannedOutcome:
        """Return which planned things have come, as far as the run has gone."""
        sequence = self.sequence
        return outcome_of(
            self.plan, self._never_came, sequence.came, is_through=sequence.is_through
        )

    # The target's answers and events.

    def answered(self, step: OutsideStep, status: int, value: int) -> None:
        """Pass an answer on to the actor that sent the request."""
        self.operator.answered(step, status, value)
        host = getattr(step, "host", None)
        if host is not None:
            self.hosts[host].answered(step, status, value)

    def connection_ended(self, connection: int) -> None:
        """Pass the end of a connection on to its host."""
        for host in self.hosts:
            host.connection_ended(connection)

    def took(self, step: OutsideStep) -> None:
        """Carry out a step of the nemesis against a host or the target."""
        if step.__class__ is Impair:
            self.hosts[step.host].impair(step)
        elif step.__class__ in (Kill, PowerLoss):
            for host in self.hosts:
                host.target_lost()
            self.operator.target_lost(step.clones)
