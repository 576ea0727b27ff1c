"""``raidstorm superblock``: reading what stands at the beginning of a member."""

from __future__ import annotations

import stat
from pathlib import Path

import click

from chaos.cli.parameters import USAGE
from chaos.cli.screen import Screen, print_json
from workers.raid.metadata import SEQUENCE_MAX
from workers.raid.superblock import (
    LENGTH_MAX,
    LEVEL_RAID1,
    NAME_BYTES,
    NO_UUID,
    NOT_UTF8,
    VERSION_MINOR,
    Entry,
    EntryState,
    Superblock,
    SuperblockError,
    decode,
    stored_checksum,
)
from workers.raid.uuids import text

BLOCK_SIZE_MIN = 512  # bytes
MEMBERS_MIN = 2


def show(image: Path, output: str) -> int:
    """Print the superblock at the beginning of an image."""
    try:
        mode = image.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
            raise click.UsageError(f"{image} is neither a file nor a block device")
        with image.open("rb") as file:
            data = file.read(LENGTH_MAX)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{image} can't be read: {error}") from None
    try:
        superblock = decode(data)
    except SuperblockError as error:
        click.echo(f"{error}; {image} has no superblock that can be read", err=True)
        return USAGE
    crc = stored_checksum(data)
    if output == "json":
        print_json(_readable(superblock, crc))
    else:
        _print(superblock, crc)
    return 0


def remarks(superblock: Superblock) -> list[str]:
    """Return what is odd about it, in sentences; a right checksum only shows that it was written on purpose."""
    name_twice = "two entries are for the same {}"
    odd = superblock.odd_length
    used = [entry.data_size for entry in superblock.entries]
    slots = [entry.slot for entry in superblock.entries]
    uuids = [entry.uuid for entry in superblock.entries]
    found = {
        "the array's UUID is null": superblock.uuid == NO_UUID,
        "the array has no name": not superblock.name,
        "the array's name has no end": len(superblock.name.encode(errors=NOT_UTF8)) >= NAME_BYTES,
        f"a length of {odd} bytes, where {superblock.length} are needed": odd != 0,
        "the checksum doesn't cover all entries": 0 < odd < superblock.length,
        f"level {superblock.level} is not RAID1": superblock.level != LEVEL_RAID1,
        "a RAID1 has no strips": superblock.strip_size != 0 and superblock.level == LEVEL_RAID1,
        f"a block size of {superblock.block_size} bytes is not valid": (
            superblock.block_size < BLOCK_SIZE_MIN
            or superblock.block_size & superblock.block_size - 1
        ),
        "the array has no blocks": superblock.raid_size == 0,
        "the array is smaller than its members' data": (
            0 < superblock.raid_size < min(used, default=0)
        ),
        "a RAID1 has at least two members": superblock.num_base_bdevs < MEMBERS_MIN,
        f"{len(slots)} entries for {superblock.num_base_bdevs} members": (
            len(slots) != superblock.num_base_bdevs
        ),
        name_twice.format("slot"): len(set(slots)) < len(slots),
        name_twice.format("UUID"): len(set(uuids)) < len(uuids),
        "the sequence number is near its end": superblock.seq_number > SEQUENCE_MAX,
        f"version 1.{superblock.version[1]} is newer than 1.{VERSION_MINOR}": (
            superblock.version[1] > VERSION_MINOR
        ),
    }
    return [sentence for sentence, holds in found.items() if holds] + [
        f"slot {entry.slot}: {sentence}"
        for entry in superblock.entries
        for sentence in _remarks_on(entry, superblock)
    ]


def printable(name: str) -> str:
    """Return a name with a question mark for each byte that is no UTF-8."""
    return name.encode(errors=NOT_UTF8).decode(errors="replace").replace("\ufffd", "?")


def _remarks_on(entry: Entry, superblock: Superblock) -> list[str]:
    found = {
        "its UUID is null": entry.uuid == NO_UUID,
        "its data begins within the superblock": (
            entry.data_offset * superblock.block_size < superblock.length
        ),
        "it has less room than the array needs": (
            entry.state is EntryState.CONFIGURED and entry.data_size < superblock.raid_size
        ),
    }
    return [sentence for sentence, holds in found.items() if holds]


def _readable(superblock: Superblock, crc: int) -> dict[str, object]:
    return {
        "name": printable(superblock.name),
        "uuid": text(superblock.uuid),
        "version": "{}.{}".format(*superblock.version),
        "length": superblock.odd_length or superblock.length,
        "crc": f"{crc:#010x}",
        "flags": superblock.flags,
        "state": superblock.state,
        "raid_level": superblock.level,
        "raid_size_blocks": superblock.raid_size,
        "block_size": superblock.block_size,
        "strip_size_blocks": superblock.strip_size,
        "seq_number": superblock.seq_number,
        "num_base_bdevs": superblock.num_base_bdevs,
        "base_bdevs": [
            {
                "slot": entry.slot,
                "state": entry.state.name.lower(),
                "uuid": text(entry.uuid),
                "data_offset_blocks": entry.data_offset,
                "data_size_blocks": entry.data_size,
                "flags": entry.flags,
            }
            for entry in superblock.entries
        ],
        "remarks": remarks(superblock),
    }


def _print(superblock: Superblock, crc: int) -> None:
    screen = Screen()
    size = superblock.raid_size * superblock.block_size
    screen.say(f"array {printable(superblock.name)!r}, UUID {text(superblock.uuid)}", "bold")
    screen.say(
        f"  RAID{superblock.level}, {superblock.raid_size} blocks of {superblock.block_size} bytes "
        f"({size} bytes), {superblock.num_base_bdevs} members"
    )
    screen.say(
        f"  sequence number {superblock.seq_number}, version {superblock.version[0]}."
        f"{superblock.version[1]}, {superblock.odd_length or superblock.length} bytes"
    )
    screen.say(
        f"  checksum {crc:#010x} (right), flags {superblock.flags:#x}, state {superblock.state}"
    )
    screen.say("  slot  state       data offset   data size  flags  UUID of the base bdev")
    for entry in superblock.entries:
        screen.say(
            f"  {entry.slot:>4}  {entry.state.name.lower():<10}  {entry.data_offset:>11}  "
            f"{entry.data_size:>10}  {entry.flags:>5}  {text(entry.uuid)}"
        )
    for sentence in remarks(superblock):
        screen.say(f"  odd: {sentence}", "yellow")
