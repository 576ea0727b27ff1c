"""The kinds of planned operations, in words."""

from __future__ import annotations

from typing import get_args

from chaos.plan.experiment import OperationKind

OPERATIONS = {
    "member_removal": "a good member is removed by RPC; the operator adds one again later",
    "last_member_removal": "all members are removed, one by one or all at once; the array comes back from the last",
    "array_recreate": "the array is deleted, perhaps during a rebuild, and created anew or assembled again",
    "rebuild_stop": "the disk being rebuilt is removed; the rebuild starts again later",
    "add_in_rebuild": "a member is added while a rebuild runs: refused",
    "add_to_offline": "a member is added while the array goes offline: refused",
    "wrong_requests": "RPCs that can't be carried out: refused",
    "bdev_reset": "a member is reset",
    "array_reset": "the array is reset",
    "namespace_attach": "the array is attached as a namespace; every poll group gets a channel",
    "namespace_detach": "the namespace is detached; every poll group gives its channel back",
    "poll_group_create": "a thread with a poll group is born on a reactor that has none",
    "poll_group_destroy": "a poll group ends its connections, and its thread exits",
}
assert set(OPERATIONS) == set(get_args(OperationKind))
