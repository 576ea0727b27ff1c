"""What a careless operator asks for: RPCs that the target must refuse."""

from __future__ import annotations

from chaos.plan.plan import Plan
from chaos.run.disk_view import DiskView
from chaos.run.model import Model
from workers.bdev.stack import member_bdev_id

UNKNOWN_BDEV = 9_999
ADD, REMOVE, CREATE = (
    "bdev_raid_add_base_bdev",
    "bdev_raid_remove_base_bdev",
    "bdev_raid_create",
)


def wrong_requests(plan: Plan, model: Model) -> list[tuple[str, tuple[int, ...]]]:
    """One of each kind that can be asked now; none can do harm, should it be carried out after all."""
    wrong: list[tuple[str, tuple[int, ...]]] = [
        (REMOVE, (UNKNOWN_BDEV,)),
        (ADD, (UNKNOWN_BDEV,)),
        (CREATE, (0, 0, 0)),
        ("nvmf_create_poll_group", (UNKNOWN_BDEV,)),
    ]
    if model.array_online:
        disks = list(enumerate(model.disks))
        members = [number for number, disk in disks if disk.member]
        unfit = [number for number, disk in disks if disk.unfit and _can_be_asked_for(disk)]
        asked = [*members[:1], *unfit]
        if len(members) >= plan.members:
            asked += [
                number
                for number, disk in disks
                if _can_be_asked_for(disk) and not (disk.unfit or disk.faulted)
            ][:1]
        wrong += [(ADD, (member_bdev_id(plan.layout, number),)) for number in asked]
    return wrong


def _can_be_asked_for(disk: DiskView) -> bool:
    return disk.present and disk.arrived and not disk.member
