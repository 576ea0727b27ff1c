"""What the success of an RPC promises: each is a condition of what its request met. The table is in ``answer_rules.py``."""

from __future__ import annotations

from chaos.checkers.request import Request
from chaos.checkers.target_facts import CONFIGURING, FINISHING, LEFT, OFFLINE
from workers.protocol import APP_THREAD

WITH_SUPERBLOCK = 1


def was_registered(request: Request) -> bool:
    """Return whether the bdev was there at some moment."""
    fact = request.facts.ready.get(request.subject)
    return fact is not None and request.met(
        *(("registered", fact[1]) if fact[0] == "ready" else fact)
    )


def was_reset(request: Request) -> bool:
    """Return whether a reset of the bdev ended."""
    return request.met("bdev.reset", request.subject)


def were_awaited(request: Request) -> bool:
    """Return whether each examination that had begun before the request may have ended.

    The examination of the last member to come goes on until the assembled array's superblocks are written.
    """
    unread = request.examinations.unread(request.answered_in, request.since)
    return unread is None and not request.met_always(*FINISHING)


def was_created_or_waits(request: Request) -> bool:
    """Return whether the array came online, or waits for a bdev that is absent or has left."""
    if _came_online_fresh(request):
        return True
    is_complete = all(
        request.is_ready(bdev) and not request.met("left", bdev) for bdev in request.bdevs
    )
    return request.met(*CONFIGURING) and not is_complete


def _came_online_fresh(request: Request) -> bool:
    return request.met("raid.created", APP_THREAD)


def has_superblocks_written(request: Request) -> bool:
    """Return whether the superblock of each member, where nothing hurt its disk, lists the members."""
    if request.args[0] != WITH_SUPERBLOCK or not _came_online_fresh(request):
        return True
    facts = request.facts
    members = sum(1 << disk for disk in facts.members)
    for disk in facts.members:
        written = facts.superblocks.get(disk)
        is_right = (
            written is not None
            and written.array == request.args[1]
            and written.configured == members
        )
        if not is_right and request.is_unhurt(disk):
            return False
    return True


def was_started(request: Request) -> bool:
    """Return whether the array was started and came online, or a member has left it."""
    is_online = request.met("raid.assembled", APP_THREAD) or request.met(*LEFT)
    return request.met("raid.starting_degraded", APP_THREAD) and is_online


def was_deleted(request: Request) -> bool:
    """Return whether the array went."""
    return request.met("raid.deleted", APP_THREAD)


def was_wiped(request: Request) -> bool:
    """Return whether no member has a superblock any more, except where something hurt its disk.

    An array without superblocks leaves what another array has left on its members.
    """
    if request.args[0] != WITH_SUPERBLOCK or not request.facts.plan.superblock:
        return True
    disks = [request.disk_of(bdev) for bdev in request.facts.released]
    return not any(
        request.facts.moments.holds(("superblock", disk)) and request.is_unhurt(disk)
        for disk in disks
    )


def was_added(request: Request) -> bool:
    """Return whether a rebuild of the disk began, or an array that waited for it has it now."""
    has_joined = request.met(*CONFIGURING) and request.met("slot", request.subject)
    return request.met("rebuild.started", request.disk) or has_joined


def was_removed(request: Request) -> bool:
    """Return whether the bdev has left its slot, or the array goes offline with its last member."""
    return request.met("left", request.subject) or request.met(*OFFLINE)


def had_members(request: Request) -> bool:
    """Return whether these were the members at some moment."""
    return request.met("members", request.value)


def was_attached(request: Request) -> bool:
    """Return whether the namespace came."""
    return request.met("nvmf.namespace_attached", request.subject)


def was_detached(request: Request) -> bool:
    """Return whether the namespace went."""
    return request.met("nvmf.namespace_detached", request.subject)


def was_listener_changed(request: Request) -> bool:
    """Return whether the listener came or went."""
    return request.met("nvmf.listener_changed", request.subject)


def was_group_created(request: Request) -> bool:
    """Return whether the poll group came."""
    return request.met("nvmf.poll_group_created", request.poll_group_thread)


def was_group_destroyed(request: Request) -> bool:
    """Return whether the poll group went."""
    return request.met("nvmf.poll_group_destroyed", request.poll_group_thread)
