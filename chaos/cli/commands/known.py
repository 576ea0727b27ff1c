"""``raidstorm known``: its arguments."""

from __future__ import annotations

import click

from chaos.cli.completion import complete_files
from chaos.cli.parameters import Catalog, Target, examples

ADD = 'known add runs/latest-failure --title "channel in a rebuild"'
ADD_LINKED = 'known add RUN_DIR --title "..." --link URL --file spdk.toml'
LIST = "known list known.toml"


@click.group("known", epilog=examples(ADD, LIST))
def command() -> None:
    """Files of known failures, for --known of run, suite and soak.

    Each entry is a [[known]] table with signature, title, and optionally link, first and last. The signature is a
    pattern for a whole signature, in which * stands for any text; all other characters stand for themselves. The
    versions first and last, such as 24.09, bound those of the target that the entry is for.
    """


@command.command("add", epilog=examples(ADD, ADD_LINKED))
@click.argument(
    "target", metavar="RUN_DIR|CAPSULE.json", type=Target(), shell_complete=complete_files
)
@click.option("--title", required=True, help="What it is, in a line; failures are counted by it.")
@click.option("--link", default="", help="Where it is described, such as an issue.")
@click.option(
    "--file",
    default="known.toml",
    show_default=True,
    metavar="FILE.toml",
    shell_complete=complete_files,
    help="The file, which is made where there is none.",
)
@click.pass_obj
def add_command(catalog: Catalog, target: str, title: str, link: str, file: str) -> int:
    """Append an entry with the signature of a failing run; the rest of the file stays as it is."""
    from chaos.cli.known import add

    return add(catalog, target, file, title=title, link=link)


@command.command("list", epilog=examples(LIST))
@click.argument("file", metavar="FILE.toml", shell_complete=complete_files)
def list_command(file: str) -> int:
    """Print the entries of a file, or what is wrong with it."""
    from chaos.cli.known import show

    return show(file)
