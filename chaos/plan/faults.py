"""The kinds of faults: the one table of their effects, their steps, their costs, and their heals."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args

import msgspec

from chaos.plan.arguments import BLOCK_RANGE, Argument

FaultName = Literal[
    "disk_failure",
    "disk_pull",
    "bdev_delete",
    "read_errors",
    "write_errors",
    "unmap_errors",
    "flush_errors",
    "bad_blocks",
    "disk_slow",
    "disk_hang",
    "superblock_errors",
    "superblock_slow",
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


class Carrier(StrEnum):
    """The kind of step by which a fault, or a heal, reaches the target."""

    INJECTION = "injection"  # a step Inject, on a disk
    IMPAIRMENT = "impairment"  # a step Impair, on a host
    RPC = "rpc"  # a step Operate, on a bdev that stands on a disk
    RESTART = "restart"  # a step Kill or PowerLoss
    STALL = "stall"  # a step Stall


class FaultRow(msgspec.Struct, frozen=True):
    """One kind of fault.

    ``effect``: the reach name under which its effects are counted. ``words``: its sentence, with {disk} or {host}, and with
    ``arguments`` by name: {range} of blocks, {times} of a count. ``heal``: the step that undoes it. ``harms``: the disk may miss
    acknowledged data from then on, until it is rebuilt. ``weakens``: the disk is unreliable while the fault lasts.
    """

    what: str
    effect: str
    words: str
    carrier: Carrier = Carrier.INJECTION
    arguments: tuple[Argument, ...] = ()
    heal: str = "disk_heal"
    harms: bool = False
    weakens: bool = False


class HealRow(msgspec.Struct, frozen=True):
    """One kind of heal, or of another change of a disk or host.

    ``replaces``: another device is in the disk's place from then on.
    """

    what: str
    words: str
    carrier: Carrier = Carrier.INJECTION
    replaces: bool = False


NO_HEAL = ""
FAULTS: dict[str, FaultRow] = {
    "disk_failure": FaultRow(
        "every I/O of a disk fails until it is healed",
        effect="disks_failed",
        words="{disk} begins to fail every I/O",
        harms=True,
    ),
    "disk_pull": FaultRow(
        "a disk is pulled out, and returned: as it was, blank, with older content, smaller, larger, or another array's",
        effect="disks_pulled",
        words="{disk} is pulled out",
        heal="disk_return",
        harms=True,
    ),
    "bdev_delete": FaultRow(
        "the bdev of a disk is deleted by RPC, and created again: its I/O in flight still succeeds",
        effect="bdevs_deleted",
        words="the bdev of {disk} is deleted",
        heal="bdev_create",
        harms=True,
    ),
    "read_errors": FaultRow(
        "a few reads of a range of blocks fail",
        effect="read_errors_effective",
        words="reads of {disk} are made to fail in {range}, {times}",
        arguments=(*BLOCK_RANGE, Argument.COUNT),
        weakens=True,
    ),
    "write_errors": FaultRow(
        "a few writes of a range of blocks fail",
        effect="write_errors_effective",
        words="writes to {disk} are made to fail in {range}, {times}",
        arguments=(*BLOCK_RANGE, Argument.COUNT),
        harms=True,
    ),
    "unmap_errors": FaultRow(
        "a few unmaps of a range of blocks fail",
        effect="unmap_errors_effective",
        words="unmaps of {disk} are made to fail in {range}, {times}",
        arguments=(*BLOCK_RANGE, Argument.COUNT),
        harms=True,
    ),
    "flush_errors": FaultRow(
        "a few flushes fail",
        effect="flush_errors_effective",
        words="flushes of {disk} are made to fail, {times}",
        arguments=(Argument.COUNT,),
        harms=True,
    ),
    "bad_blocks": FaultRow(
        "blocks can't be read until they are written again",
        effect="bad_blocks_effective",
        words="{range} of {disk} can't be read until written again",
        arguments=BLOCK_RANGE,
        weakens=True,
    ),
    "disk_slow": FaultRow(
        "I/O of a disk takes much longer",
        effect="slow_ios_effective",
        words="{disk} becomes slow: its I/O takes {latency_us} us longer",
        arguments=(Argument.LATENCY_US,),
    ),
    "disk_hang": FaultRow(
        "I/O of a disk hangs until it is healed or reset",
        effect="hung_ios_effective",
        words="{disk} hangs: its I/O doesn't finish",
    ),
    "superblock_errors": FaultRow(
        "a few writes of a member's superblock fail",
        effect="superblock_errors_effective",
        words="writes of the superblock on {disk} are made to fail, {times}",
        arguments=(Argument.COUNT,),
        harms=True,
    ),
    "superblock_slow": FaultRow(
        "writes of a member's superblock take much longer",
        effect="slow_superblocks_effective",
        words="writes of the superblock on {disk} become slow: they take {latency_us} us longer",
        arguments=(Argument.LATENCY_US,),
    ),
    "channel_failures": FaultRow(
        "a few channels of a disk can't be created",
        effect="channel_failures_effective",
        words="creating a channel of {disk} is made to fail, {times}",
        arguments=(Argument.COUNT,),
    ),
    "error_bdev": FaultRow(
        "the error bdev on a disk fails, holds, or refuses (no memory) a few I/Os",
        effect="error_bdev_effective",
        words="the error bdev on {disk} acts on I/O",
        carrier=Carrier.RPC,
        harms=True,
    ),
    "delay_bdev": FaultRow(
        "the delay bdev on a disk delays I/O",
        effect="delay_bdev_effective",
        words="the delay bdev on {disk} delays I/O",
        carrier=Carrier.RPC,
        heal=NO_HEAL,  # the RPC that began it heals it, with no latency
    ),
    "bit_rot": FaultRow(
        "a block of a disk changes silently",
        effect="bit_rot_effective",
        words="{range} of {disk} changes silently",
        arguments=(Argument.BLOCK,),
    ),
    "misdirected_write": FaultRow(
        "a write lands elsewhere on a disk",
        effect="misdirected_writes_effective",
        words="a write to {range} of {disk} is made to land {shift} further on",
        arguments=(*BLOCK_RANGE, Argument.SHIFT),
    ),
    "disk_grow": FaultRow(
        "all disks become larger, one after the other",
        effect="arrays_grown",
        words="{disk} grows to {blocks}",
        arguments=(Argument.BLOCKS,),
        heal=NO_HEAL,
    ),
    "target_kill": FaultRow(
        "the whole target is killed and restarted (SIGKILL)",
        effect="target_kills",
        words="the target is killed and started again",
        carrier=Carrier.RESTART,
        heal=NO_HEAL,
    ),
    "power_loss": FaultRow(
        "the target dies, and unflushed blocks of its disks are lost",
        effect="power_losses_effective",
        words="the machine loses power; the target is started again",
        carrier=Carrier.RESTART,
        heal=NO_HEAL,
    ),
    "reactor_stall": FaultRow(
        "one reactor is stopped for a while (SIGSTOP in realtime)",
        effect="reactor_stalls",
        words="reactor {reactor} stops for a while",
        carrier=Carrier.STALL,
        heal=NO_HEAL,
    ),
    "host_vanish": FaultRow(
        "a host vanishes without closing its connections, and returns as a new one",
        effect="hosts_vanished",
        words="{host} vanishes without closing its connections",
        carrier=Carrier.IMPAIRMENT,
        heal="host_return",
    ),
    "network_cut": FaultRow(
        "a host and the target can't reach each other for a while",
        effect="network_cuts",
        words="{host} is cut off from the target",
        carrier=Carrier.IMPAIRMENT,
        heal="network_heal",
    ),
    "host_slow": FaultRow(
        "a host sends nothing for a while, not even a keep-alive",
        effect="hosts_slow",
        words="{host} stops sending and receiving",
        carrier=Carrier.IMPAIRMENT,
        heal="host_ready",
    ),
}
assert set(FAULTS) == set(get_args(FaultName))

HEALS: dict[str, HealRow] = {
    "disk_heal": HealRow(
        "injected I/O faults end", words="the injected errors of {disk} are healed"
    ),
    "disk_return": HealRow("a pulled disk returns as it was", words="{disk} is plugged in again"),
    "bdev_create": HealRow(
        "the bdev of a disk is created again", words="the bdev of {disk} is created again"
    ),
    "disk_return_blank": HealRow(
        "another, blank disk takes its place",
        words="{disk} is replaced by a blank disk",
        replaces=True,
    ),
    "disk_return_stale": HealRow(
        "the disk returns with older content",
        words="{disk} is plugged in again with older content",
    ),
    "disk_return_small": HealRow(
        "a smaller, blank disk takes its place",
        words="{disk} is replaced by a smaller disk",
        replaces=True,
    ),
    "disk_return_large": HealRow(
        "a larger, blank disk takes its place",
        words="{disk} is replaced by a larger disk",
        replaces=True,
    ),
    "disk_return_foreign": HealRow(
        "a disk of another array takes its place",
        words="{disk} is replaced by a member of another array",
        replaces=True,
    ),
    "disk_image": HealRow(
        "a disk's content is kept, for a later return with older content",
        words="the content of {disk} is kept for a later return",
    ),
    "disk_arrive": HealRow("the restarted target finds a disk", words="the target finds {disk}"),
    "host_return": HealRow(
        "a host that vanished returns as a new one",
        words="{host} returns as a new one",
        carrier=Carrier.IMPAIRMENT,
    ),
    "network_heal": HealRow(
        "a host and the target reach each other again",
        words="{host} reaches the target again",
        carrier=Carrier.IMPAIRMENT,
    ),
    "host_ready": HealRow(
        "a host that sent nothing continues",
        words="{host} continues",
        carrier=Carrier.IMPAIRMENT,
    ),
}
ROWS: dict[str, FaultRow | HealRow] = {**FAULTS, **HEALS}


def _carried_by(carrier: Carrier) -> tuple[str, ...]:
    return tuple(name for name, row in ROWS.items() if row.carrier is carrier)


INJECTIONS = _carried_by(Carrier.INJECTION)  # the kinds that a step Inject may name
IMPAIRMENTS = _carried_by(Carrier.IMPAIRMENT)  # the kinds that a step Impair may name
TARGET_FAULTS = _carried_by(Carrier.RESTART)
DISK_HEALS = tuple(name for name in INJECTIONS if name in HEALS)
# From the fault of a host to its heal.
HOST_HEALS = {name: row.heal for name, row in FAULTS.items() if row.carrier is Carrier.IMPAIRMENT}
HOST_FAULTS = tuple(HOST_HEALS)
REPLACEMENTS = tuple(name for name, row in HEALS.items() if row.replaces)
# These end the faults of a disk.
CURES = ("disk_heal", *REPLACEMENTS)
# These put a disk, or its bdev, back.
DISK_RETURNS = ("bdev_create", *(name for name in HEALS if name.startswith("disk_return")))
# After these, the bdev of a disk goes away.
PULLS = tuple(name for name, row in FAULTS.items() if row.heal in ("disk_return", "bdev_create"))
SILENT_FAULTS = ("bit_rot", "misdirected_write")
# With these a disk works as before, as far as the target can see.
HARMLESS = ("disk_grow", *SILENT_FAULTS)
# For these, an array's only member keeps its data: its superblock or a few blocks can't be written, or blocks can't be read,
# for a while. What can't be written isn't acknowledged.
HARMLESS_ALONE = ("superblock_errors", "write_errors", "read_errors", "bad_blocks")
# When one of these faults hits a disk, strategies send I/O there.
AIMED_FAULTS = ("read_errors", "write_errors", "bad_blocks")


def argument_count(name: str) -> int:
    """Return how many arguments a step carries that injects this fault; a heal carries none."""
    return len(FAULTS[name].arguments) if name in FAULTS else 0
