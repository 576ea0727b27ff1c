"""SPDK's own code in the terms of a recording: it gets the JSON-RPC requests that a process would get over its socket."""

from __future__ import annotations

import json
from typing import Any

from chaos.conforming.dialect import Call
from chaos.conforming.mistakes import ARRAY, UNKNOWN_DISK
from chaos.conforming.observe import Sizes, state_of
from chaos.conforming.scenario import Operation, Setup, State
from chaos.conforming.stepped_target import SteppedTarget
from chaos.drivers.native.driver import NativeDriver
from chaos.drivers.native.nvme import SUBSYSTEM
from workers.bdev.disk import Disk
from workers.errors import OK
from workers.protocol import APP_THREAD, OPERATOR, Layout, Reply
from workers.raid.uuids import array_uuid, bdev_uuid, text

DISK_BLOCKS, DATA_OFFSET = 16384, 2048  # as in the recordings: SPDK's data offset is 1 MiB
WINDOW_BLOCKS, SLOW_WINDOW_BLOCKS, SLOW_BLOCKS_PER_MS = 2048, 128, 4
ERROR_BDEV = 32  # added to a disk's identity, it is that of the error bdev on it
RAID = "raid0"


class SpdkDialect:
    """Requests as JSON-RPC."""

    def __init__(self) -> None:
        self.sizes = Sizes(DISK_BLOCKS, DATA_OFFSET)
        self._arrays = 0
        self._names: dict[str, str] = {}  # of disks, by the UUID of the bdev that is a member
        self._nsids: list[int] | None = None  # when it was looked at last

    def layout(self, setup: Setup, capacity_blocks: int) -> Layout:
        self._arrays = 0
        self._names = {}
        self._nsids = None
        return Layout(
            reactors=1,
            disks=setup.disks,
            disk_blocks=DISK_BLOCKS,
            window_blocks=SLOW_WINDOW_BLOCKS if setup.slow_rebuild else WINDOW_BLOCKS,
            capacity_blocks=capacity_blocks,
            rebuild_blocks_per_ms=SLOW_BLOCKS_PER_MS if setup.slow_rebuild else 0,
        )

    def opening(self, setup: Setup) -> list[Call]:
        if not setup.manual_examine:
            return []
        return [_call("bdev_set_options", bdev_auto_examine=False)]

    def after_plug(self, setup: Setup, disk: Disk) -> list[Call]:
        calls = []
        if setup.error_bdevs:
            uuid = text(bdev_uuid(disk.identity + ERROR_BDEV))
            calls.append(_call("bdev_error_create", base_name=f"disk{disk.number}", uuid=uuid))
        if setup.manual_examine:
            calls.append(_call("bdev_examine", name=_name(setup, disk.number)))
        return calls

    def request(self, setup: Setup, operation: Operation) -> Call:
        name, *args = operation
        match name:
            case "create":
                self._arrays += 1
                return _call(
                    "bdev_raid_create",
                    name=RAID,
                    raid_level="raid1",
                    superblock=args[0],
                    base_bdevs=[_name(setup, disk) for disk in args[1]],
                    uuid=text(array_uuid(self._arrays)) if args[0] else None,
                )
            case "delete":
                return _call("bdev_raid_delete", name=RAID, clear_sb=args[0])
            case "add":
                base_bdev = _name(setup, args[0])
                return _call("bdev_raid_add_base_bdev", raid_bdev=RAID, base_bdev=base_bdev)
            case "remove":
                return _call("bdev_raid_remove_base_bdev", name=_name(setup, args[0]))
            case "examine":
                return _call("bdev_examine", name=_name(setup, args[0]))
            case "inject":
                return _call(
                    "bdev_error_inject_error",
                    name=f"EE_disk{args[0]}",
                    io_type=args[1],
                    error_type=args[2],
                    num=args[3],
                )
            case "addns":
                space = {"nsid": args[0], "bdev_name": RAID}
                return _call("nvmf_subsystem_add_ns", nqn=SUBSYSTEM, namespace=space)
            case _:
                assert name == "rmns", f"{name} is no request"
                return _call("nvmf_subsystem_remove_ns", nqn=SUBSYSTEM, nsid=args[0])

    def code(self, operation: Operation, reply: Reply) -> int:
        return reply.status

    def look(self, target: SteppedTarget, setup: Setup, *, namespaces: bool) -> State:
        arrays = _asked(target, _call("bdev_raid_get_bdevs", category="all"))
        bdevs = {bdev["name"]: bdev for bdev in _asked(target, _call("bdev_get_bdevs"))}
        for disk in range(setup.disks):
            # SPDK makes the UUID of an error bdev up, and slots keep those of disks that are gone.
            bdev = bdevs.get(_name(setup, disk))
            if bdev is not None:
                self._names[bdev["uuid"]] = f"disk{disk}"
        nsids = None
        if namespaces:
            subsystems = _asked(target, _call("nvmf_get_subsystems", nqn=SUBSYSTEM))
            nsids = [space["nsid"] for space in subsystems[0]["namespaces"]]
        blocks = bdevs[RAID]["num_blocks"] if RAID in bdevs else None
        self._nsids = nsids
        return state_of(_array_in(arrays), blocks, nsids, self.sizes, self._names)

    def glance(self, target: SteppedTarget, setup: Setup, *, namespaces: bool) -> State:
        assert isinstance(target.driver, NativeDriver), "SPDK is driven by native"
        array = _array_in(target.driver.replies["bdev_raid_get_bdevs"])
        # The bdev is there as long as the array is online, and as large as each member's data.
        blocks = None
        if array is not None and array["state"] == "online":
            blocks = array["base_bdevs_list"][0]["data_size"]
        return state_of(array, blocks, self._nsids if namespaces else None, self.sizes, self._names)


def _name(setup: Setup, disk: int | str) -> str:
    if disk == ARRAY:
        return RAID
    if disk == UNKNOWN_DISK:
        return f"bdev{disk}"
    return f"EE_disk{disk}" if setup.error_bdevs else f"disk{disk}"


def _call(method: str, **params: Any) -> Call:
    given = {name: value for name, value in params.items() if value is not None}
    return f"jsonrpc.{method}", (json.dumps(given),)


def _array_in(arrays: list[dict[str, Any]]) -> dict[str, Any] | None:
    return arrays[0] if arrays else None  # no scenario has two


def _asked(target: SteppedTarget, call: Call) -> Any:
    """Return the answer to a question that a target always answers."""
    handler, args = call
    reply = target.answer(target.send(APP_THREAD, OPERATOR, handler, *args))
    assert reply.status == OK, f"{handler} is always answered"
    return json.loads(reply.data)
