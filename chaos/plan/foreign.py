"""A disk that was a member of another array elsewhere: the superblock at its beginning."""

from __future__ import annotations

from workers.bdev.disk import Disk
from workers.bdev.io import BLOCK_SIZE
from workers.raid.metadata import DATA_OFFSET
from workers.raid.superblock import Entry, EntryState, Superblock, encode
from workers.raid.uuids import array_uuid, bdev_uuid

# No array of a run and no device of a target has these numbers.
ARRAY, OTHER_MEMBER = 0xFFFF_FF00, 0xFFFF_FFFF
SEQUENCE = 3


def foreign_superblock(disk: Disk) -> bytes:
    """Return a superblock of two members: this device, and one that never comes, so that no array is assembled from it."""
    size = max(1, disk.num_blocks - DATA_OFFSET)
    members = (bdev_uuid(disk.identity), bdev_uuid(OTHER_MEMBER))
    return encode(
        Superblock(
            uuid=array_uuid(ARRAY + disk.number),
            name="elsewhere",
            raid_size=size,
            block_size=BLOCK_SIZE,
            seq_number=SEQUENCE,
            num_base_bdevs=len(members),
            entries=tuple(
                Entry(uuid, DATA_OFFSET, size, EntryState.CONFIGURED, slot)
                for slot, uuid in enumerate(members)
            ),
        )
    )


def make_foreign(disk: Disk) -> None:
    """Write it onto the medium."""
    data = foreign_superblock(disk)
    disk.data[: len(data)] = data
