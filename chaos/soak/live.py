"""A soak on a terminal: a display that is redrawn, or one line a minute where the output is no terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from chaos.checkers.finding import NAMES
from chaos.showing.wording.phrases import counted
from chaos.soak.page import clock, counted_apart, number
from chaos.soak.state import SoakState, green_line

SHOWN_MAX = 12
LINE_SECONDS = 60.0
REFRESH_SECONDS = 0.5


class Display:
    """Shows the state; ``show`` does so only when it is time."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._due = 0.0

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def show(self, state: SoakState) -> None:
        """Show the state, if it is time."""
        if state.seconds < self._due:
            return
        if self.console.is_terminal:
            self._due = state.seconds + REFRESH_SECONDS
            self._live.update(display_of(state), refresh=True)
        else:
            self._due = state.seconds + LINE_SECONDS
            self.console.print(line_of(state), markup=False, highlight=False, soft_wrap=True)


def line_of(state: SoakState) -> str:
    """Put the state into one line."""
    rate = state.runs / state.seconds if state.seconds else 0.0
    signatures = len([group for group in state.groups.values() if not group.same_as])
    ways = "1 signature" if signatures == 1 else f"{signatures} signatures"
    failures = f"{number(state.failed)} failed with {ways}, " if signatures else ""
    if state.known:
        kinds = counted(len(state.known), "kind")
        failures += f"{counted_apart(state.known_total, 'known failure')} ({kinds}), "
    return (
        f"{clock(state.seconds)} of {clock(state.arguments.seconds)}: {number(state.runs)} runs "
        f"({rate:.1f} a second), {failures}{green_line(state)}; {100 * state.busy:.0f} % at work"
    )


def display_of(state: SoakState) -> RenderableType:
    """Lay out lanes, failures and canaries."""
    lanes = Table(box=None, pad_edge=False, header_style="dim")
    lanes.add_column("lane")
    for title in ("seeds", "runs", "failed"):
        lanes.add_column(title, justify="right")
    for lane in state.lanes[:SHOWN_MAX]:
        style = "red" if lane.failed else None
        seeds = f"{lane.first_seed}..{lane.next_seed - 1}"
        lanes.add_row(lane.name, seeds, number(lane.runs), number(lane.failed), style=style)
    parts: list[RenderableType] = [
        Text(f"soak of {state.arguments.suite}  ", style="bold").append(line_of(state), "default"),
        lanes,
    ]
    if len(state.lanes) > SHOWN_MAX:
        parts.append(Text(f"and {len(state.lanes) - SHOWN_MAX} more", style="dim"))
    for group in list(state.groups.values())[:SHOWN_MAX]:
        small = f"; {group.minimal_steps[1]} steps: {group.minimal}" if group.minimal else ""
        parts.append(
            Text(f"{NAMES[group.code]} in {group.count}: {group.signature}{small}", style="red")
        )
    caught = sum(one.caught for one in state.canaries)
    missed = sum(one.missed for one in state.canaries)
    if state.canaries:
        style = "red" if missed else "green"
        parts.append(Text(f"canaries: {caught} caught, {missed} missed", style=style))
    return Group(*parts)
