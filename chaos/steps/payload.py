"""The data that hosts write: every block has its writer, its op, and its own place."""

from __future__ import annotations

import struct

from workers.bdev.io import BLOCK_SIZE

STAMP = struct.Struct("<IIQ")  # writer (host + 1), sequence (op), LBA
_STAMP_SIZE = STAMP.size
REPEATS = BLOCK_SIZE // _STAMP_SIZE
NEVER_WRITTEN = 0
TORN = -1
FOREIGN = -2
MISDIRECTED = -3
_ZERO_BLOCK = bytes(BLOCK_SIZE)


def payload(host: int, op: int, slba: int, blocks: int) -> bytes:
    """Return the data of a write: ``blocks * BLOCK_SIZE`` bytes."""
    pack = STAMP.pack
    return b"".join([pack(host + 1, op, lba) * REPEATS for lba in range(slba, slba + blocks)])


def decode(data: bytes, slba: int) -> list[int]:
    """Return for each block the op that wrote it, or NEVER_WRITTEN, TORN, FOREIGN or MISDIRECTED."""
    values = []
    unpack_from = STAMP.unpack_from
    for start in range(0, len(data), BLOCK_SIZE):
        block = data[start : start + BLOCK_SIZE]
        if block == _ZERO_BLOCK:
            values.append(NEVER_WRITTEN)
        elif block == block[:_STAMP_SIZE] * REPEATS:
            writer, op, lba = unpack_from(block)
            if writer and op:
                values.append(op if lba == slba else MISDIRECTED)
            else:
                values.append(FOREIGN)
        else:
            values.append(_torn_or_foreign(block))
        slba += 1
    return values


def op_of(block: bytes) -> int:
    """Return the op in the block's first stamp, wherever the block belongs; 0 for no known op."""
    writer, op, _ = STAMP.unpack_from(block)
    return int(op) if writer else 0


def _torn_or_foreign(block: bytes) -> int:
    stamps = [STAMP.unpack_from(block, at) for at in range(0, BLOCK_SIZE, STAMP.size)]
    known = all((writer and op) or (writer, op, lba) == (0, 0, 0) for writer, op, lba in stamps)
    return TORN if known and len(set(stamps)) <= 3 else FOREIGN
