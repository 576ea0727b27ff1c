"""The requests of a careless operator: RPCs that the target must refuse."""

from __future__ import annotations

from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc, RpcCall
from chaos.run.disk_view import DiskView
from chaos.run.model import Model
from workers.bdev.stack import member_bdev_id, raid_bdev_id

UNKNOWN_BDEV = 9_999


def wrong_requests(plan: Plan, model: Model) -> list[RpcCall]:
    """Return one of each kind that can be asked now; none can do harm, should it be carried out after all."""
    wrong: list[RpcCall] = [
        (Rpc.BDEV_RAID_REMOVE_BASE_BDEV, (UNKNOWN_BDEV,)),
        (Rpc.BDEV_RAID_ADD_BASE_BDEV, (UNKNOWN_BDEV,)),
        (Rpc.BDEV_RAID_CREATE, (0, 0, 0)),
        (Rpc.NVMF_CREATE_POLL_GROUP, (UNKNOWN_BDEV,)),
    ]
    disks = list(enumerate(model.disks))
    there = [member_bdev_id(plan.layout, number) for number, disk in disks if disk.arrived]
    if there:
        if plan.target is None:
            wrong.append((Rpc.BDEV_EXAMINE, (there[0],)))
        # One that isn't there would be waited for.
        wrong.append((Rpc.BDEV_RAID_CREATE, (0, 0, there[0], there[0])))
    if model.array.is_configuring:
        # Only a member that is awaited may be added, and only if it has the array's superblock.
        wrong += [
            (Rpc.BDEV_RAID_ADD_BASE_BDEV, (member_bdev_id(plan.layout, number),))
            for number, disk in disks
            if _can_be_asked_for(disk)
        ]
    if model.array.is_online:
        wrong.append((Rpc.BDEV_RAID_ADD_BASE_BDEV, (raid_bdev_id(plan.layout),)))
        members = [number for number, disk in disks if disk.member]
        unfit = [number for number, disk in disks if disk.unfit and _can_be_asked_for(disk)]
        asked = [*members[:1], *unfit]
        if len(members) >= plan.members:
            asked += [
                number
                for number, disk in disks
                if _can_be_asked_for(disk) and not (disk.unfit or disk.faulted)
            ][:1]
        wrong += [
            (Rpc.BDEV_RAID_ADD_BASE_BDEV, (member_bdev_id(plan.layout, number),))
            for number in asked
        ]
    return wrong


def _can_be_asked_for(disk: DiskView) -> bool:
    return disk.present and disk.arrived and not disk.member
