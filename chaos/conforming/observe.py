"""A target's replies in the terms of a recording: disks by number, sizes in disks, offsets in data offsets."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from chaos.conforming.mistakes import UNKNOWN_DISK
from chaos.conforming.scenario import BaseBdev, State

NO_UUID = "00000000-0000-0000-0000-000000000000"


class Sizes:
    """The blocks of one disk and of one data offset of a target."""

    def __init__(self, disk_blocks: int, data_offset: int) -> None:
        self.disk_blocks = disk_blocks
        self.data_offset = data_offset

    def in_disks(self, blocks: int, *, has_superblock: bool) -> float:
        """Return a size of data as the fraction of a disk that it needs, with the data offset; 0 for no block."""
        if not blocks:
            return 0
        return _number((blocks + self.data_offset * has_superblock) / self.disk_blocks)

    def blocks_of(self, disks: float) -> int:
        """Return the blocks of a disk of this many disks."""
        return round(disks * self.disk_blocks)

    def array_blocks(self, disks: float, *, has_superblock: bool) -> int:
        """Return the blocks of an array of this size."""
        return self.blocks_of(disks) - self.data_offset * has_superblock

    def in_offsets(self, blocks: int) -> float:
        """Return the number of data offsets."""
        return _number(blocks / self.data_offset)


def _number(value: float) -> float:
    return int(value) if value == int(value) else value


def state_of(
    array: dict[str, Any] | None,
    num_blocks: int | None,
    namespaces: list[int] | None,
    sizes: Sizes,
    disks: dict[str, str],
) -> State:
    """Make a state of ``bdev_raid_get_bdevs``' array, its bdev's size (None: it isn't registered) and the NSIDs.

    ``disks`` has the name of the disk for each UUID of a member.
    """
    shown = UNSET if namespaces is None else namespaces
    if array is None:
        return State(state=None, registered=num_blocks is not None, namespaces=shown)
    has_superblock = bool(array["superblock"])
    process = array.get("process")
    return State(
        state=array["state"],
        registered=num_blocks is not None,
        superblock=has_superblock,
        num_base_bdevs=array["num_base_bdevs"],
        num_base_bdevs_discovered=array["num_base_bdevs_discovered"],
        num_base_bdevs_operational=array["num_base_bdevs_operational"],
        uuid_is_set=array["uuid"] not in (None, NO_UUID),
        process_target=disk_name(process["target"]) if process else None,
        base_bdevs_list=[
            BaseBdev(
                name=disk_name(slot["name"]),
                uuid=None if slot["uuid"] == NO_UUID else disks.get(slot["uuid"], slot["uuid"]),
                is_configured=slot["is_configured"],
                data_offset=sizes.in_offsets(slot["data_offset"]),
                data_size=sizes.in_disks(slot["data_size"], has_superblock=has_superblock),
            )
            for slot in array["base_bdevs_list"]
        ],
        num_blocks=(
            UNSET
            if num_blocks is None
            else sizes.in_disks(num_blocks, has_superblock=has_superblock)
        ),
        namespaces=shown,
    )


def disk_name(name: str | None) -> str | None:
    """Return the name of the disk below a bdev."""
    if name is None:
        return None
    digits = "".join(letter for letter in name if letter.isdigit())
    return f"bdev{UNKNOWN_DISK}" if int(digits or 0) == UNKNOWN_DISK else f"disk{digits}"
