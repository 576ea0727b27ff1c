"""The disks of a sequence: which one an item is about, and how it comes back."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.plan.faults import HEALS, NO_HEAL
from chaos.plan.plan import Plan
from chaos.plan.sequence import LOST_RETURNS, OF_DISKS, RETURNS, PlannedAct, is_of_spare
from chaos.run.anchors import Watch
from chaos.run.model import Model
from chaos.run.nemesis import Nemesis
from chaos.run.nemesis.disk_faults import IMAGE_PERMILLE
from chaos.run.nemesis.heals import Due
from chaos.run.nemesis.steps import inject
from chaos.steps.schedule import Inject, Operate, OutsideStep

STALE = RETURNS["stale"]
# Thousandths of the run for which a disk waits until it can return as its item says. After that it returns as it was, and
# the sequence does not count as completed.
PATIENCE = 300
LOST = tuple(RETURNS[name] for name in LOST_RETURNS)


@dataclass(slots=True)
class _Away:
    """A pulled disk that is to return, at a moment or after an event."""

    disk: int
    heal: str
    permille: int
    until: Watch | None
    due_since: int | None = None  # thousandths


class SequenceDisks:
    """Chooses the disks of items, keeps what they hold for a stale return, and returns them as their items say."""

    def __init__(self, plan: Plan, model: Model, nemesis: Nemesis) -> None:
        self.acts = plan.sequence
        self.model = model
        self.nemesis = nemesis
        self._of_items: list[int | None] = []  # the disks of the items that have come
        self._chosen: int | None = None  # for the next stale pull
        self._imaged_at: dict[int, int] = {}
        self._away: list[_Away] = []
        self._until: list[tuple[Due, Watch]] = []  # heals that wait for an event
        self.is_exact = True  # all disks have returned as their items say

    @property
    def is_awaiting(self) -> bool:
        """Return whether a return or a heal is still to come."""
        return bool(self._away or self._until)

    # The choice.

    def among(self, act: PlannedAct) -> list[int] | None:
        """Return the disks that an item may be about now; None: any that its kind may hit."""
        array, disks = self.model.array, self.model.disks
        match act.disk:
            case int():
                return [act.disk] if disks[act.disk].member else []
            case "member":
                return array.members_in_sync()
            case "target":
                return [] if array.rebuild is None else [array.rebuild.disk]
            case "source":
                return [] if array.rebuild is None else array.members_in_sync()
            case "spare":
                return [number for number, disk in enumerate(disks) if not disk.member]
            case "same":
                disk = self._of_items[act.like]
                is_right = disk is not None and (disks[disk].member or is_of_spare(act, self.acts))
                return [disk] if disk is not None and is_right else []
            case "other":
                return [number for number in disks.members() if number != self._of_items[act.like]]
            case _:
                return None

    # Pulls, and their returns.

    def keep_image(self, act: PlannedAct, now_permille: int) -> Inject | None:
        """Keep what a disk holds that is to return with older content; the array goes on before the pull."""
        among = self.among(act)
        if among is None:
            among = self.model.disks.members()
        if self._chosen not in among:
            self._chosen = self.nemesis.disks.victim("disk_pull", among)
        disk = self._chosen
        if disk is None or self.model.disks[disk].superblock.imaged:
            return None
        self._imaged_at[disk] = now_permille
        return inject(self.model, "disk_image", disk)

    def pull(self, act: PlannedAct, now_permille: int) -> Inject | None:
        """Return the step that pulls the item's disk; None: not now."""
        among = self.among(act)
        if act.heal == STALE:
            chosen, self._chosen = self._chosen, None
            if chosen is None or not self.model.disks[chosen].superblock.imaged:
                return None
            if now_permille < self._imaged_at.get(chosen, 0) + IMAGE_PERMILLE:
                self._chosen = chosen
                return None
            among = [chosen]
        disk = self.nemesis.disks.victim("disk_pull", among)
        return None if disk is None else inject(self.model, "disk_pull", disk)

    def next_step(self, now_permille: int) -> Inject | None:
        """Return a disk whose moment has come, where it can return as it is to."""
        heals, disks = self.nemesis.heals, self.model.disks
        # The end of a target heals disks, too.
        self._until = [one for one in self._until if one[0] in heals.due]
        for due, until in [one for one in self._until if one[1].is_over(self.model.steps)]:
            self._until.remove((due, until))
            heals.hasten(due, now_permille)
        for away in [*self._away]:
            if disks[away.disk].present:
                # The target's end has brought all disks back, as they were.
                self._away.remove(away)
                self.is_exact = self.is_exact and away.heal == RETURNS["as it was"]
            elif self._is_due(away, now_permille):
                self._away.remove(away)
                if disks[away.disk].faulted and not HEALS[away.heal].replaces:
                    heals.plan_heal(now_permille, "disk_heal", away.disk)
                return inject(self.model, away.heal, away.disk)
        return None

    def _is_due(self, away: _Away, now_permille: int) -> bool:
        if away.until is None:
            is_time = now_permille >= away.permille
        else:
            is_time = away.until.is_over(self.model.steps)
        if not is_time:
            return False
        # Older content may be shown once the other members know that this disk has left them.
        possible = self.nemesis.heals.return_of(away.disk, away.heal)
        if possible == away.heal:
            return True
        away.due_since = now_permille if away.due_since is None else away.due_since
        if now_permille < away.due_since + PATIENCE:
            return False
        away.heal = possible
        self.is_exact = False
        return True

    # What has come.

    def came(
        self, act: PlannedAct, step: OutsideStep | None, now_permille: int, due: list[Due]
    ) -> None:
        """Take in that an item has come, with the heals that are due for it."""
        disk = self._disk_of(step) if act.kind in OF_DISKS else None
        self._of_items.append(disk)
        if disk is not None and not is_of_spare(act, self.acts):
            self._await(disk, is_lost=act.kind == "disk_pull" and act.heal in LOST)
        until = self.model.anchors.watch(act.until) if act.until else None
        if act.kind == "disk_pull" and act.heal != NO_HEAL and disk is not None:
            self._away.append(_Away(disk, act.heal, now_permille + act.lasting, until))
        elif until is not None:
            self._until += [(one, until) for one in due]

    def _await(self, disk: int, *, is_lost: bool) -> None:
        """Keep the disk's slot for it, unless it doesn't come back as a member."""
        awaited = self.model.awaited_disks
        if disk in awaited:
            awaited.remove(disk)
        if not is_lost:
            awaited.append(disk)

    def _disk_of(self, step: OutsideStep | None) -> int | None:
        if isinstance(step, Inject):
            return step.disk
        return self.model.disk_of(step.args[0]) if isinstance(step, Operate) else None
