"""``raidstorm list``: its arguments."""

from __future__ import annotations

import click

from chaos.cli.completion import complete_listed
from chaos.cli.parameters import Catalog, Loudness, OneOf, examples

TOPICS = {
    "experiments": "what to run",
    "suites": "experiments with drivers and sizes",
    "defects": "known defects of SPDK that the engine can have",
    "faults": "what the nemesis breaks",
    "operations": "what the operator does",
    "checks": "what a run is judged by",
    "states": "states of the target, for gates",
    "reach": "counts of events, for gates",
    "probes": "events that the engine emits",
    "drivers": "where the engine runs",
    "strategies": "how seeds search",
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
    """List what there is to run, to break and to check: headings with counts; with a topic, a line for each; with
    names or -v, the details.
    """
    from chaos.cli.listing import ListArguments, show

    loudness = Loudness.VERBOSE if verbose else Loudness.NORMAL
    show(catalog, ListArguments(topic, names, loudness))
