"""The reasons for the errors of RPCs: each is a condition of what a request met. The table of them is in ``answer_rules.py``.

They are those of ``workers/rpc.py`` and the services behind it.
"""

from __future__ import annotations

from chaos.checkers.request import Request
from chaos.checkers.target_facts import (
    ABSENT,
    ASSEMBLING,
    CONFIGURING,
    FREE_SLOT,
    OFFLINE,
    ONLINE,
    REBUILD,
    SOURCE,
    WRITING,
)
from workers.errors import EIO
from workers.shared import NAMESPACES_MAX, SLOTS_MAX

MEMBERS_MIN = 2


# Of several RPCs.


def has_twin(request: Request) -> bool:
    """Return whether another request of the same method was in flight at some moment."""
    return request.met("twin", request.step.method)


def is_absent(request: Request) -> bool:
    """Return whether the bdev could not be opened at some moment."""
    return not request.is_ready(request.subject)


def has_failed_channel(request: Request) -> bool:
    """Return whether the creation of a channel of the disk failed."""
    return request.met("disk.channel_failed", request.disk)


def has_failed_superblock(request: Request) -> bool:
    """Return whether a write of the superblocks ended with an error, or a member could fail one."""
    members = [disk for bdev, disk in request.facts.disks.items() if request.met("slot", bdev)]
    has_ended = request.met("raid.superblock_ended", EIO)
    return has_ended or not all(request.is_unhurt(disk) for disk in members)


# Resets.


def is_any_absent(request: Request) -> bool:
    """Return whether the bdev, or for the array a member, could not be opened at some moment."""
    members = [bdev for bdev in request.facts.disks if request.met("slot", bdev)]
    is_of_array = request.facts.ready.get(request.subject) == ONLINE
    return is_absent(request) or (
        is_of_array and not all(request.is_ready(bdev) for bdev in members)
    )


def has_any_failed_channel(request: Request) -> bool:
    """Return whether the creation of a channel of any disk failed."""
    disks = request.facts.disks.values()
    return any(request.met("disk.channel_failed", disk) for disk in disks)


def is_negative(request: Request) -> bool:
    """Return whether the latency is negative."""
    return request.args[1] < 0


# Creation, start and deletion.


def has_array_or_superblock(request: Request) -> bool:
    """Return whether there was an array at some moment, or a superblock on one of the disks."""
    disks = [request.disk_of(bdev) for bdev in request.bdevs]
    return not request.met_always(*ABSENT) or any(request.met("superblock", disk) for disk in disks)


def has_wrong_number_or_sizes(request: Request) -> bool:
    """Return whether there are too few or too many bdevs, or disks of different sizes."""
    is_possible = MEMBERS_MIN <= len(request.bdevs) <= SLOTS_MAX
    return not is_possible or request.facts.sizes_differ


def has_claimed_bdev(request: Request) -> bool:
    """Return whether a bdev is named twice, or another one stands on it."""
    bdevs = request.bdevs
    is_twice = len(dict.fromkeys(bdevs)) < len(bdevs)
    return is_twice or not all(bdev in request.facts.disks for bdev in bdevs)


def has_hurt_disk(request: Request) -> bool:
    """Return whether a disk could fail I/O, or a write of the superblocks could, and no other disk keeps its superblock."""
    disks = [request.disk_of(bdev) for bdev in request.bdevs]
    well = [disk for disk in disks if request.is_unhurt(disk)]
    is_hurt = len(well) < len(disks) or has_failed_superblock(request)
    return is_hurt and not any(_keeps_superblock(request, disk) for disk in well)


def _keeps_superblock(request: Request, disk: int) -> bool:
    """Return whether a disk has the superblock of the array that the request was to create."""
    written = request.facts.superblocks.get(disk)
    number = request.step.args[1]
    return written is not None and not written.blank and written.array == number


def has_failed_member_channel(request: Request) -> bool:
    """Return whether the creation of a channel of one of the disks failed."""
    disks = [request.disk_of(bdev) for bdev in request.bdevs]
    return any(request.met("disk.channel_failed", disk) for disk in disks)


