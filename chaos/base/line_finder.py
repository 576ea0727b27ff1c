"""Find the line of a file that a reader's sentence about a mistake means."""

from __future__ import annotations

import re
from collections.abc import Sequence

KeyPath = Sequence[str | int]  # names, and numbers of tables of the same name, from 0

_LINE = re.compile(r"\bline (\d+)")
# As experiments and suites word what is out of bounds.
WHOSE = re.compile(r"^(?:experiment|suite) \S+: ")
_OURS = re.compile(
    r"(?:(?P<table>[a-z]+)\[(?P<number>\d+)\](?:: |\.)?)?"
    r"(?:(?P<gates>reach(?:_per_run)?) (?P<gate>.+?) = |(?P<field>[a-z_]+))?"
)
_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_INLINE = re.compile(r"""\s*[\w.-]+\s*=\s*\[\s*(?:\{|#|$)""")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[\w.-]+)\s*=""")


def line_of_error(text: str, error: str) -> int:
    """Return the line of a TOML file that an error is about; 0 where it names none."""
    line = _LINE.search(error)
    if line is not None:
        return int(line[1])
    return line_of(text, _path_of(error))


def _path_of(error: str) -> KeyPath:
    ours = _OURS.match(WHOSE.sub("", error))
    assert ours is not None, "all of its parts are optional"
    path: list[str | int] = []
    if ours["table"]:
        path += [ours["table"], int(ours["number"])]
    if ours["gate"]:
        path += [ours["gates"], ours["gate"]]
    if ours["field"]:
        path.append(ours["field"])
    return path


def line_of(text: str, path: KeyPath) -> int:
    """Return the line of the path's deepest part that is there; 0 when none is."""
    found = 0
    table: list[str | int] = []
    counts: dict[str, int] = {}
    deepest = 0
    array = ""  # the list of inline tables that goes on in this line
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if key is not None and _INLINE.match(line):
            array = _plain(key[1])
            counts[array] = -1
        if array and (depth := _of_inline(line, array, counts, path)):
            if depth > deepest:
                deepest, found = depth, number
            array = "" if line.rstrip().endswith("]") else array
            continue
        if header is not None:
            name = _plain(header[1])
            table = [name]
            if line.strip().startswith("[["):
                counts[name] = counts.get(name, -1) + 1
                table = [name, counts[name]]
            depth = 1 if list(path) == [name] else _common(table, path)
        elif key is not None:
            depth = _common([*table, _plain(key[1])], path)
        else:
            continue
        if depth > deepest:
            deepest, found = depth, number
    return found


def _of_inline(line: str, array: str, counts: dict[str, int], path: KeyPath) -> int:
    """Count the inline tables that begin in a line; return how much of the path is here."""
    depth = 1 if [array] == list(path[:1]) else 0
    for _ in range(line.count("{")):
        counts[array] += 1
        depth = max(depth, _common([array, counts[array]], path))
    return depth


def _common(here: KeyPath, path: KeyPath) -> int:
    """Return how much of the path is here; 0 where this is another place."""
    return len(here) if list(here) == list(path[: len(here)]) else 0


def _plain(name: str) -> str:
    return name.strip("\"'")


def line_of_variable(text: str, name: str) -> int:
    """Return the line of a Python file that gives a variable its value at its top level; 0 where none does."""
    pattern = re.compile(rf"{re.escape(name)}\s*(?::[^=]+)?=(?!=)")
    lines = enumerate(text.splitlines(), 1)
    return next((number for number, line in lines if pattern.match(line)), 0)


def line_of_method(text: str, name: str) -> int:
    """Return the line of a Python file that defines a method; 0 where none does."""
    pattern = re.compile(rf"\s+(?:async )?def {re.escape(name)}\b")
    lines = enumerate(text.splitlines(), 1)
    return next((number for number, line in lines if pattern.match(line)), 0)
