"""The operator's RPCs: the one table of their names, their arguments, and their sentences.

The engine has its own handlers (``workers/rpc.py``); a test compares both.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from chaos.plan.arguments import Argument
from workers.shared import SLOTS_MAX


class Rpc(StrEnum):
    """An RPC, by SPDK's method name."""

    FRAMEWORK_START_INIT = "framework_start_init"
    BDEV_EXAMINE = "bdev_examine"
    BDEV_EXAMINE_AGAIN = "bdev_examine_again"
    BDEV_WAIT_FOR_EXAMINE = "bdev_wait_for_examine"
    BDEV_RESET = "bdev_reset"
    BDEV_ERROR_INJECT_ERROR = "bdev_error_inject_error"
    BDEV_DELAY_UPDATE_LATENCY = "bdev_delay_update_latency"
    BDEV_RAID_CREATE = "bdev_raid_create"
    BDEV_RAID_DELETE = "bdev_raid_delete"
    BDEV_RAID_ADD_BASE_BDEV = "bdev_raid_add_base_bdev"
    BDEV_RAID_REMOVE_BASE_BDEV = "bdev_raid_remove_base_bdev"
    BDEV_RAID_START_DEGRADED = "bdev_raid_start_degraded"
    BDEV_RAID_GET_BDEVS = "bdev_raid_get_bdevs"
    NVMF_SUBSYSTEM_ADD_NS = "nvmf_subsystem_add_ns"
    NVMF_SUBSYSTEM_REMOVE_NS = "nvmf_subsystem_remove_ns"
    NVMF_SUBSYSTEM_ADD_LISTENER = "nvmf_subsystem_add_listener"
    NVMF_SUBSYSTEM_REMOVE_LISTENER = "nvmf_subsystem_remove_listener"
    NVMF_CREATE_POLL_GROUP = "nvmf_create_poll_group"
    NVMF_DESTROY_POLL_GROUP = "nvmf_destroy_poll_group"


RpcCall = tuple[Rpc, tuple[int, ...]]  # with its arguments


class RpcRow(msgspec.Struct, frozen=True):
    """One RPC; ``words`` has its arguments in braces, by the names of Argument.

    ``repeated``: further arguments of this kind may follow, up to the number of an array's slots.
    """

    words: str
    arguments: tuple[Argument, ...] = ()
    repeated: Argument | None = None

    @property
    def arity(self) -> tuple[int, int]:
        """Return the least and the most arguments it takes."""
        least = len(self.arguments)
        return least, least + (SLOTS_MAX if self.repeated is not None else 0)

    def kinds(self, count: int) -> tuple[Argument, ...]:
        """Return what each of this many arguments is."""
        more = count - len(self.arguments)
        repeated = () if self.repeated is None else (self.repeated,) * more
        return (*self.arguments[:count], *repeated)

    @property
    def is_for_stack(self) -> bool:
        """Return whether it is for a bdev that stands on a disk; then it is the nemesis's way to break a disk."""
        return Argument.STACKED_BDEV in self.arguments


# Steps name their RPC by a plain string, as capsules do.
RPCS: dict[str, RpcRow] = {
    Rpc.FRAMEWORK_START_INIT: RpcRow("the target starts", (), Argument.DISK),
    Rpc.BDEV_EXAMINE: RpcRow("the operator asks for {bdev} to be examined", (Argument.BDEV,)),
    Rpc.BDEV_EXAMINE_AGAIN: RpcRow(
        "the operator has {bdev} examined for a superblock", (Argument.BDEV,)
    ),
    Rpc.BDEV_WAIT_FOR_EXAMINE: RpcRow("the operator waits until all bdevs are examined"),
    Rpc.BDEV_RESET: RpcRow("the operator resets {bdev}", (Argument.BDEV,)),
    Rpc.BDEV_ERROR_INJECT_ERROR: RpcRow(
        "the operator has the error bdev on {bdev_on_disk} act on I/O",
        (Argument.STACKED_BDEV, Argument.ERROR, Argument.IO_TYPES, Argument.COUNT),
    ),
    Rpc.BDEV_DELAY_UPDATE_LATENCY: RpcRow(
        "the operator has I/O of {bdev_on_disk} delayed by {latency_us} us",
        (Argument.STACKED_BDEV, Argument.LATENCY_US),
    ),
    Rpc.BDEV_RAID_CREATE: RpcRow(
        "the operator creates the array", (Argument.SUPERBLOCK, Argument.ARRAY), Argument.BDEV
    ),
    Rpc.BDEV_RAID_DELETE: RpcRow("the operator deletes the array", (Argument.SUPERBLOCK,)),
    Rpc.BDEV_RAID_ADD_BASE_BDEV: RpcRow("the operator adds {bdev} to the array", (Argument.BDEV,)),
    Rpc.BDEV_RAID_REMOVE_BASE_BDEV: RpcRow(
        "the operator removes {bdev} from the array", (Argument.BDEV,)
    ),
    Rpc.BDEV_RAID_START_DEGRADED: RpcRow(
        "the operator starts the array without its missing members", (Argument.BDEV,)
    ),
    Rpc.BDEV_RAID_GET_BDEVS: RpcRow("the operator asks for the array's members"),
    Rpc.NVMF_SUBSYSTEM_ADD_NS: RpcRow(
        "the operator attaches the array as namespace {namespace}", (Argument.NAMESPACE,)
    ),
    Rpc.NVMF_SUBSYSTEM_REMOVE_NS: RpcRow(
        "the operator detaches namespace {namespace}", (Argument.NAMESPACE,)
    ),
    Rpc.NVMF_SUBSYSTEM_ADD_LISTENER: RpcRow(
        "the operator adds listener {listener}", (Argument.LISTENER,)
    ),
    Rpc.NVMF_SUBSYSTEM_REMOVE_LISTENER: RpcRow(
        "the operator removes listener {listener}", (Argument.LISTENER,)
    ),
    Rpc.NVMF_CREATE_POLL_GROUP: RpcRow(
        "a poll group is created on reactor {reactor}", (Argument.REACTOR,)
    ),
    Rpc.NVMF_DESTROY_POLL_GROUP: RpcRow(
        "the poll group of reactor {reactor} is destroyed", (Argument.REACTOR,)
    ),
}
assert set(RPCS) == set(Rpc)
# At the beginning of a life they only set the target up.
SET_UP = (
    Rpc.FRAMEWORK_START_INIT,
    Rpc.BDEV_RAID_CREATE,
    Rpc.NVMF_CREATE_POLL_GROUP,
    Rpc.NVMF_SUBSYSTEM_ADD_NS,
)
