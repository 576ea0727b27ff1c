"""The superblock: SPDK's on-disk layout, byte for byte, with its validation. Mirrors ``bdev_raid_sb.c``.

Little endian: a header of 256 bytes, then 64 bytes per base bdev. The CRC-32C covers the whole length, with its own
field as zero. It is the bare register, which starts at 0: SPDK inverts it neither before nor after. This module is
the codec only; ``metadata.py`` writes superblocks.
"""

from __future__ import annotations

import struct
from enum import IntEnum

import msgspec
from crc32c import crc32c

SIGNATURE = b"SPDKRAID"
VERSION_MAJOR, VERSION_MINOR = 1, 0
LEVEL_RAID1 = 1
LENGTH_MAX = 256 + 255 * 64
NAME_BYTES = 64
NOT_UTF8 = "surrogateescape"  # any bytes are a name, and stay what they are
UUID_BYTES = 16
NO_UUID = bytes(UUID_BYTES)

# signature, version major and minor, length, crc, flags, uuid, name, raid size, block size, level, strip size,
# state, sequence number, number of base bdevs, reserved, size of the base bdev array
_HEADER = struct.Struct("<8sHHIII16s64sQIIIIQB118sB")
# uuid, data offset, data size, state, flags, slot, reserved
_ENTRY = struct.Struct("<16sQQIIB23s")
_LENGTH_OFFSET, _CRC_OFFSET = 12, 16
_INVERTED = 0xFFFFFFFF
assert (_HEADER.size, _ENTRY.size) == (256, 64), "the superblock's layout has changed"


class SuperblockError(Exception):
    """These bytes are no superblock; the message is one sentence."""


class EntryState(IntEnum):
    """A member's state in the superblock."""

    MISSING = 0
    CONFIGURED = 1
    FAILED = 2
    SPARE = 3


class Entry(msgspec.Struct, frozen=True):
    """A member: its UUID, the offset and size of its data (blocks), its state and slot."""

    uuid: bytes
    data_offset: int
    data_size: int
    state: EntryState
    slot: int
    flags: int = 0


class Superblock(msgspec.Struct, frozen=True):
    """Every member's description of the array; sizes in blocks, ``block_size`` in bytes."""

    uuid: bytes
    name: str
    raid_size: int
    block_size: int
    seq_number: int
    num_base_bdevs: int
    entries: tuple[Entry, ...]
    level: int = LEVEL_RAID1
    strip_size: int = 0
    state: int = 0  # unused
    flags: int = 0
    version: tuple[int, int] = (VERSION_MAJOR, VERSION_MINOR)
    odd_length: int = 0  # as it was read, in bytes, where it isn't what header and entries need

    @property
    def length(self) -> int:
        """The length that header and entries need, in bytes."""
        return _HEADER.size + _ENTRY.size * len(self.entries)

    def entry_of(self, uuid: bytes) -> Entry | None:
        """Return the entry of the member with this UUID."""
        return next((entry for entry in self.entries if entry.uuid == uuid), None)


def checksum(data: bytes) -> int:
    """Return the CRC-32C that ``spdk_crc32c_update(data, length, 0)`` computes."""
    # The library inverts the register before and after, as is usual for CRC-32C, so both are inverted back.
    return crc32c(data, _INVERTED) ^ _INVERTED


def stored_checksum(data: bytes) -> int:
    """Return the checksum stored in these bytes."""
    stored: int = struct.unpack_from("<I", data, _CRC_OFFSET)[0]
    return stored


