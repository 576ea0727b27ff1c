"""Functions and source lines of an object, by offset, from binutils; without these, offsets only."""

from __future__ import annotations

import subprocess
from bisect import bisect_right
from functools import cached_property
from pathlib import Path

import msgspec

TOOL_SECONDS_MAX = 120
FUNCTIONS = ("t", "T", "w", "W", "i")


class Place(msgspec.Struct, frozen=True):
    """A place in a target's code."""

    function: str
    file: str
    line: int

    @property
    def file_name(self) -> str:
        """The file's name without its directories."""
        return Path(self.file).name

    def is_in(self, folders: tuple[str, ...]) -> bool:
        """Return whether its file is in one of these folders."""
        return any(folder in self.file for folder in folders)

    def __str__(self) -> str:
        return f"{self.function} at {self.file_name}:{self.line}" if self.line else self.function


class Symbols:
    """The symbols of one object, read when they are first asked for."""

    def __init__(self, library: Path) -> None:
        self.library = library
        self._known: dict[int, str] = {}
        self._places: dict[int, list[Place]] = {}

    @cached_property
    def _table(self) -> tuple[list[int], list[str]]:
        rows = []
        for line in self._ask(["nm", "--defined-only", str(self.library)]).splitlines():
            address, kind, name = line.split(maxsplit=2)
            if kind in FUNCTIONS:
                rows.append((int(address, 16), name))
        rows.sort()
        return [address for address, _ in rows], [name for _, name in rows]

    def function_at(self, offset: int) -> str:
        """Return the name of the function that this offset lies in."""
        name = self._known.get(offset)
        if name is None:
            addresses, names = self._table
            place = bisect_right(addresses, offset) - 1
            name = names[place] if place >= 0 else f"function at {offset:#x}"
            self._known[offset] = name
        return name

    def places(self, offsets: tuple[int, ...]) -> list[Place]:
        """Return function, file and line for return addresses, inlined functions included, the innermost first."""
        # A return address belongs to the call before it.
        wanted = [offset - 1 for offset in offsets]
        unknown = [offset for offset in dict.fromkeys(wanted) if offset not in self._places]
        if unknown:
            asked = [hex(offset) for offset in unknown]
            command = ["addr2line", "-a", "-f", "-i", "-e", str(self.library), *asked]
            answers = _answers(self._ask(command).splitlines())
            self._places |= {offset: answers[offset] for offset in unknown if offset in answers}
        return [place for offset in wanted for place in self._places_at(offset)]

    def _places_at(self, offset: int) -> list[Place]:
        """Return what is known of an address; without an answer, its function alone."""
        return self._places.get(offset) or [Place(self.function_at(offset), "", 0)]

    @staticmethod
    def _ask(command: list[str]) -> str:
        try:
            done = subprocess.run(  # noqa: S603  # a fixed program, with offsets
                command, capture_output=True, text=True, timeout=TOOL_SECONDS_MAX, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout


def _answers(lines: list[str]) -> dict[int, list[Place]]:
    """Return the places by address: each address has a line, then two for each function, the innermost first."""
    answers: dict[int, list[Place]] = {}
    places: list[Place] = []
    rest = iter(lines)
    for line in rest:
        if line.startswith("0x"):
            places = answers.setdefault(int(line, 16), [])
        else:
            places.append(_place(line, next(rest, "")))
    return answers


def _place(function: str, where: str) -> Place:
    file, _, line = where.partition(" (")[0].rpartition(":")
    return Place(function, file, int(line) if line.isdigit() else 0)
