"""Recorded scenarios, as their files hold them: what an operator did, and what the target answered.

The format is described in ``docs/conformance.md``. Sizes of data and arrays count disks, offsets count data offsets, so that
targets whose disks have other sizes can be compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from chaos.conforming.mistakes import mistake_in

FORMAT = 1
CRASH = "crash"  # a step's code if the target died in it
HANG = "hang"  # a step's code if a request of it is never answered
NOT_PLAYED = "not played"  # a step's code if the target can't carry out the operation
WITHOUT_CODE = ("io", "members", "sleep")  # operations that are no RPC
Operation = list[Any]  # its name and its arguments, as in mistakes.ARGUMENTS


class ScenarioError(Exception):
    """A file of scenarios can't be used; the message is one sentence."""


class CannotPlayError(Exception):
    """A target can't carry out an operation; the message is one sentence."""


class BaseBdev(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A slot of the array: ``name`` and ``uuid`` name the disk, or are None."""

    name: str | None
    uuid: str | None
    is_configured: bool
    data_offset: float
    data_size: float


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What ``bdev_raid_get_bdevs`` shows of the array, whether its bdev exists, and the namespaces."""

    state: str | None
    registered: bool
    superblock: bool | UnsetType = UNSET
    num_base_bdevs: int | UnsetType = UNSET
    num_base_bdevs_discovered: int | UnsetType = UNSET
    num_base_bdevs_operational: int | UnsetType = UNSET
    uuid_is_set: bool | UnsetType = UNSET
    process_target: str | UnsetType | None = UNSET
    base_bdevs_list: list[BaseBdev] | UnsetType = UNSET
    num_blocks: float | UnsetType = UNSET
    namespaces: list[int] | UnsetType = UNSET


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An NVMe status."""

    sct: int
    sc: int
    dnr: bool


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One operation and the answers to it; UNSET where there is none."""

    do: Operation
    code: int | str | list[int] | UnsetType = UNSET
    signal: int | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    data: str | UnsetType = UNSET
    members: list[str] | UnsetType = UNSET
    settled: bool = False
    state: State | UnsetType = UNSET
    where: str | UnsetType = UNSET
    spdk_is_wrong: str | UnsetType = UNSET

    @property
    def operation(self) -> str:
        """The operation's name."""
        return str(self.do[0])


class Setup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The disks of a scenario, and how the target is configured."""

    disks: int
    present: list[int]
    sizes: dict[int, float] = {}
    storage: str = "malloc"
    superblock: bool = False
    error_bdevs: bool = False
    slow_rebuild: bool = False
    manual_examine: bool = False


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A target's life, from its start to the last operation."""

    name: str
    group: str
    setup: Setup
    steps: list[Step]

    @property
    def size_max(self) -> float:
        """The size of the largest disk, in disks."""
        factors = [1.0, *self.setup.sizes.values()]
        operations = [step.do for step in self.steps]
        factors += [one[2] for one in operations if one[0] in ("grow", "truncate")]
        return max(factors)


class Units(msgspec.Struct, frozen=True):
    """The sizes that stand for one disk and one data offset, in blocks."""

    disk_blocks: int
    block_size: int
    data_offset_blocks: int


class Recording(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of scenarios."""

    program: str
    version: str
    units: Units
    scenarios: list[Scenario]
    format: int = FORMAT
    commit: str = ""
    build: str = ""
    reactors: int = 1
    set: str = ""


def read_bytes(path: Path) -> bytes:
    """Read a file; raise ScenarioError with a sentence."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ScenarioError(f"{path} can't be read: {error.strerror}") from None


def read_recording(data: bytes, path: Path) -> Recording:
    """Decode a file of scenarios; raise ScenarioError with a sentence."""
    try:
        recording = msgspec.json.decode(data, type=Recording)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path} is no file of scenarios: {error}") from None
    if recording.format != FORMAT:
        raise ScenarioError(f"{path} has format {recording.format}, and raidstorm reads {FORMAT}")
    if not recording.scenarios:
        raise ScenarioError(f"{path} has no scenarios")
    for scenario in recording.scenarios:
        setup, operations = scenario.setup, [step.do for step in scenario.steps]
        if sentence := mistake_in(setup.disks, setup.present, setup.sizes, operations):
            raise ScenarioError(f"{path}, scenario {scenario.name}: {sentence}")
    return recording