def encode(superblock: Superblock) -> bytes:
    """Encode a superblock, with its checksum."""
    name = superblock.name.encode(errors=NOT_UTF8)
    if len(name) > NAME_BYTES:
        raise ValueError(f"an array's name has at most {NAME_BYTES} bytes")
    header = _HEADER.pack(
        SIGNATURE,
        *superblock.version,
        superblock.length,
        0,
        superblock.flags,
        superblock.uuid,
        name,
        superblock.raid_size,
        superblock.block_size,
        superblock.level,
        superblock.strip_size,
        superblock.state,
        superblock.seq_number,
        superblock.num_base_bdevs,
        b"",
        len(superblock.entries),
    )
    entries = [
        _ENTRY.pack(
            entry.uuid,
            entry.data_offset,
            entry.data_size,
            entry.state,
            entry.flags,
            entry.slot,
            b"",
        )
        for entry in superblock.entries
    ]
    return sealed(b"".join([header, *entries]))


def sealed(data: bytes) -> bytes:
    """Return these bytes with the checksum of as many of them as their length says."""
    whole = bytearray(data)
    length: int = struct.unpack_from("<I", whole, _LENGTH_OFFSET)[0]
    struct.pack_into("<I", whole, _CRC_OFFSET, 0)
    struct.pack_into("<I", whole, _CRC_OFFSET, checksum(bytes(whole[:length])))
    return bytes(whole)


def decode(data: bytes) -> Superblock:
    """Decode the superblock at the start of these bytes; raise SuperblockError if there is none."""
    if len(data) < _HEADER.size:
        raise SuperblockError(f"{len(data)} bytes are too few for a superblock's header")
    fields = _HEADER.unpack_from(data)
    signature, major, minor, length, crc, flags, uuid, name = fields[:8]
    raid_size, block_size, level, strip_size, state, seq_number, members, _, count = fields[8:]
    if signature != SIGNATURE:
        raise SuperblockError("the signature is not SPDKRAID")
    # A fork that has taken a field of one byte out of the reserved ones has the count a byte earlier, and one of padding.
    earlier = data[_HEADER.size - 2]
    if not count and length == _HEADER.size + _ENTRY.size * earlier:
        count = earlier
    if not _HEADER.size <= length <= LENGTH_MAX:
        raise SuperblockError(f"a length of {length} bytes is impossible")
    needed = _HEADER.size + _ENTRY.size * count
    # As in SPDK, entries are taken for true even where the length, and so the checksum, doesn't cover them.
    if length < needed and count != members:
        raise SuperblockError(f"a length of {length} bytes is wrong for {count} entries")
    if max(length, needed) > len(data):
        raise SuperblockError(f"{len(data)} bytes are too few for its length of {length}")
    body = bytearray(data[:length])
    struct.pack_into("<I", body, _CRC_OFFSET, 0)
    computed = checksum(bytes(body))
    if computed != crc:
        raise SuperblockError(f"the checksum is {crc:#010x} and should be {computed:#010x}")
    if major != VERSION_MAJOR:
        raise SuperblockError(f"version {major}.{minor} is not known, only {VERSION_MAJOR}.x is")
    return Superblock(
        uuid=uuid,
        name=_text(name),
        raid_size=raid_size,
        block_size=block_size,
        seq_number=seq_number,
        num_base_bdevs=members,
        entries=tuple(_entry(data, number, members) for number in range(count)),
        level=level,
        strip_size=strip_size,
        state=state,
        flags=flags,
        version=(major, minor),
        odd_length=length if length != needed else 0,
    )


def _entry(data: bytes, number: int, members: int) -> Entry:
    uuid, offset, size, state, flags, slot, _ = _ENTRY.unpack_from(
        data, _HEADER.size + number * _ENTRY.size
    )
    if state not in EntryState.__members__.values():
        raise SuperblockError(f"entry {number} has the unknown state {state}")
    # It is used as an index later, and SPDK once took it from the disk unchecked.
    if slot >= members:
        raise SuperblockError(f"entry {number} is for slot {slot} of {members}")
    return Entry(uuid, offset, size, EntryState(state), slot, flags)


def _text(name: bytes) -> str:
    return name.partition(b"\0")[0].decode(errors=NOT_UTF8)


def is_newer(found: Superblock, own: Superblock) -> bool:
    """Return whether a disk's superblock is newer than the array's: the disk has what the array lacks."""
    return found.seq_number > own.seq_number
