"""A text for each RPC: its arguments by name, and a sentence with places for them."""

from __future__ import annotations

import msgspec

from chaos.showing.wording.phrases import kind_of
from chaos.showing.wording.places import Places, disk_name
from chaos.steps.schedule import Operate
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType


class RpcWords(msgspec.Struct, frozen=True):
    """An RPC: the names of its arguments (the last one may take the rest), and a sentence with places for them."""

    arguments: tuple[str, ...]
    text: str


RPCS = {
    "framework_start_init": RpcWords(("*disks",), "the target starts"),
    "bdev_examine": RpcWords(("bdev",), "the operator has {bdev} examined for a superblock"),
    "bdev_wait_for_examine": RpcWords((), "the operator waits until all bdevs are examined"),
    "bdev_reset": RpcWords(("bdev",), "the operator resets {bdev}"),
    "bdev_error_inject_error": RpcWords(
        ("bdev", "error_type", "io_types", "count"), "the error bdev of {bdev} is set to fail I/O"
    ),
    "bdev_delay_update_latency": RpcWords(
        ("bdev", "latency_us"), "the delay bdev of {bdev} is set to delay I/O by {latency_us} us"
    ),
    "bdev_raid_create": RpcWords(
        ("superblock", "array", "*base_bdevs"), "the operator creates the array"
    ),
    "bdev_raid_delete": RpcWords(("clear_superblock",), "the operator deletes the array"),
    "bdev_raid_add_base_bdev": RpcWords(
        ("base_bdev",), "the operator adds {base_bdev} to the array"
    ),
    "bdev_raid_remove_base_bdev": RpcWords(
        ("base_bdev",), "the operator removes {base_bdev} from the array"
    ),
    "bdev_raid_start_degraded": RpcWords(
        ("trusted",), "the operator starts the array without its missing members"
    ),
    "bdev_raid_get_bdevs": RpcWords((), "the operator lists the arrays"),
    "nvmf_subsystem_add_ns": RpcWords(
        ("nsid",), "the operator attaches the array as namespace {nsid}"
    ),
    "nvmf_subsystem_remove_ns": RpcWords(("nsid",), "the operator detaches namespace {nsid}"),
    "nvmf_create_poll_group": RpcWords(
        ("reactor",), "a poll group is created on reactor {reactor}"
    ),
    "nvmf_destroy_poll_group": RpcWords(
        ("reactor",), "the poll group of reactor {reactor} is destroyed"
    ),
}
BDEV_ARGUMENTS = ("bdev", "base_bdev", "base_bdevs")


class RpcTexts:
    """Texts for the RPCs of one run."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def call(self, step: Operate, *, with_handle: bool) -> str:
        """An RPC as a sentence; ``with_handle``: followed by the call with its arguments."""
        words = RPCS.get(step.method)
        values = self.values(step)
        call = f"{step.method}({', '.join(f'{name}={value}' for name, value in values)})"
        if words is None or len(step.args) < _least(words):
            return f"the operator calls {call}"
        text = words.text.format_map(dict(values))
        return f"{text}: {call}" if with_handle else text

    def values(self, step: Operate) -> list[tuple[str, str]]:
        """The arguments by name, as text; those that the table doesn't know by their place."""
        words = RPCS.get(step.method)
        found = []
        rest = list(step.args)
        for name in words.arguments if words is not None else ():
            if name.startswith("*"):
                many = [self._value(name[1:], value) for value in rest]
                found.append((name[1:], f"[{', '.join(many)}]"))
                rest = []
            elif rest:
                found.append((name, self._value(name, rest.pop(0))))
        known = len(step.args) - len(rest)
        return found + [(f"argument{known + at}", str(value)) for at, value in enumerate(rest)]

    def _value(self, name: str, value: int) -> str:
        if name in BDEV_ARGUMENTS:
            return self.places.bdev(value)
        if name == "disks":
            return disk_name(value)
        if name == "error_type" and value in list(ErrorType):
            return ErrorType(value).name.lower()
        if name == "io_types":
            kinds = [kind_of(io_type) for io_type in IoType if value & 1 << io_type]
            return "+".join(kinds) or str(value)
        return str(value)


def _least(words: RpcWords) -> int:
    """How many arguments there must be."""
    return sum(1 for name in words.arguments if not name.startswith("*"))
