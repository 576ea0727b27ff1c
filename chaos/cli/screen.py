"""What a person reads on the terminal: results on stdout, progress on stderr where that is a terminal."""

from __future__ import annotations

import os
import sys
from typing import TypedDict

import click

from chaos.cli.parameters import Loudness
from chaos.cli.progress import Bar


class Screen:
    """Lines on stdout, as many as are wanted."""

    def __init__(self, loudness: Loudness = Loudness.NORMAL, *, output: str = "text") -> None:
        self.prints_text = output == "text"
        self.loudness = loudness

    @property
    def is_quiet(self) -> bool:
        """Return whether only the verdict is wanted."""
        return self.loudness is Loudness.QUIET

    @property
    def is_verbose(self) -> bool:
        """Return whether all details are wanted."""
        return self.loudness is Loudness.VERBOSE

    def verdict(self, text: str, style: str | None = None) -> None:
        """Print the line that is left with -q."""
        if self.prints_text:
            click.echo(click.style(text, **_STYLES[style]), color=_color())

    def say(self, text: str = "", style: str | None = None) -> None:
        """Print a line that matters."""
        if not self.is_quiet:
            self.verdict(text, style)

    def detail(self, text: str = "", style: str | None = "dim") -> None:
        """Print a line that -v asks for."""
        if self.is_verbose:
            self.verdict(text, style)

    def progress(self, description: str, total: int | None = None) -> Bar:
        """Make a progress bar; it shows nothing where stderr is no terminal."""
        return Bar(description, total, is_wanted=self.prints_text and not self.is_quiet)


def print_json(value: object) -> None:
    """Print one JSON object, in one line."""
    import msgspec

    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.flush()


def count(number: int, what: str, several: str = "") -> str:
    """Return a number with its noun: 1 run, 2 runs."""
    return f"{number:,} {what if number == 1 else several or what + 's'}"


def _color() -> bool | None:
    """Return what NO_COLOR and FORCE_COLOR say; None leaves it to the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


class _Style(TypedDict, total=False):
    fg: str
    bold: bool
    dim: bool


_STYLES: dict[str | None, _Style] = {
    None: {},
    "bold": {"bold": True},
    "dim": {"dim": True},
    "green": {"fg": "green"},
    "red": {"fg": "red"},
    "yellow": {"fg": "yellow"},
    "bold green": {"bold": True, "fg": "green"},
    "bold red": {"bold": True, "fg": "red"},
}
