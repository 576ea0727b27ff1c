"""UUIDs of bdevs and arrays, derived from small numbers: equal in every run of a seed, and across restarts."""

from __future__ import annotations

import struct

_BDEV, _ARRAY = 0x4265, 0x5261


def bdev_uuid(identity: int) -> bytes:
    """Return the 16 bytes (RFC 9562, version 8) for the device with this identity."""
    return _uuid(_BDEV, identity)


def array_uuid(number: int) -> bytes:
    """Return the 16 bytes for the array with this creation number."""
    return _uuid(_ARRAY, number)


def _uuid(kind: int, number: int) -> bytes:
    return struct.pack(">IHHHHI", 0x5D0C0000, kind, 0x8000, 0x8000, 0, number)


def number_of(uuid: bytes) -> int:
    """Return the number from which a UUID was derived."""
    number: int = struct.unpack_from(">I", uuid, 12)[0]
    return number


def text(uuid: bytes) -> str:
    """Format a UUID as 8-4-4-4-12 hex digits."""
    digits = uuid.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
