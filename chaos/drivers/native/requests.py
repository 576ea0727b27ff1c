"""The operator's RPCs as SPDK's JSON-RPC requests, and the answers as errnos."""

from __future__ import annotations

import errno
import json
import os
from typing import Any

from chaos.drivers.native.array_state import ARRAY
from chaos.drivers.native.nvme import SUBSYSTEM
from chaos.plan.rpcs import Rpc
from workers.bdev.io import IoType
from workers.bdev.stack import (
    ErrorType,
    Stack,
    disk_of,
    raid_bdev_id,
    raid_passthru_id,
    stack_of,
    stacked_bdev_id,
)
from workers.protocol import Argument, Layout
from workers.raid.uuids import array_uuid, text
from workers.reactor import FIRST_POLL_GROUP_THREAD

NO_BDEV = "nothing"
PREFIXES = {Stack.ERROR: "EE_disk", Stack.DELAY: "delay_disk", Stack.PASSTHRU: "passthru_disk"}
ARRAY_PASSTHRU = f"passthru_{ARRAY}"
NO_DELAY = dict.fromkeys(
    ("avg_read_latency", "p99_read_latency", "avg_write_latency", "p99_write_latency"), 0
)
ERROR_TYPES = {ErrorType.FAILURE: "failure", ErrorType.PENDING: "pending", ErrorType.NOMEM: "nomem"}
# An errno is the status where the message is the text of one, as SPDK's handlers answer.
ERRNOS = {os.strerror(number): -number for number in errno.errorcode}
# A target that can be asked at any time to examine a bdev has the usual RPC for it.
AT_ANY_TIME: dict[str, str] = {Rpc.BDEV_EXAMINE_AGAIN: Rpc.BDEV_EXAMINE}
JSON_RPC_ERRORS = range(-32768, -31999)
Request = tuple[str, dict[str, Any]]  # method and parameters


def bdev_name(layout: Layout, bdev: int) -> str:
    """Return the name of a bdev in the target."""
    if bdev < layout.disks:
        return f"disk{bdev}" if bdev >= 0 else NO_BDEV
    if bdev == raid_bdev_id(layout):
        return ARRAY
    if bdev == raid_passthru_id(layout):
        return ARRAY_PASSTHRU
    disk = disk_of(layout, bdev)
    for kind, prefix in PREFIXES.items():
        if bdev == stacked_bdev_id(layout, kind, disk):
            return f"{prefix}{disk}"
    return NO_BDEV


def stack_requests(layout: Layout) -> list[Request]:
    """Return the requests that put delay and passthru bdevs on the layout's disks, and one on the array.

    As in SPDK, each comes and goes with its base bdev from then on. An error bdev doesn't come again: see
    :func:`error_bdev_requests`.
    """
    requests: list[Request] = []
    for disk in range(layout.disks):
        base = f"disk{disk}"
        for kind in stack_of(layout, disk):
            name = f"{PREFIXES[kind]}{disk}"
            if kind is not Stack.ERROR:
                requests.append(_creation(kind, base, name))
            base = name
    if layout.array_passthru:
        requests.append(_creation(Stack.PASSTHRU, ARRAY, ARRAY_PASSTHRU))
    return requests


def error_bdev_requests(layout: Layout, disk: int) -> list[Request]:
    """Return the request for the error bdev of a disk that is plugged in, if it has one; SPDK forgets it with the disk."""
    if Stack.ERROR not in stack_of(layout, disk):
        return []
    return [_creation(Stack.ERROR, f"disk{disk}", f"{PREFIXES[Stack.ERROR]}{disk}")]


def _creation(kind: Stack, base: str, name: str) -> Request:
    match kind:
        case Stack.ERROR:
            return "bdev_error_create", {"base_name": base}  # its name follows from that
        case Stack.DELAY:
            return "bdev_delay_create", {"base_bdev_name": base, "name": name} | NO_DELAY
        case Stack.PASSTHRU:
            return "bdev_passthru_create", {"base_bdev_name": base, "name": name}


def request_of(layout: Layout, method: str, args: tuple[Argument, ...], clears: bool) -> Request:
    """Return the request for an RPC of the operator; ``clears``: deleting an array can clear its superblocks."""
    name = bdev_name(layout, args[0]) if args else ""
    match method:
        case Rpc.BDEV_RAID_CREATE:
            return method, {
                "name": ARRAY,
                "raid_level": "raid1",
                "base_bdevs": [bdev_name(layout, bdev) for bdev in args[2:]],
                "superblock": bool(args[0]),
                "uuid": text(array_uuid(args[1])),
            }
        case Rpc.BDEV_RAID_DELETE:
            return method, {"name": ARRAY} | ({"clear_sb": bool(args[0])} if clears else {})
        case Rpc.BDEV_RAID_ADD_BASE_BDEV:
            return method, {"raid_bdev": ARRAY, "base_bdev": name}
        case Rpc.BDEV_RAID_REMOVE_BASE_BDEV | Rpc.BDEV_EXAMINE | Rpc.BDEV_EXAMINE_AGAIN:
            return AT_ANY_TIME.get(method, method), {"name": name}
        case Rpc.BDEV_RESET:
            return "raidstorm_bdev_reset", {"name": name}
        case Rpc.BDEV_RAID_START_DEGRADED:
            return method, {"name": ARRAY, "base_bdev": name}
        case Rpc.BDEV_RAID_GET_BDEVS:
            return method, {"category": "all"}
        case Rpc.BDEV_ERROR_INJECT_ERROR:
            return method, _injection(name, *args[1:])
        case Rpc.BDEV_DELAY_UPDATE_LATENCY:
            return method, {
                "delay_bdev_name": name,
                "latency_type": "avg_write",
                "latency_us": args[1],
            }
        case Rpc.NVMF_SUBSYSTEM_ADD_NS:
            return method, {
                "nqn": SUBSYSTEM,
                "namespace": {"nsid": args[0], "bdev_name": _top(layout)},
            }
        case Rpc.NVMF_SUBSYSTEM_REMOVE_NS:
            return method, {"nqn": SUBSYSTEM, "nsid": args[0]}
        case Rpc.NVMF_CREATE_POLL_GROUP:
            return "raidstorm_poll_group_create", {"thread": FIRST_POLL_GROUP_THREAD + args[0]}
        case Rpc.NVMF_DESTROY_POLL_GROUP:
            return "raidstorm_poll_group_destroy", {"thread": FIRST_POLL_GROUP_THREAD + args[0]}
        case _:
            return method, {}


def _top(layout: Layout) -> str:
    """Return the bdev that is the namespace."""
    return ARRAY_PASSTHRU if layout.array_passthru else ARRAY


def _injection(name: str, kind: int, io_types: int, count: int) -> dict[str, Any]:
    kinds = [io_type.name.lower() for io_type in IoType if io_types & 1 << io_type]
    io_type = kinds[0] if len(kinds) == 1 else "all"
    return {
        "name": name,
        "io_type": io_type,
        "error_type": ERROR_TYPES[ErrorType(kind)],
        "num": count,
    }


def encoded(request: Request) -> bytes:
    """Return a request for the target: its method, a zero byte, and its parameters."""
    method, params = request
    return method.encode() + b"\0" + (json.dumps(params).encode() if params else b"")


def status_of(status: int, message: bytes) -> int:
    """Return the errno of an answer: SPDK's handlers answer with one, or with a JSON-RPC error and its text."""
    if status in JSON_RPC_ERRORS:
        return ERRNOS.get(message.decode(errors="replace"), -errno.EINVAL)
    return status
