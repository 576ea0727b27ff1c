"""``raidstorm list`` and ``raidstorm doctor``: looking around."""

from __future__ import annotations

import click

from chaos.base.doctor import clean, leftovers, machine_lines
from chaos.checkers import CHECKS, Verdict
from chaos.cli.parameters import Catalog
from chaos.cli.screen import Screen
from chaos.drivers.make import DRIVERS
from chaos.plan.faults import FAULTS
from chaos.plan.operations import OPERATIONS
from chaos.plan.reach_vocabulary import STATES
from chaos.plan.strategies import STRATEGIES
from workers.defects.loader import known_defects, summary
from workers.probes import PROBES
from workers.protocol import DefectSource

LIST_TOPICS = (
    "experiments",
    "suites",
    "defects",
    "faults",
    "checks",
    "probes",
    "drivers",
    "strategies",
)


@click.command("list")
@click.argument("topic", type=click.Choice(LIST_TOPICS), required=False)
@click.pass_obj
def list_command(catalog: Catalog, topic: str | None) -> None:
    """List what there is to run, to break and to check."""
    screen = Screen(quiet=False)
    tables = {
        "experiments": {name: value.description for name, value in catalog.experiments.items()},
        "suites": {name: value.description for name, value in catalog.suites.items()},
        "defects": {name: summary(DefectSource(name)) for name in known_defects()},
        "faults": {name: row.what for name, row in FAULTS.items()}
        | {name: row.what for name, row in OPERATIONS.items()},
        "checks": {name: description for name, (_, description) in CHECKS.items()},
        "probes": PROBES,
        "states": {name: state.what for name, state in STATES.items()},
        "drivers": DRIVERS,
        "strategies": {name: strategy.text for name, strategy in STRATEGIES.items()},
    }
    titles = [topic] if topic else list(LIST_TOPICS)
    if "probes" in titles:
        titles.insert(titles.index("probes"), "states")  # named by what the probes tell
    for title in titles:
        screen.say(title, "bold")
        width = max(len(name) for name in tables[title])
        for name, description in tables[title].items():
            screen.say(f"  {name:<{width}}  {description}")


@click.command("doctor")
@click.option("--clean", "do_clean", is_flag=True, help="Remove what killed runs left behind.")
def doctor_command(do_clean: bool) -> int:
    """Say what this machine offers, and what killed runs have left behind."""
    screen = Screen(quiet=False)
    fine = True
    for is_fine, line in machine_lines():
        fine = fine and is_fine
        screen.say(f"{'ok ' if is_fine else 'BAD'} {line}", None if is_fine else "red")
    if do_clean:
        removed = clean()
        for leftover in removed:
            screen.say(f"removed {leftover.path}, left by process {leftover.owner_pid}")
    for leftover in leftovers():
        if leftover.owner_is_alive:
            screen.say(f"in use  {leftover.path}, by process {leftover.owner_pid}")
        else:
            screen.say(f"left    {leftover.path}, by process {leftover.owner_pid}, which is gone")
            fine = False
    if not do_clean and not fine:
        screen.say("'raidstorm doctor --clean' removes what is left over")
    return 0 if fine else int(Verdict.INVALID)
