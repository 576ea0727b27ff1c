"""The phase in which no RPC helps: all faults are healed, disks come back, and the target must do the rest by itself.

A disk with a known superblock is put back, or the target starts again and finds its disks one by one, in any order. The check
``self_healing`` judges what the target has made of it when it has come to rest.
"""

from __future__ import annotations

from enum import Enum

from chaos.base.prng import Stream
from chaos.plan.plan import Plan
from chaos.run.disk_view import ARRIVED
from chaos.run.model import Model
from chaos.run.nemesis import Nemesis
from chaos.run.nemesis.steps import inject
from chaos.run.operator import Operator
from chaos.steps.schedule import Kill, OutsideStep

QUIET_STEPS = 400  # without an event of array, rebuild or bdevs: the target is at rest
STEPS_MAX = 6_000  # of the phase; a target that takes longer is not judged
KILL_PERCENT = 40
DELETE_PERCENT = 30


class Stage(Enum):
    """The stages of the phase, in their order."""

    SETTLING = "settling"
    UNPLUGGED = "unplugged"
    RETURNING = "returning"
    OVER = "over"


class Alone:
    """Takes a disk out and puts it back, or kills the target, and waits for the target's rest each time."""

    def __init__(
        self, plan: Plan, model: Model, operator: Operator, nemesis: Nemesis, stream: Stream
    ) -> None:
        self.plan = plan
        self.model = model
        self.operator = operator
        self.nemesis = nemesis
        self.stream = stream
        self.stage = Stage.SETTLING
        self._begun = -1
        self._moved = 0  # the step of the last one of its own
        self._is_still = False  # nothing is possible in the target
        self._gives_up = False
        self._arrivals: list[int] = []

    @property
    def is_judged(self) -> bool:
        """Return whether the target has come to rest within the bound."""
        return self.stage is Stage.OVER

    def next_step(self) -> OutsideStep | None:
        """Return the next step; None: the target must move, or the phase is over (see :meth:`is_past`)."""
        if self._begun < 0:
            self._begun = self._moved = self.model.steps
        step = self._next()
        if step is not None:
            self._moved, self._is_still = self.model.steps, False
        return step

    @property
    def is_past(self) -> bool:
        """Return whether the phase is over."""
        is_late = self.model.steps - self._begun > STEPS_MAX
        return self.stage is Stage.OVER or self._gives_up or is_late

    def rests(self) -> None:
        """Take in that nothing is possible any more in the target; a request without an answer is the heal's matter."""
        self._is_still = True
        self._gives_up = self.operator.queue.is_busy

    def _next(self) -> OutsideStep | None:
        if not self.operator.setup.is_over:
            return self.operator.setup.next_step() or self._return_disks()
        match self.stage:
            case Stage.SETTLING | Stage.RETURNING:
                step = self._return_disks()
                if step is None and self._is_quiet():
                    return self._go_on()
                return step
            case Stage.UNPLUGGED:
                if not self._is_quiet():
                    return None
                self.stage, self._is_still = Stage.RETURNING, False
                return self._return_disks()
            case Stage.OVER:
                return None

    def _is_quiet(self) -> bool:
        last = max(self._moved, self.model.array_moved_at)
        if self.operator.queue.is_busy:
            return False
        return self._is_still or self.model.steps - last >= QUIET_STEPS

    def _return_disks(self) -> OutsideStep | None:
        if self._arrivals:
            number = self._arrivals.pop(0)
            return inject(self.model, "disk_arrive", number)
        return self.nemesis.heal_all()

    def _go_on(self) -> OutsideStep | None:
        """Begin what the target must get over by itself, if it is whole enough for that; or end the phase."""
        is_settled, self.stage = self.stage is Stage.SETTLING, Stage.OVER
        array, disks = self.model.array, self.model.disks
        able = [
            number
            for number in array.members_in_sync()
            if disks[number].presence is ARRIVED and array.may_harm(number)
        ]
        if not is_settled or not array.is_online or array.rebuild is not None or not able:
            return None
        if self.stream.chance(KILL_PERCENT, 100):
            return self._kill()
        self.stage = Stage.UNPLUGGED
        kind = "bdev_delete" if self.stream.chance(DELETE_PERCENT, 100) else "disk_pull"
        return inject(self.model, kind, self.stream.choice(able))

    def _kill(self) -> OutsideStep:
        self.stage = Stage.RETURNING
        there = [number for number, disk in enumerate(self.model.disks) if disk.present]
        self._arrivals = self.stream.shuffled(there)
        return Kill(self.model.ledger.new_op(), ())

    def adopt(self) -> None:
        """Only wait for what has begun elsewhere."""
        self.stage = Stage.RETURNING
