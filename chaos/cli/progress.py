"""Progress on long work: a bar on stderr where that is a terminal, elsewhere nothing."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from chaos.shrinking.shrinker import Case


class Bar:
    """The work in progress: how far it is, and how long it has taken."""

    def __init__(self, description: str, total: int | None = None, *, is_wanted: bool) -> None:
        self._description = description
        self._total = total
        self._progress = _rich_progress(total) if is_wanted and is_seen() else None

    def __enter__(self) -> Bar:
        if self._progress is not None:
            self._progress.add_task(self._description, total=self._total, state="")
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def advance(self, state: str) -> None:
        """Show that one more is done."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], advance=1, state=state)

    def at(self, done: int, state: str) -> None:
        """Show how many are done."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=done, state=state)

    def describe(self, description: str) -> None:
        """Show that something else is being done."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], description=description)

    def show_case(self, case: Case, executions: int) -> None:
        """Show the smallest case so far."""
        from chaos.showing.wording.phrases import counted

        self.describe(
            f"{counted(case.outside, 'step')} of hosts, operator and nemesis, "
            f"{counted(case.choices, 'scheduling choice')}, {counted(executions, 'execution')}"
        )


def is_seen() -> bool:
    """Return whether stderr is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _rich_progress(total: int | None) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    text, state = TextColumn("{task.description}"), TextColumn("{task.fields[state]}")
    if total is None:
        columns = (SpinnerColumn(), text, state, TimeElapsedColumn())
        return Progress(*columns, console=console, transient=True)
    bar = (BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(text, *bar, state, *times, console=console, transient=True)
