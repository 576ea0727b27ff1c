"""NVMe numbers a host sees: status codes (SCT << 8 | SC, DNR as bit 14) and opcodes."""

from enum import IntEnum

DO_NOT_RETRY = 1 << 14


class NvmeStatus(IntEnum):
    """Status field of a completion."""

    SUCCESS = 0x000
    INVALID_FIELD = 0x002
    INTERNAL_DEVICE_ERROR = 0x006
    INVALID_NAMESPACE = 0x00B | DO_NOT_RETRY
    LBA_OUT_OF_RANGE = 0x080 | DO_NOT_RETRY
    CONNECT_CONTROLLER_BUSY = 0x181
    CONNECT_INVALID_PARAMETERS = 0x182 | DO_NOT_RETRY


class Opcode(IntEnum):
    """NVM commands. Compare, write-zeroes and dataset management have their place here."""

    FLUSH = 0x00
    WRITE = 0x01
    READ = 0x02
