"""``raidstorm doctor``: its arguments."""

from __future__ import annotations

import click

from chaos.cli.parameters import examples, target_options


@click.command(
    "doctor",
    epilog=examples("doctor", "doctor --clean"),
)
@click.option("--clean", "do_clean", is_flag=True, help="Remove what killed runs left behind.")
@target_options
def command(do_clean: bool) -> int:
    """Check what this machine offers, and list what killed runs have left behind.

    With --spdk or --target: also what that target offers, once it is built. Exits with 1 when something is wrong or left over.
    """
    from chaos.cli.doctor import run

    return run(do_clean=do_clean)
