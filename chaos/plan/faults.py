"""The kinds of faults: what each does, whether it costs a disk its good data, and how it heals."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from chaos.plan.foreign import make_foreign
from chaos.steps.schedule import Inject
from workers.bdev.disk import FOREVER, Disk, FaultKind
from workers.bdev.io import IoType
from workers.protocol import Layout

FaultName = Literal[
    "disk_failure",
    "disk_pull",
    "read_errors",
    "write_errors",
    "unmap_errors",
    "flush_errors",
    "bad_blocks",
    "disk_slow",
    "disk_hang",
    "superblock_errors",
    "channel_failures",
    "error_bdev",
    "delay_bdev",
    "bit_rot",
    "misdirected_write",
    "disk_grow",
    "target_kill",
    "power_loss",
    "reactor_stall",
    "host_vanish",
    "network_cut",
    "host_slow",
]


class Fault(msgspec.Struct, frozen=True):
    """What is known of a kind of fault.

    ``harms``: the disk may miss acknowledged data from then on, until it is rebuilt. ``weakens``: the disk can't
    be counted on while the fault lasts. ``effect``: the reach name under which its effects are counted.
    """

    what: str
    effect: str
    harms: bool = False
    weakens: bool = False


FAULTS: dict[str, Fault] = {
    "disk_failure": Fault("every I/O of a disk fails until it is healed", "disks_failed", True),
    "disk_pull": Fault(
        "a disk is pulled out, and returned: as it was, blank, with older content, smaller, larger, or another array's",
        "disks_pulled",
        harms=True,
    ),
    "read_errors": Fault(
        "a few reads of a range of blocks fail", "read_errors_effective", weakens=True
    ),
    "write_errors": Fault("a few writes of a range of blocks fail", "write_errors_effective", True),
    "unmap_errors": Fault("a few unmaps of a range of blocks fail", "unmap_errors_effective", True),
    "flush_errors": Fault("a few flushes fail", "flush_errors_effective", True),
    "bad_blocks": Fault(
        "blocks can't be read until they are written again", "bad_blocks_effective", weakens=True
    ),
    "disk_slow": Fault("I/O of a disk takes much longer", "slow_ios_effective"),
    "disk_hang": Fault("I/O of a disk hangs until it is healed or reset", "hung_ios_effective"),
    "superblock_errors": Fault(
        "a few writes of a member's superblock fail", "superblock_errors_effective", True
    ),
    "channel_failures": Fault(
        "a few channels of a disk can't be created", "channel_failures_effective"
    ),
    "error_bdev": Fault(
        "the error bdev on a disk fails, holds, or refuses (no memory) a few I/Os",
        "error_bdev_effective",
        harms=True,
    ),
    "delay_bdev": Fault("the delay bdev on a disk delays I/O", "delay_bdev_effective"),
    "bit_rot": Fault("a block of a disk changes silently", "bit_rot_effective"),
    "misdirected_write": Fault("a write lands elsewhere on a disk", "misdirected_writes_effective"),
    "disk_grow": Fault("all disks become larger, one after the other", "arrays_grown"),
    "target_kill": Fault("the whole target is killed and restarted (SIGKILL)", "target_kills"),
    "power_loss": Fault(
        "the target dies, and unflushed blocks of its disks are lost", "power_losses_effective"
    ),
    "reactor_stall": Fault(
        "one reactor is stopped for a while (SIGSTOP in realtime)", "reactor_stalls"
    ),
    "host_vanish": Fault(
        "a host is gone without a word, and comes back as a new one", "hosts_vanished"
    ),
    "network_cut": Fault("a host and the target don't hear each other for a while", "network_cuts"),
    "host_slow": Fault("a host does nothing for a while, not even keep alive", "hosts_slow"),
}
assert set(FAULTS) == set(get_args(FaultName))

HEALS = {
    "disk_heal": "injected I/O faults end",
    "disk_return": "a pulled disk is back as it was",
    "disk_return_blank": "another, blank disk is in its place",
    "disk_return_stale": "the disk is back with older content",
    "disk_return_small": "a smaller, blank disk is in its place",
    "disk_return_large": "a larger, blank disk is in its place",
    "disk_return_foreign": "a disk of another array is in its place",
    "disk_image": "what a disk holds is kept, for a later return with older content",
    "disk_arrive": "the restarted target finds a disk",
}
# Another device is in the place from then on.
REPLACEMENTS = (
    "disk_return_blank",
    "disk_return_small",
    "disk_return_large",
    "disk_return_foreign",
)
HOST_FAULTS = ("host_vanish", "network_cut", "host_slow")
HOST_HEALS = {
    "host_vanish": "host_return",
    "network_cut": "network_heal",
    "host_slow": "host_ready",
}
TARGET_FAULTS = ("target_kill", "power_loss")
SILENT_FAULTS = ("bit_rot", "misdirected_write")
SUPERBLOCK_END = 2  # blocks
SMALLER_BY = 4  # blocks
LARGER_BY = 4  # blocks, as far as there is room
ALL_TYPES = (IoType.READ, IoType.WRITE, IoType.FLUSH, IoType.UNMAP)

RANGED_FAULTS = (
    "read_errors",
    "write_errors",
    "bad_blocks",
)  # their arguments begin with two blocks
TRANSIENT = {
    "read_errors": IoType.READ,
    "write_errors": IoType.WRITE,
    "unmap_errors": IoType.UNMAP,
}
# How many arguments a step of this fault carries.
ARGUMENTS = {
    "read_errors": 3,
    "write_errors": 3,
    "unmap_errors": 3,
    "flush_errors": 1,
    "bad_blocks": 2,
    "disk_slow": 1,
    "superblock_errors": 1,
    "channel_failures": 1,
    "bit_rot": 1,
    "misdirected_write": 3,
    "disk_grow": 1,
}
# Those that are steps of their own, or RPCs.
NO_INJECTION = (*HOST_FAULTS, *TARGET_FAULTS, "reactor_stall", "error_bdev", "delay_bdev")
INJECTIONS = (*(name for name in FAULTS if name not in NO_INJECTION), *HEALS)


def apply_to_disk(step: Inject, disk: Disk, sizes: tuple[int, int]) -> str | None:
    """Do it to the disk; returns the message the target gets of it, if any.

    ``sizes`` in blocks: what disks have at first, and what the largest has now.
    """
    args = step.args
    match step.fault:
        case "disk_heal":
            disk.heal()
            return "bdev.resume"
        case "disk_pull":
            disk.pull()
            return "bdev.hot_remove"
        case "disk_grow":
            disk.header.num_blocks = max(disk.num_blocks, min(args[0], disk.capacity_blocks))
            return "bdev.grown"
        case "disk_image":
            disk.take_image()
        case "channel_failures":
            disk.header.channel_failures = args[0]
        case "bit_rot":
            disk.rot(args[0])
            disk.add_fault(FaultKind.ROT, (IoType.READ,), args[0], args[0] + 1, FOREVER)
        case name if name in HEALS:
            return _return_disk(name, disk, sizes)
        case name:
            _plant(name, args, disk)
    return None


def blocks_after(step: Inject, layout: Layout, blocks: int, largest: int) -> int:
    """How large the disk is then; ``blocks`` is what it had, ``largest`` what the largest disk has."""
    match step.fault:
        case "disk_grow":
            return max(blocks, min(step.args[0], layout.capacity))
        case "disk_return_blank" | "disk_return_foreign":
            return largest
        case "disk_return_small":
            return layout.disk_blocks - SMALLER_BY
        case "disk_return_large":
            return min(largest + LARGER_BY, layout.capacity)
        case _:
            return blocks


def _plant(fault: str, args: tuple[int, ...], disk: Disk) -> None:
    """A row in the disk's fault table."""
    end = disk.capacity_blocks
    match fault:
        case "disk_failure":
            disk.add_fault(FaultKind.ERROR, ALL_TYPES, 0, end, FOREVER)
        case "disk_slow":
            disk.add_fault(FaultKind.SLOW, ALL_TYPES, 0, end, FOREVER, args[0])
        case "disk_hang":
            disk.add_fault(FaultKind.HANG, ALL_TYPES, 0, end, FOREVER)
        case "bad_blocks":
            disk.add_fault(FaultKind.BAD_BLOCKS, (IoType.READ,), args[0], args[1], FOREVER)
        case "superblock_errors":
            disk.add_fault(FaultKind.ERROR, (IoType.WRITE,), 0, SUPERBLOCK_END, args[0])
        case "flush_errors":
            disk.add_fault(FaultKind.ERROR, (IoType.FLUSH,), 0, end, args[0])
        case "misdirected_write":
            disk.add_fault(FaultKind.MISDIRECT, (IoType.WRITE,), args[0], args[1], 1, args[2])
        case name if name in TRANSIENT:
            disk.add_fault(FaultKind.ERROR, (TRANSIENT[name],), *args)
        case unknown:
            raise ValueError(f"there is no fault {unknown!r}")


def _return_disk(fault: str, disk: Disk, sizes: tuple[int, int]) -> str:
    match fault:
        case "disk_return_blank":
            disk.new(sizes[1])
        case "disk_return_small":
            disk.new(sizes[0] - SMALLER_BY)
        case "disk_return_large":
            disk.new(min(sizes[1] + LARGER_BY, disk.capacity_blocks))
        case "disk_return_foreign":
            disk.new(sizes[1])
            make_foreign(disk)
        case "disk_return_stale":
            disk.restore_image()
            disk.header.present = 1
        case "disk_return":
            disk.header.present = 1
        case "disk_arrive":
            pass
        case unknown:
            raise ValueError(f"there is no fault {unknown!r}")
    return "bdev.attach_disk"
