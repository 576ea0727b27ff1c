"""The built-in engine in the terms of a recording."""

from __future__ import annotations

from chaos.conforming.dialect import Call
from chaos.conforming.mistakes import ARRAY, UNKNOWN_DISK
from chaos.conforming.observe import Sizes, state_of
from chaos.conforming.scenario import CannotPlayError, Operation, Setup, State
from chaos.conforming.stepped_target import SteppedTarget
from chaos.drivers.sim import SimDriver
from chaos.showing.rpc_state import raid_bdevs
from workers.bdev.disk import Disk
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType, Stack, member_bdev_id, raid_bdev_id, stacked_bdev_id
from workers.errors import EALREADY, OK
from workers.protocol import Layout, Reply
from workers.raid.metadata import DATA_OFFSET
from workers.raid.uuids import bdev_uuid, text
from workers.shared import NAMESPACES_MAX

DISK_BLOCKS = 8 * DATA_OFFSET  # as a disk of the recordings has it
WINDOW_BLOCKS = 8
SLOW_BLOCKS_PER_MS = 1
ERROR_BDEV = 32  # added to a disk's identity, it is that of the error bdev on it
INVALID_PARAMS, INTERNAL_ERROR = -32602, -32603
ALL_IO = (IoType.READ, IoType.WRITE, IoType.FLUSH, IoType.UNMAP)


class EngineDialect:
    """Requests as the engine's messages."""

    def __init__(self, sizes: Sizes | None = None) -> None:
        """Take disks of these sizes; those of superblocks that SPDK has written, for example."""
        self.sizes = sizes or Sizes(DISK_BLOCKS, DATA_OFFSET)
        self._layout = Layout(1, 0, 0, 0)
        self._arrays = 0

    def layout(self, setup: Setup, capacity_blocks: int) -> Layout:
        self._arrays = 0
        self._layout = Layout(
            reactors=1,
            disks=setup.disks,
            disk_blocks=self.sizes.disk_blocks,
            window_blocks=WINDOW_BLOCKS,
            capacity_blocks=capacity_blocks,
            stacks=(int(Stack.ERROR),) * setup.disks if setup.error_bdevs else (),
            rebuild_blocks_per_ms=SLOW_BLOCKS_PER_MS if setup.slow_rebuild else 0,
            auto_examine=not setup.manual_examine,
        )
        return self._layout

    def opening(self, setup: Setup) -> list[Call]:
        return [("rpc.framework_start_init", ())]

    def after_plug(self, setup: Setup, disk: Disk) -> list[Call]:
        return [("rpc.bdev_examine", (self._bdev(disk.number),))] if setup.manual_examine else []

    def request(self, setup: Setup, operation: Operation) -> Call:
        name, *args = operation
        match name:
            case "create":
                self._arrays += 1
                bdevs = [self._bdev(disk) for disk in args[1]]
                return "rpc.bdev_raid_create", (int(args[0]), self._arrays, *bdevs)
            case "delete":
                return "rpc.bdev_raid_delete", (int(args[0]),)
            case "add":
                return "rpc.bdev_raid_add_base_bdev", (self._bdev(args[0]),)
            case "remove":
                return "rpc.bdev_raid_remove_base_bdev", (self._bdev(args[0]),)
            case "examine":
                return "rpc.bdev_examine", (self._bdev(args[0]),)
            case "inject":
                return "rpc.bdev_error_inject_error", self._injection(*args)
            case "addns":
                return "rpc.nvmf_subsystem_add_ns", (args[0],)
            case _:
                assert name == "rmns", f"{name} is no request"
                return "rpc.nvmf_subsystem_remove_ns", (args[0],)

    def _bdev(self, disk: int | str) -> int:
        if disk == ARRAY:
            return raid_bdev_id(self._layout)
        number = int(disk)
        # No bdev of so few disks has this number.
        return number if number == UNKNOWN_DISK else member_bdev_id(self._layout, number)

    def _injection(self, disk: int, io_type: str, kind: str, count: int) -> tuple[int, ...]:
        types = ALL_IO if io_type in ("all", "clear") else (IoType[io_type.upper()],)
        mask = sum(1 << one for one in types)
        bdev = UNKNOWN_DISK
        if self._layout.stacks and disk != UNKNOWN_DISK:
            bdev = stacked_bdev_id(self._layout, Stack.ERROR, disk)
        if kind.upper() not in ErrorType.__members__:
            raise CannotPlayError(f"the engine's error bdevs have no error type {kind!r}")
        return bdev, int(ErrorType[kind.upper()]), mask, 0 if io_type == "clear" else count

    def code(self, operation: Operation, reply: Reply) -> int:
        """Return the code: the engine answers with errnos, where SPDK hides some in a JSON-RPC error of its own."""
        if reply.status == OK:
            return OK
        if operation[0] in ("addns", "rmns"):
            return INVALID_PARAMS
        return (
            INTERNAL_ERROR
            if operation[0] == "delete" and reply.status == EALREADY
            else reply.status
        )

    def glance(self, target: SteppedTarget, setup: Setup, *, namespaces: bool) -> State:
        return self.look(target, setup, namespaces=namespaces)

    def look(self, target: SteppedTarget, setup: Setup, *, namespaces: bool) -> State:
        driver = target.driver
        assert isinstance(driver, SimDriver), "the engine is driven by sim"
        services = driver.workers[0].reactor.services
        bdev = services.raid_bdev
        above = ERROR_BDEV if setup.error_bdevs else 0
        disks = {
            text(bdev_uuid(disk.identity + above)): f"disk{disk.number}" for disk in target.disks
        }
        subsystem = driver.block.subsystem
        nsids = [n for n in range(1, NAMESPACES_MAX + 1) if subsystem.bdev_of(n) is not None]
        return state_of(
            next(iter(raid_bdevs(services)), None),
            bdev.record.num_blocks if services.bdev.is_ready(bdev.id) else None,
            nsids if namespaces else None,
            self.sizes,
            disks,
        )
