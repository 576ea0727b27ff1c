"""``raidstorm list``: its arguments."""

from __future__ import annotations

import click

from chaos.cli.completion import complete_listed
from chaos.cli.parameters import Catalog, Loudness, OneOf, examples

TOPICS = {
    "experiments": "what to run",
    "suites": "experiments with drivers and sizes",
    "defects": "known defects of SPDK that the engine can have",
    "faults": "faults that the nemesis injects",
    "operations": "operations that the operator plans",
    "checks": "promises that are checked in every run",
    "states": "states of the target, for gates",
    "reach": "counts of events, for gates",
    "probes": "events that the engine emits",
    "drivers": "ways to run the engine",
    "strategies": "ways in which seeds search",
}


@click.command(
    "list",
    epilog=examples(
        "list                  all headings and names",
        "list experiments",
        "list defects -v       with source, trigger, and what finds them",
        "list defects new-channel-null-module-ctx",
    ),
)
@click.argument("topic", type=OneOf(list(TOPICS)), required=False)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_listed)
@click.option("-v", "--verbose", is_flag=True, help="Print all details of the topic.")
@click.pass_obj
def command(catalog: Catalog, topic: str | None, names: tuple[str, ...], verbose: bool) -> None:
    """List experiments, faults, checks and all other names: headings with counts; with a topic, a line for each; with
    names or -v, the details.
    """
    from chaos.cli.listing import ListArguments, show

    loudness = Loudness.VERBOSE if verbose else Loudness.NORMAL
    show(catalog, ListArguments(topic, names, loudness))
