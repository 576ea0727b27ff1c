"""The heals that are due, and the repair of all faults in the end."""

from __future__ import annotations

import msgspec

from chaos.plan.faults import IMPAIRMENTS
from chaos.plan.injection import SMALLER_BY
from chaos.plan.plan import Plan
from chaos.plan.planned import Planned
from chaos.run.disk_view import ARRIVED
from chaos.run.model import Model
from chaos.run.nemesis.steps import NemesisStep, inject, set_latency
from chaos.steps.schedule import Impair


class Due(msgspec.Struct, frozen=True):
    """A heal that comes due at a point of the chaos phase, for a disk or for a host."""

    permille: int
    heal: str
    number: int

    @property
    def is_for_host(self) -> bool:
        """Return whether a host is healed, not a disk."""
        return self.heal in IMPAIRMENTS


def end_of(planned: Planned, now_permille: int) -> int:
    """Return when a fault that begins now is healed."""
    return now_permille + planned.lasting


class Heals:
    """The faults with a heal that is still due."""

    def __init__(self, plan: Plan, model: Model) -> None:
        self.plan = plan
        self.model = model
        self.due: list[Due] = []
        self.delayed: list[int] = []  # disks whose delay bdev has a latency
        self.has_room = plan.layout.capacity > plan.layout.disk_blocks  # for larger disks

    def plan_heal(self, permille: int, heal: str, number: int) -> None:
        """Plan the heal of this disk or host for this moment."""
        self.due.append(Due(permille, heal, number))

    def hasten(self, due: Due, permille: int) -> None:
        """Let a heal that is still due come at this moment."""
        if due in self.due:
            self.due[self.due.index(due)] = msgspec.structs.replace(due, permille=permille)

    def next_step(self, now_permille: int) -> NemesisStep | None:
        """Return a heal whose moment has come."""
        for due in self.due:
            if now_permille >= due.permille:
                self.due.remove(
                    due
                )  # if this one has no effect, the one after it waits for the next turn
                step = self._heal(due)
                if step is not None:
                    return step
        return None

    def all(self) -> NemesisStep | None:
        """Return heals, one a call, until nothing is broken."""
        while self.due:
            step = self._heal(self.due.pop(0))
            if step is not None:
                return step
        if self.delayed:
            return set_latency(self.plan, self.model, self.delayed.pop(0), 0)
        for number, disk in enumerate(self.model.disks):
            if disk.presence is not ARRIVED:
                heal = "bdev_create" if disk.is_deleted else "disk_return"
                return inject(self.model, "disk_arrive" if disk.present else heal, number)
            if disk.faulted:
                return inject(self.model, "disk_heal", number)
            if disk.unfit and not disk.member:
                return inject(self.model, "disk_pull", number)
        return None

    def target_ends(self) -> list[Due]:
        """Keep the heals of hosts; return the returns of disks, which wait until the new target has started."""
        returns = [due for due in self.due if not due.is_for_host and due.heal != "disk_heal"]
        self.due = [due for due in self.due if due.is_for_host]
        self.delayed.clear()
        return returns

    def _heal(self, due: Due) -> NemesisStep | None:
        if due.is_for_host:
            return Impair(self.model.ledger.new_op(), due.heal, due.number)
        disk = self.model.disks[due.number]
        if due.heal == "disk_arrive":
            is_over = disk.arrived or not disk.present
            return None if is_over else inject(self.model, due.heal, due.number)
        if due.heal == "disk_heal":
            return inject(self.model, due.heal, due.number) if disk.present else None
        if disk.present:
            return None
        return inject(self.model, self.return_of(due.number, due.heal), due.number)

    def _is_missed(self, number: int) -> bool:
        """Return whether superblocks may still call it a member: without this very disk, the array would wait forever."""
        return self.model.disks[number].member or not self.model.array.is_online

    def return_of(self, number: int, heal: str) -> str:
        """Return how a disk returns that was to return like this."""
        disks, superblock = self.model.disks, self.plan.superblock
        if disks[number].is_deleted:
            return "bdev_create"
        if superblock and not self.plan.starts_degraded and self._is_missed(number):
            return "disk_return"
        if heal == "disk_return_stale" and not disks.may_be_stale(number, superblock=superblock):
            return "disk_return"
        if heal == "disk_return_small" and self.plan.layout.disk_blocks <= 2 * SMALLER_BY:
            return "disk_return_blank"
        if heal == "disk_return_large" and not self.has_room:
            return "disk_return_blank"
        if heal == "disk_return" and disks[number].unfit:
            return "disk_return_blank"
        return heal
