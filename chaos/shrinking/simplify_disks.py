"""A case with fewer disks, or without stacked bdevs: all items that name a disk or a bdev are rewritten."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chaos.plan.arguments import Argument
from chaos.plan.plan import Plan
from chaos.plan.rpcs import RPCS
from chaos.scripts.rules import MEMBERS_MIN
from chaos.shrinking.shrinker import Case
from chaos.steps.schedule import FinishIo, Inject, Item, Kill, Late, Operate, PowerLoss
from workers.bdev.stack import disk_of, member_bdev_id, raid_bdev_id, raid_passthru_id
from workers.protocol import Layout

replace = msgspec.structs.replace
GONE = -1


def with_nothing_on_disks(case: Case) -> Iterator[Case]:
    """Remove the error, delay and passthru bdevs."""
    if case.plan.layout.stacks:
        yield _with_disks(case, list(range(case.plan.layout.disks)), is_bare=True)


def with_fewer_disks(case: Case) -> Iterator[Case]:
    """Remove one of more than two members, or one of the spares."""
    plan = case.plan
    disks = list(range(plan.layout.disks))
    for gone in disks:
        if gone >= plan.members or plan.members > MEMBERS_MIN:
            yield _with_disks(case, [disk for disk in disks if disk != gone], is_bare=False)


def _with_disks(case: Case, kept: list[int], *, is_bare: bool) -> Case:
    plan = case.plan
    old = plan.layout
    stacks = () if is_bare or not old.stacks else tuple(old.stacks[disk] for disk in kept)
    new = replace(old, disks=len(kept), stacks=stacks)
    renamed = _Renamed(old, new, {disk: number for number, disk in enumerate(kept)})
    items = (renamed.item(item) for item in case.script)
    return replace(
        case,
        plan=_smaller(plan, new, kept),
        script=tuple(item for item in items if item is not None),
    )


def _smaller(plan: Plan, layout: Layout, kept: list[int]) -> Plan:
    return replace(plan, layout=layout, members=sum(disk < plan.members for disk in kept))


class _Renamed:
    """The disks that remain, with their new numbers."""

    def __init__(self, old: Layout, new: Layout, numbers: dict[int, int]) -> None:
        self.old = old
        self.new = new
        self.numbers = numbers

    def item(self, item: Item) -> Item | None:
        """Rename an item's disks; return None where its disk or bdev is removed."""
        match item:
            case FinishIo() | Inject():
                number = self.numbers.get(item.disk, GONE)
                return None if number == GONE else replace(item, disk=number)
            case Late():
                step = self.item(item.step)
                return None if step is None else replace(item, step=step)
            case Kill() | PowerLoss():
                item = replace(item, clones=self._disks(item.clones))
                if isinstance(item, PowerLoss):
                    lost = tuple(item.lost[disk] for disk in self.numbers if disk < len(item.lost))
                    item = replace(item, lost=lost)
                return item
            case Operate():
                return self._operate(item)
            case _:
                return item

    def _operate(self, item: Operate) -> Operate | None:
        row = RPCS[item.method]
        if row.is_for_stack and self.old.stacks and not self.new.stacks:
            return None
        kinds = row.kinds(len(item.args))
        args = [self._argument(kind, arg) for kind, arg in zip(kinds, item.args, strict=True)]
        if GONE in args[: len(row.arguments)]:
            return None
        return replace(item, args=tuple(arg for arg in args if arg != GONE))

    def _argument(self, kind: Argument, number: int) -> int:
        """Rename an RPC's argument; return GONE where its disk or bdev is removed."""
        match kind:
            case Argument.DISK:
                return self.numbers.get(number, GONE)
            case Argument.BDEV | Argument.STACKED_BDEV:
                return self._bdev(number)
            case _:
                return number

    def _disks(self, disks: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.numbers[disk] for disk in disks if disk in self.numbers)

    def _bdev(self, bdev: int) -> int:
        old, new = self.old, self.new
        if bdev == raid_bdev_id(old):
            return raid_bdev_id(new)
        if bdev == raid_passthru_id(old):
            return raid_passthru_id(new)
        if bdev > raid_passthru_id(old):
            return bdev  # no bdev has this number
        disk = disk_of(old, bdev)
        number = self.numbers.get(disk, GONE)
        if number == GONE or bdev < old.disks:
            return number
        if bdev == member_bdev_id(old, disk):
            return member_bdev_id(new, number)
        place = (bdev - 1) // old.disks
        return 1 + new.disks * place + number if new.stacks else GONE
