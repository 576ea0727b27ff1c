"""Recorded scenarios, as their files hold them: what an operator did, and what the target answered.

The format is described in ``docs/conformance.md``. Sizes of data and arrays count disks, offsets count data offsets, so that
targets whose disks have other sizes can be compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

FORMAT = 1
UNKNOWN_DISK = 99  # stands for a bdev that isn't there
ARRAY = "raid"  # stands for the array's own bdev
CRASH = "crash"  # a step's code if the target died in it
HANG = "hang"  # a step's code if a request of it is never answered
NOT_PLAYED = "not played"  # a step's code if the target can't carry out the operation
WITHOUT_CODE = ("io", "members", "sleep")  # operations that are no RPC
ARGUMENTS: dict[str, tuple[type | tuple[type, ...], ...]] = {
    "create": (bool, list),
    "delete": (bool,),
    "add": ((int, str),),
    "remove": ((int, str),),
    "plug": (int,),
    "pull": (int,),
    "replug": (int,),
    "examine": (int,),
    "both": (list, list),
    "inject": (int, str, str, int),
    "grow": (int, (int, float)),
    "truncate": (int, (int, float)),
    "blank": (int,),
    "copy": (int, int),
    "restart": (list,),
    "addns": (int,),
    "rmns": (int,),
    "connect": (),
    "io": (str, dict),
    "members": (int, list),
    "sleep": ((int, float),),
    "settle": (),
}
REQUESTS = ("create", "delete", "add", "remove", "examine", "inject", "addns", "rmns")
# The first argument of these is a disk of the scenario.
DISKS_FIRST = ("plug", "pull", "replug", "inject", "grow", "truncate", "blank", "copy")
Operation = list[Any]  # its name and its arguments, as in ARGUMENTS


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
        factors += [step.do[2] for step in self.steps if step.operation in ("grow", "truncate")]
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
    for scenario in recording.scenarios:
        if sentence := _mistake_in(scenario):
            raise ScenarioError(f"{path}, scenario {scenario.name}: {sentence}")
    return recording


def _mistake_in(scenario: Scenario) -> str:
    if not 0 < scenario.setup.disks <= UNKNOWN_DISK:
        return f"{scenario.setup.disks} disks are too few or too many"
    for number, step in enumerate(scenario.steps, 1):
        for operation in step.do[1:] if step.do[:1] == ["both"] else [step.do]:
            if sentence := _mistake(operation, scenario.setup):
                return f"step {number}: {sentence}"
    return ""


def _mistake(operation: Any, setup: Setup) -> str:
    if not isinstance(operation, list) or not operation or operation[0] not in ARGUMENTS:
        return f"there is no operation {operation!r}"
    types, given = ARGUMENTS[operation[0]], operation[1:]
    fits = len(types) == len(given) and all(map(isinstance, given, types))
    if not fits:
        return f"{operation[0]} can't have the arguments {given!r}"
    disks = [value for value in given[:1] if isinstance(value, int) and operation[0] in DISKS_FIRST]
    if operation[0] == "restart":
        disks = given[0]
    if any(disk >= setup.disks for disk in disks):
        return f"{operation[0]} is about a disk that the scenario doesn't have"
    return ""
