"""NVMe commands as hosts send them: 64 bytes and their data; and what answers carry. NVMe base 2.0, NVMe-oF 1.1."""

from __future__ import annotations

import struct
from enum import Enum

from workers.bdev.io import BLOCK_SIZE
from workers.nvmf.status import DO_NOT_RETRY, AdminOpcode, Opcode

SUBSYSTEM = "nqn.2016-06.io.spdk:raidstorm"
STATUS_MASK = 0x7FF | DO_NOT_RETRY  # status code and type; without "more" and the retry delay
FABRICS = 0x7F
PROPERTY_SET, CONNECT = 0x00, 0x01
CONNECT_BYTES = 1024
NEW_CONTROLLER = 0xFFFF
ADMIN_QUEUE_SIZE, IO_QUEUE_SIZE = 31, 63  # entries, counted from 0
CC = 0x14
CC_ENABLE = 1 | 6 << 16 | 4 << 20  # with the sizes of queue entries: 64 and 16 bytes
IDENTIFY_BYTES = 4096
LOG_BYTES = 4096
IDENTIFY_NAMESPACE = 0
DEALLOCATE = 1 << 2
FUA = 1 << 30
CID_MASK = 0xFFFF
_SQE = struct.Struct("<BBHI16xQQIIIIII")  # opcode, flags, cid, nsid, PRP1, PRP2, CDW10 to CDW15
_RANGE = struct.Struct("<IIQ")


class Fuse(Enum):
    """The place of a command in a fused pair."""

    NONE = 0
    FIRST = 1
    SECOND = 2


class Command:
    """One command: its 64 bytes, the data that goes with it, and the bytes that come back."""

    __slots__ = ("data", "entry", "reads")

    def __init__(self, entry: bytes, data: bytes = b"", reads: int = 0) -> None:
        self.entry = entry
        self.data = data
        self.reads = reads


def _entry(
    opcode: int,
    op: int,
    *dwords: int,
    nsid: int = 0,
    fuse: Fuse = Fuse.NONE,
    length: int = 0,
) -> bytes:
    words = [*dwords, *[0] * (6 - len(dwords))]
    # A transport's SGL: the length in the descriptor's second part, and its type (data block, offset) in the last byte.
    return _SQE.pack(opcode, fuse.value | 0x40, op & CID_MASK, nsid, 0, length, *words)


def connect(op: int, host: int, qid: int, cntlid: int, keep_alive_ms: int) -> Command:
    """Return the Connect of a queue; ``cntlid`` is of the controller, for an I/O queue."""
    size = ADMIN_QUEUE_SIZE if qid == 0 else IO_QUEUE_SIZE
    entry = struct.pack(
        "<BBHB19x16xHHHBxI12x",
        FABRICS,
        0x40,
        op & CID_MASK,
        CONNECT,
        0,
        qid,
        size,
        0,
        keep_alive_ms,
    )
    data = bytearray(CONNECT_BYTES)
    struct.pack_into(
        "<IIIIH", data, 0, 0x5D0C0000, 0x486F, 0, host + 1, cntlid if qid else NEW_CONTROLLER
    )
    name = f"nqn.2014-08.org.nvmexpress:uuid:5d0c0000-486f-8000-8000-{host + 1:012x}".encode()
    data[256 : 256 + len(SUBSYSTEM)] = SUBSYSTEM.encode()
    data[512 : 512 + len(name)] = name
    return Command(entry, bytes(data))


def enable(op: int) -> Command:
    """Return the Property Set that enables the controller of an admin queue."""
    entry = struct.pack(
        "<BBHB35xB3xIQ8x", FABRICS, 0x40, op & CID_MASK, PROPERTY_SET, 0, CC, CC_ENABLE
    )
    return Command(entry)


def admin(op: int, opcode: int, first: int, second: int) -> Command:
    """Return an admin command; ``first`` and ``second`` mean what they do in the step Admin."""
    match opcode:
        case AdminOpcode.IDENTIFY:
            entry = _entry(opcode, op, IDENTIFY_NAMESPACE, nsid=second, length=IDENTIFY_BYTES)
            return Command(entry, reads=IDENTIFY_BYTES)
        case AdminOpcode.GET_LOG_PAGE:
            dword = first | (LOG_BYTES // 4 - 1) << 16
            return Command(
                _entry(opcode, op, dword, nsid=0xFFFFFFFF, length=LOG_BYTES), reads=LOG_BYTES
            )
        case AdminOpcode.ABORT:
            return Command(_entry(opcode, op, first | (second & CID_MASK) << 16))
        case _:
            return Command(_entry(opcode, op))


def io(op: int, args: tuple[int | bytes, ...]) -> list[Command]:
    """Return the commands of a message "nvmf.io": one, or the fused pair of a compare and a write."""
    opcode, nsid, slba, blocks, fua, data, expected = args
    assert isinstance(opcode, int) and isinstance(slba, int) and isinstance(blocks, int)  # noqa: PT018
    assert isinstance(nsid, int) and isinstance(data, bytes) and isinstance(expected, bytes)  # noqa: PT018
    place = (slba & 0xFFFFFFFF, slba >> 32)
    count, size = blocks - 1, blocks * BLOCK_SIZE
    match opcode:
        case Opcode.FLUSH:
            return [Command(_entry(opcode, op, nsid=nsid))]
        case Opcode.READ:
            return [Command(_entry(opcode, op, *place, count, nsid=nsid, length=size), reads=size)]
        case Opcode.WRITE:
            dword = count | (FUA if fua else 0)
            return [Command(_entry(opcode, op, *place, dword, nsid=nsid, length=size), data)]
        case Opcode.COMPARE:
            return [Command(_entry(opcode, op, *place, count, nsid=nsid, length=size), expected)]
        case Opcode.WRITE_ZEROES:
            return [Command(_entry(opcode, op, *place, count, nsid=nsid))]
        case Opcode.DATASET_MANAGEMENT:
            ranges = _RANGE.pack(0, blocks, slba)
            entry = _entry(opcode, op, 0, DEALLOCATE, nsid=nsid, length=len(ranges))
            return [Command(entry, ranges)]
        case _:
            assert opcode == Opcode.COMPARE_AND_WRITE, f"a host doesn't know {opcode}"
            return [
                Command(
                    _entry(
                        Opcode.COMPARE, op, *place, count, nsid=nsid, fuse=Fuse.FIRST, length=size
                    ),
                    expected,
                ),
                Command(
                    _entry(
                        Opcode.WRITE, op, *place, count, nsid=nsid, fuse=Fuse.SECOND, length=size
                    ),
                    data,
                ),
            ]


def size_of_namespace(data: bytes) -> int:
    """Return the blocks of a namespace, from the answer to Identify."""
    size: int = struct.unpack_from("<Q", data)[0] if len(data) >= 8 else 0
    return size
