"""``raidstorm superblock``: reading what stands at the beginning of a member."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import click
import msgspec

from chaos.report import Screen
from workers.raid.superblock import LENGTH_MAX, Superblock, SuperblockError, decode
from workers.raid.uuids import text


@click.group("superblock")
def superblock_group() -> None:
    """Look at RAID superblocks, SPDK's or raidstorm's own (they have one layout)."""


@superblock_group.command("show")
@click.argument("image", metavar="IMAGE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def show_command(image: Path, output: str) -> int:
    """Print the superblock at the beginning of IMAGE: a file, or a block device that may be read."""
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
        raise click.UsageError(f"{image} has no superblock that can be read: {error}") from None
    if output == "json":
        sys.stdout.buffer.write(msgspec.json.encode(_readable(superblock)) + b"\n")
        sys.stdout.flush()
    else:
        _print(superblock)
    return 0


def _readable(superblock: Superblock) -> dict[str, object]:
    return {
        "name": superblock.name,
        "uuid": text(superblock.uuid),
        "version": "{}.{}".format(*superblock.version),
        "length": superblock.length,
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
            }
            for entry in superblock.entries
        ],
    }


def _print(superblock: Superblock) -> None:
    screen = Screen(quiet=False)
    size = superblock.raid_size * superblock.block_size
    screen.say(f"array {superblock.name!r}, UUID {text(superblock.uuid)}", "bold")
    screen.say(
        f"  RAID{superblock.level}, {superblock.raid_size} blocks of {superblock.block_size} bytes "
        f"({size} bytes), {superblock.num_base_bdevs} members"
    )
    screen.say(
        f"  sequence number {superblock.seq_number}, version {superblock.version[0]}."
        f"{superblock.version[1]}, {superblock.length} bytes, checksum right"
    )
    screen.say("  slot  state       data offset   data size  UUID of the base bdev")
    for entry in superblock.entries:
        screen.say(
            f"  {entry.slot:>4}  {entry.state.name.lower():<10}  {entry.data_offset:>11}  "
            f"{entry.data_size:>10}  {text(entry.uuid)}"
        )
