"""The table of answers: by RPC each possible error with its reason, and what a success promises.

An error is right if its reason held at some moment between the sending and the answer. A success needs no reason: it has a
promise to keep.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chaos.checkers import answer_promises as promises
from chaos.checkers import answer_reasons as reasons
from chaos.checkers.request import Request
from chaos.plan.rpcs import Rpc
from workers.errors import EALREADY, EBUSY, EEXIST, EINVAL, EIO, ENODEV, ENOENT, ENOMEM, EPERM

# In words, for the sentence of a finding; and whether it holds.
Row = tuple[str, Callable[[Request], bool]]


class Rule(msgspec.Struct, frozen=True):
    """The answers to one RPC."""

    errors: dict[int, Row] = {}
    promises: tuple[Row, ...] = ()


ABSENT_BDEV: Row = ("the bdev can't be opened", reasons.is_absent)
REGISTERED: Row = ("the bdev is there", promises.was_registered)
FAILED_CHANNEL: Row = ("the creation of a channel of the disk fails", reasons.has_failed_channel)
FAILED_SUPERBLOCK: Row = ("a superblock can't be written", reasons.has_failed_superblock)
RULES: dict[str, Rule] = {
    Rpc.FRAMEWORK_START_INIT: Rule(),
    Rpc.BDEV_EXAMINE: Rule(
        {EINVAL: ("bdevs are examined as they come", lambda _: True)},
        (("bdevs aren't examined as they come", lambda _: False),),
    ),
    Rpc.BDEV_EXAMINE_AGAIN: Rule({ENODEV: ABSENT_BDEV}, (REGISTERED,)),
    Rpc.BDEV_WAIT_FOR_EXAMINE: Rule(
        promises=(("each examination that had begun has ended", promises.were_awaited),)
    ),
    Rpc.BDEV_RESET: Rule(
        {
            ENODEV: ("the bdev, or a member of the array, can't be opened", reasons.is_any_absent),
            ENOMEM: ("the creation of a channel of a disk fails", reasons.has_any_failed_channel),
        },
        (("a reset of the bdev ends", promises.was_reset),),
    ),
    Rpc.BDEV_ERROR_INJECT_ERROR: Rule({ENODEV: ABSENT_BDEV}, (REGISTERED,)),
    Rpc.BDEV_DELAY_UPDATE_LATENCY: Rule(
        {ENODEV: ABSENT_BDEV, EINVAL: ("the latency is negative", reasons.is_negative)},
        (REGISTERED,),
    ),
    Rpc.BDEV_RAID_CREATE: Rule(
        {
            EEXIST: (
                "there is an array, or a disk has a superblock",
                reasons.has_array_or_superblock,
            ),
            EINVAL: (
                "the number of bdevs or their sizes don't fit",
                reasons.has_wrong_number_or_sizes,
            ),
            EPERM: ("a bdev is claimed or named twice", reasons.has_claimed_bdev),
            EIO: (
                "a superblock can't be read or written, and those written are wiped again",
                reasons.has_hurt_disk,
            ),
            ENOMEM: (
                "the creation of a channel of a disk fails",
                reasons.has_failed_member_channel,
            ),
        },
        (
            (
                "the array comes online, or waits for a bdev that is absent",
                promises.was_created_or_waits,
            ),
            ("each member's superblock lists the members", promises.has_superblocks_written),
        ),
    ),
    Rpc.BDEV_RAID_DELETE: Rule(
        {
            ENODEV: ("there is no array, or it goes already", reasons.has_no_array),
            EALREADY: ("another request deletes it", reasons.has_twin),
        },
        (
            ("the array goes", promises.was_deleted),
            ("its members' superblocks are wiped", promises.was_wiped),
        ),
    ),
    Rpc.BDEV_RAID_ADD_BASE_BDEV: Rule(
        {
            ENODEV: ("the array, its source or the bdev is missing", reasons.has_no_way_to_add),
            EPERM: (
                "the array waits or is being changed, or the bdev is claimed",
                reasons.is_held_up,
            ),
            EINVAL: (
                "no slot is free, the bdev is too small, or another has its slot",
                reasons.has_no_room,
            ),
            EEXIST: ("the disk has another array's superblock", reasons.has_other_superblock),
            EBUSY: (
                "the disk's superblock is newer than the array's",
                reasons.has_newer_superblock,
            ),
            EIO: ("the disk's superblock can't be read", reasons.is_hurt),
            ENOMEM: FAILED_CHANNEL,
        },
        (("a rebuild of the disk begins, or the array waits for it", promises.was_added),),
    ),
    Rpc.BDEV_RAID_REMOVE_BASE_BDEV: Rule(
        {
            ENODEV: ("the bdev is no member, or its removal has begun", reasons.is_not_removable),
            EIO: FAILED_SUPERBLOCK,
        },
        (("the bdev leaves its slot, or the array goes offline", promises.was_removed),),
    ),
    Rpc.BDEV_RAID_START_DEGRADED: Rule(
        {
            EPERM: (
                "the array doesn't wait for members, or is being changed",
                reasons.can_not_start,
            ),
            ENODEV: ("the bdev is no member of the array", reasons.is_no_member),
            EIO: FAILED_SUPERBLOCK,
            EINVAL: ("disks are of different sizes", reasons.have_sizes_differed),
        },
        (("the array comes online, or a member leaves it", promises.was_started),),
    ),
    Rpc.BDEV_RAID_GET_BDEVS: Rule(
        {ENODEV: ("there is no array", reasons.was_absent)},
        (("the answer lists the members of some moment", promises.had_members),),
    ),
    Rpc.NVMF_SUBSYSTEM_ADD_NS: Rule(
        {
            EINVAL: ("no namespace can have this number", reasons.is_no_namespace),
            EEXIST: ("the namespace is attached", reasons.was_attached_before),
            ENODEV: (
                "the array is not online, or has no such partition",
                reasons.can_not_be_attached,
            ),
        },
        (("the namespace is attached", promises.was_attached),),
    ),
    Rpc.NVMF_SUBSYSTEM_REMOVE_NS: Rule(
        {ENODEV: ("the namespace is not attached", reasons.is_detached)},
        (("the namespace is detached", promises.was_detached),),
    ),
    Rpc.NVMF_SUBSYSTEM_ADD_LISTENER: Rule(
        {EEXIST: ("the listener is there", reasons.has_listener)},
        (("the listener comes", promises.was_listener_changed),),
    ),
    Rpc.NVMF_SUBSYSTEM_REMOVE_LISTENER: Rule(
        {ENOENT: ("there is no such listener", reasons.lacks_listener)},
        (("the listener goes", promises.was_listener_changed),),
    ),
    Rpc.NVMF_CREATE_POLL_GROUP: Rule(
        {
            ENODEV: ("there is no such reactor", reasons.is_no_reactor),
            EBUSY: ("the reactor has a poll group, or it comes or goes", reasons.has_group),
        },
        (("the poll group is created", promises.was_group_created),),
    ),
    Rpc.NVMF_DESTROY_POLL_GROUP: Rule(
        {
            EINVAL: ("there is no such reactor", reasons.is_no_reactor),
            EBUSY: ("the reactor's poll group comes or goes", reasons.is_changing_group),
            ENODEV: ("the reactor has no poll group", reasons.has_no_group),
        },
        (("the poll group is destroyed", promises.was_group_destroyed),),
    ),
}
assert set(RULES) == set(Rpc)
