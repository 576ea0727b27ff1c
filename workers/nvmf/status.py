"""NVMe numbers that a host sees: status codes (SCT << 8 | SC, DNR as bit 14), opcodes, events."""

from enum import IntEnum

DO_NOT_RETRY = 1 << 14


class NvmeStatus(IntEnum):
    """Status field of a completion."""

    SUCCESS = 0x000
    INVALID_OPCODE = 0x001 | DO_NOT_RETRY
    INVALID_FIELD = 0x002 | DO_NOT_RETRY
    INTERNAL_DEVICE_ERROR = 0x006
    ABORTED_BY_REQUEST = 0x007
    ABORTED_SQ_DELETION = 0x008
    INVALID_NAMESPACE = 0x00B | DO_NOT_RETRY
    COMMAND_SEQUENCE_ERROR = 0x00C
    LBA_OUT_OF_RANGE = 0x080
    INVALID_QUEUE_IDENTIFIER = 0x101
    ASYNC_EVENT_LIMIT = 0x105
    CONNECT_CONTROLLER_BUSY = 0x181
    CONNECT_INVALID_PARAMETERS = 0x182 | DO_NOT_RETRY
    COMPARE_FAILURE = 0x285


class Opcode(IntEnum):
    """NVM commands. Compare-and-write stands for the fused pair of a Compare and a Write."""

    FLUSH = 0x00
    WRITE = 0x01
    READ = 0x02
    COMPARE = 0x05
    WRITE_ZEROES = 0x08
    DATASET_MANAGEMENT = 0x09
    COMPARE_AND_WRITE = 0x80 | 0x05


class AdminOpcode(IntEnum):
    """Admin commands."""

    GET_LOG_PAGE = 0x02
    IDENTIFY = 0x06
    ABORT = 0x08
    ASYNC_EVENT_REQUEST = 0x0C
    KEEP_ALIVE = 0x18


IDENTIFY_NAMESPACE = (AdminOpcode.IDENTIFY, 0)  # opcode and CNS
NAMESPACE_ATTRIBUTE_CHANGED = 0x0004_0002  # notice, namespace attribute changed, log page 4
CHANGED_NAMESPACE_LIST = 4
AER_LIMIT = 4