def can_not_start(request: Request) -> bool:
    """Return whether the array did not wait at some moment, or was being changed."""
    return not request.met_always(*ASSEMBLING) or request.met(*WRITING) or request.met_rival()


def is_no_member(request: Request) -> bool:
    """Return whether the bdev was in no slot at some moment."""
    return not request.met_always("slot", request.subject)


def have_sizes_differed(request: Request) -> bool:
    """Return whether disks are of different sizes."""
    return request.facts.sizes_differ


def has_no_array(request: Request) -> bool:
    """Return whether there was no array at some moment, or it was on its way out."""
    return request.met(*ABSENT) or request.met(*OFFLINE)


# Members.


def has_no_way_to_add(request: Request) -> bool:
    """Return whether the array, a member to copy from, or the bdev was missing at some moment."""
    is_there = request.met_always(*ONLINE) and request.met_always(*SOURCE)
    return not is_there or is_absent(request)


def is_held_up(request: Request) -> bool:
    """Return whether the array waited for members, a rebuild or another change was under way, or the bdev is claimed."""
    return (
        request.met(*CONFIGURING)
        or request.met(*REBUILD)
        or request.met_rival()
        or request.facts.sizes_differ
        or request.met("slot", request.subject)
        or request.subject not in request.facts.disks
    )


def has_no_room(request: Request) -> bool:
    """Return whether no slot was free at some moment, or the bdev is too small, or another one may have its slot."""
    is_unfit = request.met("raid.member_too_small", request.subject) or request.met(
        "superblock", request.disk
    )
    is_free = request.met_always(*FREE_SLOT) and not request.met(*CONFIGURING)
    return is_unfit or not is_free


def has_other_superblock(request: Request) -> bool:
    """Return whether the disk may have had another array's superblock."""
    return request.met("other superblock", request.disk)


def has_newer_superblock(request: Request) -> bool:
    """Return whether the disk may have had a superblock newer than those of the array."""
    return request.met("newer superblock", request.disk)


def is_hurt(request: Request) -> bool:
    """Return whether something happened to the disk that can fail its I/O."""
    return not request.is_unhurt(request.disk)


def is_not_removable(request: Request) -> bool:
    """Return whether the bdev was no member at some moment, or its removal had begun."""
    return not request.met_always("removable", request.subject)


def was_absent(request: Request) -> bool:
    """Return whether there was no array at some moment."""
    return request.met(*ABSENT)


# The NVMe-oF target.


def is_no_namespace(request: Request) -> bool:
    """Return whether no namespace can have this number."""
    return not 1 <= request.subject <= NAMESPACES_MAX


def was_attached_before(request: Request) -> bool:
    """Return whether the namespace was attached at some moment."""
    return request.met("attached", request.subject)


def is_not_online(request: Request) -> bool:
    """Return whether the array was not online at some moment."""
    return not request.met_always(*ONLINE)


def can_not_be_attached(request: Request) -> bool:
    """Return whether the array was not online at some moment, or is divided and lacks a partition for this namespace."""
    return is_not_online(request) or request.subject > request.facts.plan.layout.namespaces > 1


def is_detached(request: Request) -> bool:
    """Return whether the namespace was not attached at some moment."""
    return not request.met_always("attached", request.subject)


def has_listener(request: Request) -> bool:
    """Return whether the listener was there at some moment."""
    return request.met("listener", request.subject)


def lacks_listener(request: Request) -> bool:
    """Return whether the listener was not there at some moment."""
    return not request.met_always("listener", request.subject)


def is_no_reactor(request: Request) -> bool:
    """Return whether there is no reactor of this number."""
    return not 0 <= request.subject < request.facts.plan.layout.reactors


def has_group(request: Request) -> bool:
    """Return whether the reactor had a poll group at some moment, or one came or went."""
    return request.met("group", request.poll_group_thread) or request.met_rival()


def has_no_group(request: Request) -> bool:
    """Return whether the reactor had no poll group at some moment."""
    return not request.met_always("group", request.poll_group_thread)


def is_changing_group(request: Request) -> bool:
    """Return whether another request changed the reactor's poll group."""
    return request.met_rival()
