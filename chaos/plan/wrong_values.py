"""Sentences about a wrong value or field in a file: where it is, what to write, and the names that are close."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from workers.spelling import did_you_mean

NAMED_MAX = 12  # more are not named, unless one of them is close
SHOWN_MAX = 40  # characters of a value; a longer one is not shown
LISTED = ("faults", "operations")
TABLES = (*LISTED, "sequence", "facets", "known")

_PATH = re.compile(r" - at `\$([^`]*)`")
_STEP = re.compile(r"\.?([\w-]+)|\[(\d+)\]|\[\.\.\.\]")
_VALUE = re.compile(r"Invalid enum value '([^']*)'")
_FIELD = re.compile(r"(?:unknown field `|nexpected keyword argument ')([\w-]+)[`']")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]+)`")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_TYPES = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_LENGTH = re.compile(r"Expected `array` of length 2, got (\d+)")
_WANTED = {
    "int": "a whole number",
    "int | array": "a whole number or [low, high]",
    "int | str": "a whole number or a name",
    "float": "a number",
    "str": "a string",
    "str | object": "the name of an experiment",
    "array": "a list",
    "object": "a table",
}
_GOT = {
    "int": "a whole number",
    "str": "a string",
    "bool": "a boolean",
    "array": "a list",
    "object": "a table",
}

KeyPath = list[str | int]  # names, and numbers of entries of a list, from 0


def with_hint(error: str, kind: type[msgspec.Struct], raw: object = None) -> str:
    """Return an error of the reader of ``kind`` in words, with the value or field that may be meant, or with all of them.

    ``raw`` is the content of the file, for the value at hand.
    """
    path = path_of(error, raw)
    place = _type_at(kind, path)
    sentence = _in_words(error, path, raw)
    value, field = _VALUE.search(error), _FIELD.search(error)
    if value is not None:
        known = _allowed(place)
        name = str(path[-1]) if path and isinstance(path[-1], str) else ""
        return sentence + (_hint(value[1], known, name) or _where_listed(path))
    if field is not None and isinstance(place, type) and issubclass(place, msgspec.Struct):
        return sentence + _hint(field[1], list(place.__struct_fields__), "a field here")
    return sentence


def with_keyword_hint(error: str, kinds: tuple[type[msgspec.Struct], ...]) -> str:
    """Return Python's error for an unknown keyword, with the closest field of any of the kinds."""
    field = _FIELD.search(error)
    if field is None:
        return error
    return error + did_you_mean(
        field[1], [name for kind in kinds for name in kind.__struct_fields__]
    )


def path_of(error: str, raw: object) -> KeyPath:
    """Return the keys that lead to the value that an error of the reader is about."""
    at = _PATH.search(error)
    path: KeyPath = []
    for name, number in _STEP.findall(at[1] if at else ""):
        if name or number:
            path.append(name or int(number))
        else:  # [...] is a value of a table of whole numbers; the reader doesn't report its key
            path += _wrong_keys(_value_at(raw, path))[:1]
    return path


def line_path_of(error: str, raw: object) -> KeyPath:
    """Return the keys that lead to the line that is wrong: those of the value, or of a field that is unknown."""
    unknown = _UNKNOWN.search(error)
    path = path_of(error, raw)
    return [*path, unknown[1]] if unknown is not None else path


def shown(path: KeyPath) -> str:
    """Return a path as in faults[0].count; a gate is named as in other sentences about it."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif text.endswith(("reach", "reach_per_run")):
            text += f" {step}"
        else:
            text += f".{step}" if text else step
    return text


def _in_words(error: str, path: KeyPath, raw: object) -> str:
    name = shown(path)
    before = f"{name}: " if name else ""
    value = _shown_value(_value_at(raw, path))
    if (unknown := _UNKNOWN.search(error)) is not None:
        return f"{before}unknown field {unknown[1]!r}"
    if (missing := _MISSING.search(error)) is not None:
        return f"{before}the field {missing[1]!r} is missing"
    if (wrong := _VALUE.search(error)) is not None:
        return f"{name} = {wrong[1]!r} is unknown"
    if (types := _TYPES.search(error)) is not None:
        got = _GOT.get(types[2], f"a {types[2]}")
        return f"{name}{value} is {got}; write {_wanted(types[1], path)}"
    if (length := _LENGTH.search(error)) is not None:
        return f"{name}{value} is a list of length {length[1]}; write [low, high]"
    return before + _PATH.sub("", error)


def _wanted(types: str, path: KeyPath) -> str:
    types = types.removesuffix(" | null")
    if types == "array" and len(path) == 1 and path[0] in TABLES:
        return f"[[{path[0]}]] above each"
    if types == "array" and path[-1:] == ["between"]:
        return "[low, high]"
    return _WANTED.get(types, f"a value of type {types}")


def _value_at(raw: object, path: KeyPath) -> object:
    """Return the value in a file's content; None where there is none."""
    value: Any = raw
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _wrong_keys(table: object) -> KeyPath:
    if not isinstance(table, dict):
        return []
    return [str(key) for key, value in table.items() if type(value) is not int]


def _shown_value(value: object) -> str:
    """Return " = VALUE" as it is written in a file; empty for tables, and for what is long."""
    if value is None or isinstance(value, dict):
        return ""
    try:
        text = msgspec.json.encode(value).decode().replace(",", ", ")
    except (TypeError, ValueError):
        return ""
    return f" = {text}" if len(text) <= SHOWN_MAX else ""


def _type_at(kind: Any, path: KeyPath) -> Any:
    """Follow a path of fields; an entry of a list is of the list's own kind."""
    for step in path:
        if isinstance(step, str):
            hints = get_type_hints(kind) if isinstance(kind, type) else {}
            kind = hints.get(step)
        else:
            kind = next(iter(get_args(kind)), None)
    return kind


def _allowed(kind: Any) -> list[str]:
    """Return the strings that a type allows, also where it allows other things besides."""
    parts = get_args(kind)
    if get_origin(kind) is Literal:
        return [str(one) for one in parts]
    return [name for part in parts for name in _allowed(part)]


def _where_listed(path: KeyPath) -> str:
    listed = bool(path) and path[0] in LISTED
    return f"; 'raidstorm list {path[0]}' shows all of them" if listed else ""


def _hint(word: str, known: list[str], name: str) -> str:
    close = did_you_mean(word, known)
    if close or not known or not name or len(known) > NAMED_MAX:
        return close
    return f"; {name} is one of {', '.join(known)}"
