"""The disks that a fault may strike: members, and disks that aren't members yet, or not any more."""

from __future__ import annotations

from enum import Enum

from chaos.plan.rpcs import Rpc
from chaos.run.model import Model
from workers.bdev.stack import member_bdev_id


class Place(Enum):
    """What a disk is to the array just now."""

    MEMBER = "member"
    ENDING = "ending"  # fully copied, while its rebuild has not ended yet
    ADDING = "adding"  # a request that adds it is in flight
    LEAVING = "leaving"  # a request that removes it is in flight
    AWAITED = "awaited"  # the array waits for members
    SPARE = "spare"


# Between two states for a few steps only, so faults are aimed at them.
FLEETING = (Place.ENDING, Place.ADDING, Place.LEAVING, Place.AWAITED)
FLEETING_PERCENT = 60
SPARE_PERCENT = 8


def places(model: Model) -> list[Place]:
    """Return the place of each disk."""
    layout, array = model.plan.layout, model.array
    asked: dict[int, str] = {}
    for step in model.ledger.requests():
        if step.method in (Rpc.BDEV_RAID_ADD_BASE_BDEV, Rpc.BDEV_RAID_REMOVE_BASE_BDEV):
            asked[step.args[0]] = step.method
    found = []
    for number, disk in enumerate(model.disks):
        method = asked.get(member_bdev_id(layout, number))
        if method == Rpc.BDEV_RAID_REMOVE_BASE_BDEV:
            place = Place.LEAVING
        elif disk.member:
            rebuild = array.rebuild
            is_ending = rebuild is not None and rebuild.disk == number and rebuild.is_copied
            place = Place.ENDING if is_ending else Place.MEMBER
        elif method is not None:
            place = Place.ADDING
        else:
            place = Place.AWAITED if array.is_configuring else Place.SPARE
        found.append(place)
    return found
