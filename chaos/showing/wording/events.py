"""A text for each event of the engine: a sentence with fields for the event's arguments."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chaos.showing.wording.phrases import counted, kind_of, listed, status_of
from chaos.showing.wording.places import Places, thread_name
from chaos.showing.wording.steps import Style
from chaos.steps.block_words import blocks
from workers.bdev.disk import FaultKind
from workers.bdev.stack import ErrorType
from workers.protocol import Event


class EventWords(msgspec.Struct, frozen=True):
    """The names of an event's arguments (the last one may be a list), and its sentence.

    ``{where}`` is the event's thread, ``{range}`` the blocks from ``first`` on.
    """

    arguments: tuple[str, ...]
    text: str


def _of(arguments: str, text: str) -> EventWords:
    return EventWords(tuple(arguments.split()), text)


EVENTS = {
    "bdev.delayed": _of("disk", "the delay bdev of {disk} delays an I/O"),
    "bdev.error_injected": _of(
        "disk error_type io_type", "the error bdev of {disk} hits a {io_type} ({error_type})"
    ),
    "bdev.io_wait": _of("bdev", "a request of {bdev} waits for a bdev_io on {where}"),
    "bdev.nomem": _of("bdev", "a request of {bdev} waits for memory on {where}"),
    "bdev.quiesced": _of("bdev lock first end", "{bdev} is quiesced in {range} (lock {lock})"),
    "bdev.registered": _of("disk", "the bdev of {disk} is registered"),
    "bdev.reset": _of("bdev", "{bdev} has been reset"),
    "bdev.resetting": _of("bdev", "the reset of {bdev} begins"),
    "bdev.resized": _of("bdev blocks", "{bdev} has {blocks} now"),
    "bdev.split": _of("bdev blocks", "a request of {bdev} with {blocks} is split"),
    "bdev.unquiesced": _of("bdev lock", "the quiesce of {bdev} ends (lock {lock})"),
    "bdev.unregistering": _of(
        "bdev visits", "{bdev} begins to go (iterations over its channels under way: {visits})"
    ),
    "bdev.unregistered": _of("bdev", "the bdev of {bdev} is unregistered"),
    "disk.cache_lost": _of("disk blocks", "{disk} has lost {blocks} that had not been flushed"),
    "disk.channel_failed": _of("disk", "{where} can't get a channel of {disk}"),
    "disk.fault": _of(
        "disk fault io_type disk_first count", "{disk}: {fault} hits a {io_type} of {disk_range}"
    ),
    "disk.misdirected": _of(
        "disk disk_first landed count", "{disk}: a write of {disk_range} lands at {landed} on disk"
    ),
    "nvmf.command_queued": _of("", "a command waits on {where} for the subsystem to resume"),
    "nvmf.duplicate_qid": _of(
        "controller queue",
        "I/O queue {queue} of controller {controller} is still in use; the connect is retried",
    ),
    "nvmf.io_queued": _of("nsid", "an I/O waits on {where} for namespace {nsid} to resume"),
    "nvmf.keep_alive_expired": _of(
        "controller host", "no keep-alive from {host}: controller {controller} ends"
    ),
    "nvmf.namespace_attached": _of("nsid bdev", "namespace {nsid} is attached"),
    "nvmf.namespace_channel_created": _of(
        "nsid in_rebuild offset", "{where} gets its channel of namespace {nsid}{in_rebuild}"
    ),
    "nvmf.namespace_channel_failed": _of(
        "nsid", "{where} can't get its channel of namespace {nsid}"
    ),
    "nvmf.namespace_detached": _of("nsid", "namespace {nsid} is detached"),
    "nvmf.listener_changed": _of("listener presence", "listener {listener} is {presence}"),
    "nvmf.namespace_resized": _of("nsid", "namespace {nsid} has grown"),
    "nvmf.pausing": _of("subject", "the subsystem begins to pause for {subject}"),
    "nvmf.pause_queued": _of(
        "subject", "a change of the subsystem for {subject} waits for another one's end"
    ),
    "nvmf.poll_group_created": _of("", "a poll group is created on {where}"),
    "nvmf.poll_group_destroyed": _of(
        "", "the poll group of {where} is destroyed, and the thread exits"
    ),
    "nvmf.qpair_connected": _of(
        "connection queue controller", "{where} has connected {queue} of {connection}"
    ),
    "nvmf.qpair_destroyed": _of("connection", "{where} has ended a connection of {connection}"),
    "nvmf.resumed": _of("", "the subsystem has resumed"),
    "raid.assembled": _of("*disks", "the array is assembled from {disks}"),
    "raid.channel": _of(
        "members rebuild_offset twin_members",
        "the channel of {where} has members {members}, {rebuild_offset}{twin_members}",
    ),
    "raid.channel_created": _of(
        "members rebuild_offset twin_members",
        "the channel of {where} is created with members {members}, {rebuild_offset}{twin_members}",
    ),
    "raid.channel_failed": _of(
        "taken new",
        "{where} can't create its channel of the array, and gives back the channels of members it has got: {taken}, "
        "of these only here: {new}",
    ),
    "raid.channel_destroyed": _of("", "the array's channel of {where} is destroyed"),
    "raid.configuring": _of(
        "sequence count",
        "a superblock (sequence number {sequence}) is found; the array waits for {count} of its members",
    ),
    "raid.created": _of("*disks", "the array is created from {disks}"),
    "raid.creation_failed": _of(
        "status let_go", "the array can't be created{status}; members that it lets go: {let_go}"
    ),
    "raid.deleted": _of("", "the array is deleted"),
    "raid.grown": _of("blocks", "the array has {blocks} now"),
    "raid.last_member_removed": _of("", "the last member is removed, and the array goes offline"),
    "raid.member_failed": _of(
        "slot disk", "{where} marks {disk} (slot {slot}) failed, since it has missed a write"
    ),
    "raid.member_queued": _of("bdev", "{bdev} returns and waits for the rebuild of another member"),
    "raid.member_removed": _of("slot disk", "{disk} is out of the array (slot {slot} is empty)"),
    "raid.member_too_small": _of("bdev blocks", "{bdev} with {blocks} is too small for the array"),
    "raid.read_repaired": _of(
        "slot first count success", "slot {slot}: {range} rewritten after a read error{success}"
    ),
    "raid.removing_member": _of("slot disk", "the removal of {disk} (slot {slot}) begins"),
    "raid.reset": _of("", "the array is being reset"),
    "raid.starting_degraded": _of("", "the array starts without its missing members"),
    "raid.straddled": _of(
        "io_type first end offset",
        "{where} splits a {io_type} of {range} at the rebuild offset {offset}",
    ),
    "raid.write_waits": _of(
        "first end", "a change of {range} waits on {where} for an earlier one of the same blocks"
    ),
    "raid.superblock_ended": _of("status", "the writing of the superblocks ends{status}"),
    "raid.superblock_failed": _of(
        "", "no member's superblock can be written: the array goes offline"
    ),
    "raid.superblock_writing": _of(
        "sequence", "the superblocks are being written with sequence number {sequence}"
    ),
    "raid.superblock_written": _of("sequence", "the superblocks have sequence number {sequence}"),
    "rebuild.finished": _of(
        "slot disk status", "the rebuild of slot {slot} onto {disk} ends{status}"
    ),
    "rebuild.limited": _of("", "the rebuild waits, to keep to its bandwidth"),
    "rebuild.started": _of("slot disk", "the rebuild of slot {slot} onto {disk} starts"),
    "rebuild.window_done": _of(
        "offset array_blocks",
        "a window is copied: the rebuild offset is {offset} of {array_blocks}",
    ),
    "rebuild.window_locked": _of("first end", "the rebuild locks the window of {range}"),
}
FAULT_KINDS = {
    FaultKind.ERROR: "an injected error",
    FaultKind.BAD_BLOCKS: "a bad block",
    FaultKind.HANG: "an injected hang",
    FaultKind.SLOW: "an injected delay",
    FaultKind.ROT: "bit rot",
    FaultKind.MISDIRECT: "a misdirection",
}


def _slots(mask: int) -> str:
    """Write the slots of a bit mask."""
    if mask < 0:
        return "none"
    slots = [str(slot) for slot in range(mask.bit_length()) if mask & 1 << slot]
    return f"in slot{'s' if len(slots) > 1 else ''} {listed(slots)}" if slots else "none"


PLACES: dict[str, Callable[[Places, int], str]] = {
    "bdev": Places.bdev,
    "connection": Places.connection,
    "disk": Places.disk,
    "host": Places.host,
}
TEXTS: dict[str, Callable[[int], str]] = {
    "array_blocks": lambda value: counted(value, "block"),
    "blocks": lambda value: counted(value, "block"),
    "error_type": lambda value: ErrorType(value).name.lower(),
    "fault": lambda value: FAULT_KINDS[FaultKind(value)],
    "io_type": kind_of,
    "members": _slots,
    "presence": lambda value: "added" if value else "removed",
    "subject": lambda value: f"namespace {value}" if value else "no namespace",
    "rebuild_offset": lambda value: "no rebuild" if value < 0 else f"rebuild offset {value}",
    "status": lambda value: " with success" if value == 0 else f" with {status_of(value)}",
    "success": lambda value: "" if value else ", in vain",
}


class EventTexts:
    """Texts for the events of one run."""

    def __init__(self, places: Places, style: Style) -> None:
        self.places = places
        self.style = style

    def event(self, event: Event) -> str:
        """Write an event as a sentence; an event that no table has becomes its name and numbers."""
        words, where = EVENTS.get(event.name), thread_name(event.thread)
        if words is None or not _fits(words, event.args):
            return f"{where}: {event.name}({', '.join(map(str, event.args))})"
        raw = dict(zip(words.arguments, event.args, strict=False))
        fields = {name: self._value(name, value, raw) for name, value in raw.items()}
        if words.arguments and words.arguments[0] == "*disks":
            fields["disks"] = listed([f"disk{disk}" for disk in event.args]) or "no disk"
        return words.text.format_map(fields | self._ranges(raw) | {"where": where})

    def _value(self, name: str, value: int, raw: dict[str, int]) -> str:
        """Write an argument by its kind."""
        place = PLACES.get(name)
        if place is not None:
            return place(self.places, value)
        text = TEXTS.get(name)
        if text is not None:
            return text(value)
        match name:
            case "queue" if "connection" in raw:
                return "the admin queue" if value == 0 else f"I/O queue {value}"
            case "twin_members":
                return f", twin's members {_slots(value)}" if raw["rebuild_offset"] >= 0 else ""
            case "in_rebuild" if value:
                return f" while the rebuild runs (its offset then: {raw['offset']})"
            case "in_rebuild":
                return ""
            case _:
                return str(value)

    def _ranges(self, raw: dict[str, int]) -> dict[str, str]:
        """Write the event's blocks, as the array and as a disk count them."""
        ranges = {}
        if "first" in raw:
            count = raw["count"] if "count" in raw else raw["end"] - raw["first"]
            ranges["range"] = blocks(raw["first"], count)
        if "disk_first" in raw:
            is_exact = self.style is Style.EXACT
            ranges["disk_range"] = self.places.on_disk(
                raw["disk_first"], raw["count"], physical=is_exact
            )
        return ranges


def _fits(words: EventWords, args: tuple[int, ...]) -> bool:
    """Return whether the event has an argument for each name; a user's own event may have other arguments."""
    if words.arguments and words.arguments[-1].startswith("*"):
        return True
    return len(args) >= len(words.arguments)
