"""``raidstorm list``: its arguments."""

from __future__ import annotations

from typing import Any

import click

from chaos.cli.completion import complete_listed
from chaos.cli.parameters import Catalog, Loudness, OneOf, examples
from workers.spelling import did_you_mean

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
    "differences": "where the engine answers otherwise than SPDK",
}
SINGULAR = {
    "experiments": "an experiment",
    "suites": "a suite",
    "defects": "a defect",
    "faults": "a fault",
    "operations": "an operation",
    "checks": "a check",
    "states": "a state",
    "reach": "a count",
    "probes": "an event",
    "drivers": "a driver",
    "strategies": "a strategy",
    "differences": "a declared difference",
}


class Topic(OneOf):
    """A topic; the sentence about a name that stands in topics says in which."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Look it up, or fail with a sentence."""
        name = str(value)
        if name in TOPICS:
            return name
        found = [] if ctx is None else _topics_with(ctx.obj, name)
        if found:
            kinds = " and ".join(SINGULAR[topic] for topic in found)
            raise click.UsageError(f"{name} is {kinds}: raidstorm list {found[0]} {name}")
        raise click.UsageError(
            f"{name!r} is neither a topic nor a name{did_you_mean(name, TOPICS)}"
        )


def _topics_with(catalog: Catalog, name: str) -> list[str]:
    from chaos.cli.listing import lines_of_topic

    return [topic for topic in TOPICS if name in lines_of_topic(catalog, topic)]


@click.command(
    "list",
    epilog=examples(
        "list                  all headings and names",
        "list experiments",
        "list defects -v       with source, trigger, and what finds them",
        "list defects new-channel-null-module-ctx",
    ),
)
@click.argument("topic", type=Topic(list(TOPICS)), required=False)
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
