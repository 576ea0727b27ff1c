"""Hints for a wrong value or field in a file: the close ones, or all that exist."""

from __future__ import annotations

import re
from typing import Any, get_args, get_type_hints

import msgspec

from workers.spelling import did_you_mean

NAMED_MAX = 8  # more are not named, unless one of them is close
LISTED = ("faults", "operations")

_PATH = re.compile(r" - at `\$([^`]*)`")
_SEGMENT = re.compile(r"\.?([\w-]+)|\[[^\]]*\]")
_VALUE = re.compile(r"Invalid enum value '([^']*)'")
_FIELD = re.compile(r"(?:unknown field `|nexpected keyword argument ')([\w-]+)[`']")


def with_hint(error: str, kind: type[msgspec.Struct]) -> str:
    """Return an error of the reader of ``kind`` with the value or field that may be meant, or with all of them."""
    path = _PATH.search(error)
    names = [match[1] for match in _SEGMENT.finditer(path[1])] if path else []
    place = _type_at(kind, names)
    value, field = _VALUE.search(error), _FIELD.search(error)
    if value is not None:
        known = [str(one) for one in get_args(place)]
        return error + (_hint(value[1], known, names[-1] or "") or _where_listed(names))
    if field is not None and isinstance(place, type) and issubclass(place, msgspec.Struct):
        return error + _hint(field[1], list(place.__struct_fields__), "")
    return error


def with_keyword_hint(error: str, kinds: tuple[type[msgspec.Struct], ...]) -> str:
    """Return Python's error for an unknown keyword, with the closest field of any of the kinds."""
    field = _FIELD.search(error)
    if field is None:
        return error
    return error + did_you_mean(
        field[1], [name for kind in kinds for name in kind.__struct_fields__]
    )


def _type_at(kind: Any, names: list[str | None]) -> Any:
    """Follow a path of fields; an entry of a list, which has no name, is of the list's own kind."""
    for name in names:
        if name is not None:
            hints = get_type_hints(kind) if isinstance(kind, type) else {}
            kind = hints.get(name)
        else:
            kind = next(iter(get_args(kind)), None)
    return kind


def _where_listed(names: list[str | None]) -> str:
    return f"; 'raidstorm list {names[0]}' shows all of them" if names[0] in LISTED else ""


def _hint(word: str, known: list[str], name: str) -> str:
    close = did_you_mean(word, known)
    if close or not known or not name or len(known) > NAMED_MAX:
        return close
    return f"; {name} is one of {', '.join(known)}"
