"""``raidstorm shrink``: the smallest run that fails in the same way."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chaos.base.interrupt import Interrupt
from chaos.checkers.finding import NAMES
from chaos.cli.minimizing import Shrunk, folder_of, make_ready, make_small
from chaos.cli.parameters import INTERRUPTED, Catalog
from chaos.cli.screen import Screen, count, print_json
from chaos.cli.voting import by_vote, show_voted
from chaos.shrinking.files import MINIMAL
from chaos.shrinking.vote import Voted, is_for_vote
from chaos.store.capsule import unfinished_line


class ShrinkArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    target: str
    budget: float  # seconds of processor time
    allow_code: bool = False
    out: str | None = None
    output: str = "text"


def run(catalog: Catalog, arguments: ShrinkArguments) -> int:
    """Shrink the target, print what is left, and return 0 when that is done: the failure is what was asked for."""
    interrupt = Interrupt()
    screen = Screen(output=arguments.output)
    folder, small = execute(catalog, arguments, screen, interrupt)
    if isinstance(small, Voted):
        show_voted(folder, small, screen)
    elif screen.prints_text:
        _show(screen, small)
    else:
        _print_json(folder, small)
    return INTERRUPTED if interrupt.requested else 0


def execute(
    catalog: Catalog, arguments: ShrinkArguments, screen: Screen, interrupt: Interrupt
) -> tuple[Path, Shrunk | Voted]:
    """Return the directory of the files, and the small run, or, for a free run that can't be replayed, its plan."""
    ready = make_ready(catalog, arguments.target, allow_code=arguments.allow_code)
    folder = folder_of(arguments.target, arguments.out)
    interrupt.install()
    if is_for_vote(ready.capsule):
        voted = by_vote(ready, arguments.budget, interrupt, screen)
        if voted.rebuilt is None:
            return folder, voted
        ready = msgspec.structs.replace(ready, capsule=voted.rebuilt)
    return folder, make_small(ready, folder, arguments.budget, interrupt, screen)


def _print_json(folder: Path, shrunk: Shrunk) -> None:
    minimal, report = shrunk.minimal, shrunk.report
    print_json(
        {
            "exit_code": report.code,
            "signature": minimal.finding.signature,
            "outside_before": minimal.outside_before,
            "outside": minimal.outside,
            "set_up": minimal.set_up,
            "choices": minimal.choices,
            "steps": report.steps,
            "executions": minimal.executions,
            "seconds": round(shrunk.seconds, 2),
            "minimal": str(folder / MINIMAL),
            "was_there": shrunk.was_there,
            "unfinished": unfinished_line(minimal.capsule),
        }
    )


def _show(screen: Screen, shrunk: Shrunk) -> None:
    minimal = shrunk.minimal
    screen.say(f"{NAMES[shrunk.report.code]}: {minimal.finding.signature}", "bold red")
    screen.say(
        f"  from {minimal.outside_before} to {count(minimal.outside, 'step')} of hosts, operator and nemesis "
        f"({minimal.set_up} of them set the target up), {count(minimal.choices, 'scheduling choice')} off the "
        f"default order; {count(minimal.executions, 'execution')} in {shrunk.seconds:.1f} s of processor time"
    )
    unfinished = unfinished_line(minimal.capsule)
    if unfinished:
        screen.say(f"  {unfinished}", "yellow")
    if shrunk.was_there:
        screen.say(
            "  it was there already, and is smaller than what this time has found, so it stays"
        )
    for line in shrunk.report.story:
        screen.say(f"    {line}")
    screen.say(f"  replay: {shrunk.replay}", "bold")
