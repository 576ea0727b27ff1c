"""The kinds of planned operations: their effects, and the part of the target that each is about."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args

import msgspec

OperationKind = Literal[
    "member_removal",
    "last_member_removal",
    "array_recreate",
    "rebuild_stop",
    "add_in_rebuild",
    "add_to_offline",
    "wrong_requests",
    "bdev_reset",
    "array_reset",
    "namespace_attach",
    "namespace_detach",
    "listener_change",
    "poll_group_create",
    "poll_group_destroy",
    "members_query",
]


class Subject(StrEnum):
    """The part of the target that an operation is about; it decides on the conditions for the operation."""

    MEMBERS = "members"
    RESET = "reset"
    SERVICE = "service"  # the namespace and the poll groups
    NOTHING = "nothing"  # a request that changes nothing


class OperationRow(msgspec.Struct, frozen=True):
    """One kind of operation."""

    what: str
    subject: Subject


OPERATIONS: dict[str, OperationRow] = {
    "member_removal": OperationRow(
        "a good member is removed by RPC; the operator adds one again later", Subject.MEMBERS
    ),
    "last_member_removal": OperationRow(
        "all members are removed, one by one or all at once; the array is assembled again from the last",
        Subject.MEMBERS,
    ),
    "array_recreate": OperationRow(
        "the array is deleted, perhaps during a rebuild, and created or assembled again",
        Subject.MEMBERS,
    ),
    "rebuild_stop": OperationRow(
        "the disk being rebuilt is removed; the rebuild starts again later", Subject.MEMBERS
    ),
    "add_in_rebuild": OperationRow(
        "a member is added while a rebuild runs: refused", Subject.MEMBERS
    ),
    "add_to_offline": OperationRow(
        "a member is added while the array goes offline: refused", Subject.MEMBERS
    ),
    "wrong_requests": OperationRow("RPCs that can't be carried out: refused", Subject.NOTHING),
    "bdev_reset": OperationRow("a member is reset", Subject.RESET),
    "array_reset": OperationRow("the array is reset", Subject.RESET),
    "namespace_attach": OperationRow(
        "the array is attached as a namespace; every poll group gets a channel", Subject.SERVICE
    ),
    "namespace_detach": OperationRow(
        "the namespace is detached; every poll group releases its channel", Subject.SERVICE
    ),
    "listener_change": OperationRow(
        "a listener is added or removed: the subsystem pauses for no namespace", Subject.SERVICE
    ),
    "poll_group_create": OperationRow(
        "a thread with a poll group is created on a reactor that has none", Subject.SERVICE
    ),
    "poll_group_destroy": OperationRow(
        "a poll group ends its connections, and its thread exits", Subject.SERVICE
    ),
    "members_query": OperationRow("the array is asked for its members", Subject.NOTHING),
}
assert set(OPERATIONS) == set(get_args(OperationKind))
