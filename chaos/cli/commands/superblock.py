"""``raidstorm superblock``: its arguments."""

from __future__ import annotations

from pathlib import Path

import click

from chaos.cli.completion import complete_files
from chaos.cli.parameters import examples, format_option

SHOW = examples("superblock show disk.img", "superblock show /dev/nvme0n1 --format json")


@click.group("superblock", epilog=SHOW)
def command() -> None:
    """Look at RAID superblocks, SPDK's or raidstorm's own (they have one layout)."""


@command.command("show", epilog=SHOW)
@click.argument(
    "image",
    metavar="IMAGE",
    type=click.Path(dir_okay=False, path_type=Path),
    shell_complete=complete_files,
)
@format_option("json")
def show_command(image: Path, output: str) -> int:
    """Print the superblock at the beginning of IMAGE: a file, or a block device that may be read."""
    from chaos.cli.superblock import show

    return show(image, output)
