"""``raidstorm validate``: what files are, and what is wrong with them."""

from __future__ import annotations

import msgspec

from chaos.cli.parameters import USAGE, Catalog
from chaos.cli.screen import Screen, print_json
from chaos.files.validating import Looked, look_at


class ValidateArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    files: tuple[str, ...]
    output: str = "text"


def run(catalog: Catalog, arguments: ValidateArguments) -> int:
    """Look at the files, print what they are, and return the exit code."""
    looked = execute(catalog, arguments)
    code = 0 if all(one.is_right for one in looked) else USAGE
    if arguments.output == "json":
        print_json({"exit_code": code, "files": looked})
        return code
    screen = Screen()
    for one in looked:
        place = f"{one.file}:{one.line}" if one.line else one.file
        if one.is_right:
            screen.say(f"right  {place}: {one.what}", "green")
        else:
            screen.say(f"WRONG  {place}: {one.what}: {one.error}", "red")
    return code


def execute(catalog: Catalog, arguments: ValidateArguments) -> list[Looked]:
    """Return all that the files hold, right or wrong."""
    built_in = (catalog.experiments, catalog.suites)
    return [one for name in arguments.files for one in look_at(name, built_in)]
