"""The operator: sets the target up, carries out planned operations, repairs the array; all by RPC, through one queue.

``setup.py``, ``planned_operations.py``, ``repair.py`` and ``service.py`` decide what to send; ``rpc_queue.py`` sends it.
"""

from __future__ import annotations

from chaos.base.prng import Stream
from chaos.plan.plan import Plan
from chaos.run.array_view import Cause
from chaos.run.model import Model
from chaos.run.operator.planned_operations import PlannedOperations
from chaos.run.operator.repair import Repair
from chaos.run.operator.rpc_queue import RpcQueue
from chaos.run.operator.service import Service
from chaos.run.operator.setup import Setup
from chaos.steps.schedule import Operate, OutsideStep


class Operator:
    """Offers the operator's next RPC: the next one of an operation, a planned one, a repair, or the namespace again."""

    def __init__(self, plan: Plan, model: Model, stream: Stream) -> None:
        self.plan = plan
        self.model = model
        self.queue = RpcQueue(plan, model)
        self.service = Service(self.queue)
        self.repair = Repair(self.queue, stream)
        self.planned = PlannedOperations(self.queue, self.repair, self.service, stream)
        self.setup = Setup(self.queue)

    def adopt(self, in_flight: list[Operate], since_start: list[Operate]) -> None:
        """Continue where RPCs from elsewhere have left the target.

        ``since_start``: the RPCs since it started last; the missing part of its configuration still follows.
        """
        self.planned.waiting.clear()
        self.queue.in_flight = {step.op: step for step in in_flight}
        self.setup.go_on_after(since_start)

    def look(self) -> None:
        """Look at the array once more, for what may be needed when it is gone."""
        if self.repair.last_means is not None:
            self.repair.last_means.look()

    def next_step(self, now_permille: int) -> Operate | None:
        """Return the next RPC during the chaos, if one is to be sent now."""
        step = self.queue.go_on() if self.queue.script else None
        step = step or self.planned.next_step(now_permille)
        if step is not None or self.queue.in_flight or self.repair.is_pausing():
            return step
        return self.repair.next_step() or self.service.attach_again()

    def heal(self) -> Operate | None:
        """Return the next RPC after the chaos: everything is to be whole again."""
        return (
            self.queue.go_on()
            or self.service.create_poll_groups()
            or self.repair.next_step()
            or self.service.attach()
        )

    @property
    def is_array_whole(self) -> bool:
        """Return whether all slots are filled with good members."""
        array = self.model.array
        members = [disk for disk in self.model.disks if disk.member and disk.is_sound]
        return array.is_online and len(members) >= self.plan.members and array.rebuild is None

    def answered(self, step: OutsideStep, status: int, value: int) -> None:
        """Handle the answer to an RPC."""
        if not isinstance(step, Operate) or not self.queue.answered(step.op):
            return
        self.repair.answered(step, status)
        if self.repair.last_means is not None:
            self.repair.last_means.answered(step, value)
        if self.queue.is_idle and self.model.array.is_online:
            self.model.array.move(Cause.DISMANTLING_OVER)

    def target_lost(self, clones: tuple[int, ...]) -> None:
        """Begin with a new target, which has no configuration; with clones, they make a new array."""
        self.queue.clear()
        self.planned.target_lost()
        self.repair.target_lost()
        self.setup.start_over(clones)
        if clones:
            self.model.array.move(Cause.CLONED)
