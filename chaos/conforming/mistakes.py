"""The mistakes that a file of scenarios can have: each is said in a sentence, before anything is played."""

from __future__ import annotations

from typing import Any

import msgspec

DISKS_MAX, SIZE_MAX = 16, 16  # a scenario's disks, and the size of one, in disks
UNKNOWN_DISK = 99  # stands for a bdev that isn't there
ARRAY = "raid"  # stands for the array's own bdev
ARGUMENTS: dict[str, tuple[type | tuple[type, ...], ...]] = {
    "create": (bool, list),
    "delete": (bool,),
    "add": ((int, str),),
    "remove": ((int, str),),
    "plug": (int,),
    "pull": (int,),
    "replug": (int,),
    "examine": ((int, str),),
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
AT_ONCE = (*REQUESTS, "plug", "pull")
# These may name a bdev that isn't there, and those the array.
MAY_BE_UNKNOWN = ("create", "add", "remove", "examine", "inject", "pull", "replug", "grow")
MAY_BE_THE_ARRAY = ("create", "add", "remove", "examine")
IO_KINDS = ("write", "read", "compare", "flush", "zeroes", "unmap")
IO_TYPES = ("read", "write", "flush", "unmap", "all", "clear")


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of an ``io``."""

    nsid: int
    lba: int = 0
    blocks: int = 1
    text: str = ""


def mistake_in(
    disks: int, present: list[int], sizes: dict[int, float], operations: list[Any]
) -> str:
    """Return what is wrong with a scenario's set-up or with one of its operations, or nothing."""
    if not 0 < disks <= DISKS_MAX:
        return f"{disks} disks are too few or too many"
    if sorted({*present, *sizes} - set(range(disks))) or len(set(present)) < len(present):
        return "the set-up names a disk twice, or one that the scenario doesn't have"
    if any(not 0 < size <= SIZE_MAX for size in sizes.values()):
        return f"a disk's size isn't above 0 and at most {SIZE_MAX}"
    is_connected = False
    for number, operation in enumerate(operations, 1):
        sentence = _mistake(operation, disks)
        if not sentence and operation[0] == "io" and not is_connected:
            sentence = "there is an io, and no connect before it"
        if sentence:
            return f"step {number}: {sentence}"
        is_connected = is_connected or operation[0] == "connect"
    return ""


def _mistake(operation: Any, disks: int) -> str:
    if not isinstance(operation, list) or not operation or operation[0] not in ARGUMENTS:
        return f"there is no operation {operation!r}"
    name, *given = operation
    types = ARGUMENTS[name]
    fits = len(types) == len(given) and all(map(_is_one, given, types))
    if not fits or not _is_possible(name, given):
        return f"{name} can't have the arguments {given!r}"
    if name == "both":
        for one in given:
            sentence = _mistake(one, disks)
            if not sentence and one[0] not in AT_ONCE:
                sentence = f"{one[0]} can't be one of both"
            if sentence:
                return sentence
        return ""
    for disk in _disks_of(name, given):
        is_known = _is_one(disk, int) and 0 <= disk < disks
        is_unknown = disk == UNKNOWN_DISK and name in MAY_BE_UNKNOWN
        is_array = disk == ARRAY and name in MAY_BE_THE_ARRAY
        if not (is_known or is_unknown or is_array):
            return f"{name} is about a disk that the scenario doesn't have"
    return ""


def _is_one(value: Any, types: type | tuple[type, ...]) -> bool:
    """Return whether a value has one of these types; a truth value is no number."""
    wanted = types if isinstance(types, tuple) else (types,)
    return type(value) in wanted


def _disks_of(name: str, given: list[Any]) -> list[Any]:
    match name:
        case "create" | "members":
            return list(given[1])
        case "restart":
            return list(given[0])
        case "copy":
            return given
        case "delete" | "both" | "addns" | "rmns" | "connect" | "io" | "sleep" | "settle":
            return []
        case _:
            return given[:1]


def _is_possible(name: str, given: list[Any]) -> bool:
    """Return whether the arguments that are no disks lie within their bounds."""
    match name:
        case "grow" | "truncate":
            return bool(0 < given[1] <= SIZE_MAX)
        case "sleep":
            return bool(given[0] >= 0)
        case "inject":
            return given[1] in IO_TYPES and bool(given[3] >= 0)
        case "members":
            return bool(given[0] >= 0)
        case "io":
            return given[0] in IO_KINDS and _is_command(given[1])
        case _:
            return True


def _is_command(given: dict[str, Any]) -> bool:
    try:
        command = msgspec.convert(given, Command)
    except msgspec.ValidationError:
        return False
    return command.lba >= 0 and command.blocks > 0
