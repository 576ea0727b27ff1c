"""Known failures: what its users have triaged, in TOML files. A run that fails like that is neither red nor green."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkstemp

import msgspec

from chaos.base.line_finder import line_of, line_of_error
from chaos.plan.wrong_values import line_path_of, with_hint

# A word of its own, so that the digits of a commit are no version.
_NUMBERS = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)*)")
_BOUND = re.compile(r"v?\d+(?:\.\d+)*")


class KnownError(Exception):
    """A file of known failures can't be used; the message is one sentence."""


class KnownFailure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry; ``first`` and ``last`` bound the target's version, and are within the bounds."""

    signature: str  # a pattern for the whole signature: * stands for any text
    title: str
    link: str = ""
    first: str = ""
    last: str = ""

    def matches(self, signature: str) -> bool:
        """Return whether a failure with this signature is this one, in the versions that the entry is for."""
        return _pattern(self.signature).fullmatch(signature) is not None

    def is_for(self, version: str | None) -> bool:
        """Return whether the entry is for this version of the target; None is the built-in engine, which has none.

        A bound counts as many numbers as it has: 24.09.1 is within a last version of 24.09.
        """
        if not (self.first or self.last):
            return True
        numbers = _numbers(version or "")
        if not numbers:
            return False
        first, last = _numbers(self.first), _numbers(self.last)
        return numbers >= first and (not last or numbers[: len(last)] <= last)


class KnownFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a file."""

    known: tuple[KnownFailure, ...] = ()


@cache
def _pattern(signature: str) -> re.Pattern[str]:
    """Make only * special: a signature may have brackets in it, and matches itself as it is."""
    return re.compile(".*".join(map(re.escape, signature.split("*"))), re.DOTALL)


def _numbers(version: str) -> tuple[int, ...]:
    found = _NUMBERS.search(version)
    return tuple(int(number) for number in found[1].split(".")) if found else ()


def known_as(known: Iterable[KnownFailure], signature: str) -> str:
    """Return the title of the first entry that a signature matches, or ""."""
    return next((one.title for one in known if one.matches(signature)), "")


def links_of(known: Iterable[KnownFailure]) -> dict[str, str]:
    """Return the first link of each title."""
    links: dict[str, str] = {}
    for one in known:
        links[one.title] = links.get(one.title) or one.link
    return links


def read_known(paths: Sequence[str]) -> tuple[KnownFailure, ...]:
    """Read files of known failures; raise KnownError where one can't be used."""
    places: dict[str, str] = {}  # of each signature
    found: list[KnownFailure] = []
    for path in paths:
        for number, one in enumerate(entries_of(path, _text_of(path))):
            place = f"{path}: known[{number}]"
            if one.signature in places:
                raise KnownError(
                    f"{place} has the signature of {places[one.signature]}, {one.signature!r}; "
                    "leave one of them out"
                )
            places[one.signature] = place
            found.append(one)
    return tuple(found)


def _text_of(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise KnownError(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:  # also a path with a null byte
        raise KnownError(f"{path} is not TOML: {error}") from None


def entries_of(path: str, text: str) -> tuple[KnownFailure, ...]:
    """Decode and check the text of one file; ``path`` is for sentences."""
    raw: object = None
    try:
        raw = msgspec.toml.decode(text)
        entries = msgspec.toml.decode(text, type=KnownFile).known
    except msgspec.ValidationError as error:
        line = line_of(text, line_path_of(str(error), raw))
        raise KnownError(_place(path, line) + with_hint(str(error), KnownFile, raw)) from None
    except msgspec.DecodeError as error:
        line = line_of_error(text, str(error))
        raise KnownError(f"{_place(path, line)}this is not TOML: {error}") from None
    for number, one in enumerate(entries):
        wrong = _wrong(one)
        if wrong:
            line = line_of(text, ["known", number])
            raise KnownError(f"{_place(path, line)}known[{number}]: {wrong}")
    return entries


def add_known(path: str, entry: KnownFailure, version: str | None) -> None:
    """Append an entry to a file, or make the file; raise KnownError where it can't be, or the signature is matched.

    The text before it stays as it is, with its comments. ``version`` is that of the target of the entry's run.
    """
    text = _text_of(path) if Path(path).exists() else ""
    for number, one in enumerate(entries_of(path, text)):
        if one.matches(entry.signature):
            why = "" if one.is_for(version) else ", for other versions; change its first or last"
            raise KnownError(
                f"{path}: known[{number}], {one.title!r}, matches {entry.signature!r} already{why}"
            )
    wrong = _wrong(entry)
    if wrong:
        raise KnownError(f"this can't be an entry: {wrong}")
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    whole = text + gap + _written(entry)
    entries_of(path, whole)  # for example an array known = [] can't be continued
    _write(Path(path), whole)


def _written(entry: KnownFailure) -> str:
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    lines = [f"{name} = {_string(value)}" for name, value in fields.items() if value]
    return "\n".join(["[[known]]", *lines]) + "\n"


def _string(value: str) -> str:
    """Write a TOML string; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _write(path: Path, text: str) -> None:
    """Write the whole file, or leave the old one; a link stays one."""
    try:
        path = path.resolve()
        descriptor, unfinished = mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
            os.chmod(unfinished, 0o644)
            if path.exists():
                shutil.copymode(path, unfinished)
            os.replace(unfinished, path)
        except BaseException:
            os.unlink(unfinished)
            raise
    except OSError as error:
        raise KnownError(f"{path} can't be written: {error.strerror}") from None
    except UnicodeEncodeError:
        raise KnownError("this can't be an entry: a text in it is not Unicode") from None


def _place(path: str, line: int) -> str:
    return f"{path}:{line}: " if line else f"{path}: "


def _wrong(one: KnownFailure) -> str:
    """Return what is wrong with the values of an entry, or ""."""
    for field in ("signature", "title"):
        if not getattr(one, field).strip():
            return f"its {field} is empty"
    if len(one.title.splitlines()) > 1:
        return "its title has several lines; write one"
    for field in ("first", "last"):
        bound = getattr(one, field)
        if bound and not _BOUND.fullmatch(bound):
            return f"{field} = {bound!r} is not a version; write numbers with dots, such as 24.09"
    if one.first and one.last and _numbers(one.first) > _numbers(one.last):
        return f"first = {one.first!r} comes after last = {one.last!r}"
    return ""
