"""``raidstorm validate``."""

from __future__ import annotations

import sys

import click
import msgspec

from chaos.cli.parameters import Catalog
from chaos.cli.screen import Screen
from chaos.files.validating import look_at

USAGE = 2


@click.command("validate")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def validate_command(catalog: Catalog, files: tuple[str, ...], output: str) -> int:
    """Say of files what they are, and whether they are right.

    Experiments and suites (.toml, .py), defects (.py), capsules and summaries of suites (.json; a directory stands for
    its own). What a suite names is looked up, too. No experiment is run; a Python file is, as 'run' would, and the code
    that a capsule carries is not. Exits with 2 if anything is wrong.
    """
    looked = [one for name in files for one in look_at(name, (catalog.experiments, catalog.suites))]
    code = 0 if all(one.is_right for one in looked) else USAGE
    if output == "json":
        sys.stdout.buffer.write(msgspec.json.encode({"exit_code": code, "files": looked}) + b"\n")
        sys.stdout.flush()
        return code
    screen = Screen(quiet=False)
    for one in looked:
        place = f"{one.file}:{one.line}" if one.line else one.file
        if one.is_right:
            screen.say(f"right  {place}: {one.what}", "green")
        else:
            screen.say(f"WRONG  {place}: {one.what}: {one.error}", "red")
    return code
