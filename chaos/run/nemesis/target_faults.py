"""The end of the target, and the return of its disks for the next one."""

from __future__ import annotations

from chaos.base.prng import Stream
from chaos.plan.plan import Plan
from chaos.plan.planned import Planned
from chaos.run.model import Model
from chaos.run.nemesis.disk_faults import DiskFaults
from chaos.run.nemesis.heals import Due, Heals, end_of
from chaos.run.nemesis.steps import NemesisStep, inject
from chaos.steps.schedule import Inject, Kill, PowerLoss

LATE_PERMILLE_MAX = 250
WHOLE_WAIT_PERMILLE = 400


class TargetFaults:
    """Kills the target, or takes its power."""

    def __init__(
        self,
        plan: Plan,
        model: Model,
        heals: Heals,
        disk_faults: DiskFaults,
        waiting: list[Planned],
        stream: Stream,
    ) -> None:
        self.plan = plan
        self.model = model
        self.heals = heals
        self.disk_faults = disk_faults
        self.waiting = waiting
        self.stream = stream
        self._has_asked = False  # whether it was decided that a disk leaves before the target

    def begin(self, planned: Planned, now_permille: int) -> NemesisStep | None:
        """Return the fault's step, or the pull of a disk that goes before it; None: not now."""
        if self._should_wait(planned, now_permille):
            return None
        taken = self._take_disk_along(end_of(planned, now_permille))
        if taken is not None:
            self.waiting.append(planned)  # the target's end follows
            return taken
        return self.end_target(planned.kind, now_permille)

    def _should_wait(self, planned: Planned, now_permille: int) -> bool:
        """Return whether to wait for a whole array, as half of the kills do for a while.

        Under many faults the array rarely is whole, and a restart that assembles several members would be rare, too.
        """
        is_patient = planned.anchor == "run" and planned.moment % 2 == 0
        waits = is_patient and self.plan.superblock and not self.model.array.is_whole
        return waits and now_permille < planned.moment + WHOLE_WAIT_PERMILLE

    def _take_disk_along(self, ends: int) -> Inject | None:
        """Pull a disk now and then just before the target dies: it isn't there when the next one starts."""
        was_asked, self._has_asked = self._has_asked, not self._has_asked
        if was_asked or not self.stream.chance(1, 4):
            return None
        disk = self.disk_faults.victim("disk_pull")
        if disk is None:
            return None
        self.heals.plan_heal(ends, self.disk_faults.way_back(), disk)
        return inject(self.model, "disk_pull", disk)

    def end_target(self, kind: str, now_permille: int) -> Kill | PowerLoss | None:
        """Return the step that ends the target; None: no good copy is there, from which the next one could begin."""
        self._has_asked = False
        sound = self.model.disks.sound()
        if not sound:
            return None
        clones: tuple[int, ...] = ()
        returns = self.heals.target_ends()
        if self.plan.superblock:
            self.heals.due += [*self._arrivals(now_permille), *returns]
        else:
            others = [number for number in range(len(self.model.disks)) if number != sound[0]]
            clones = (sound[0], *others[: self.plan.members - 1])
        op = self.model.ledger.new_op()
        return Kill(op, clones) if kind == "target_kill" else PowerLoss(op, clones, self._lost())

    def _arrivals(self, now_permille: int) -> list[Due]:
        """Return disks come in a drawn order, some late; some don't come back as they were.

        After a failed flush all come soon: what one of them lost shows only beside the others.
        """
        stream = self.stream
        may_be_late = not self.model.disks.have_failed_flush
        arrivals = []
        for number in stream.shuffled(range(len(self.model.disks))):
            disk = self.model.disks[number]
            late = (
                stream.between(1, LATE_PERMILLE_MAX) if may_be_late and stream.chance(1, 3) else 0
            )
            if disk.present:
                arrivals.append(Due(now_permille + late, "disk_arrive", number))
                if disk.faulted:
                    ends = now_permille + stream.between(1, LATE_PERMILLE_MAX)
                    arrivals.append(Due(ends, "disk_heal", number))
        return arrivals

    def _lost(self) -> tuple[tuple[int, ...], ...]:
        """Return per disk the blocks that are lost if they aren't flushed: none, all, or a drawn part.

        A disk whose flush has failed loses all of them.
        """
        stream = self.stream
        capacity = self.plan.layout.capacity
        lost: list[tuple[int, ...]] = []
        for disk in self.model.disks:
            part = 100 if disk.flush_failed else stream.choice((0, 100, stream.between(1, 99)))
            blocks = range(capacity)
            lost.append(tuple(block for block in blocks if stream.chance(part, 100)))
        return tuple(lost)
