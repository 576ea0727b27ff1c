"""Find defects, read them, and compose them into a record of engine classes.

A defect file holds subclasses of engine classes; the methods they define replace the reference engine's.
"""

from __future__ import annotations

import dataclasses
import hashlib
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from workers.engine import EngineClasses
from workers.errors import ANYTHING_RAISED
from workers.protocol import DefectSource
from workers.spelling import did_you_mean

FOLDER = Path(__file__).parent
_NO_DEFECTS = {"__init__", "loader"}


class DefectError(Exception):
    """A defect can't be used; the message is one sentence."""


def known_defects() -> list[str]:
    """Return the ids of the built-in defects, sorted."""
    stems = (path.stem for path in FOLDER.glob("*.py"))
    return sorted(stem.replace("_", "-") for stem in stems if stem not in _NO_DEFECTS)


def read_defect(name: str) -> DefectSource:
    """Read a defect by its id, or by the path of a Python file (anything that ends in ``.py``)."""
    if name.endswith(".py"):
        path = Path(name)
        try:
            source = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise DefectError(f"defect file {name} can't be read: {error}") from None
        defect = DefectSource(path.stem.replace("_", "-"), source)
    elif name in known_defects():
        defect = DefectSource(name)
    else:
        hint = did_you_mean(name, known_defects()) or (
            "; 'raidstorm list defects' shows them, and a file of your own must end in .py"
        )
        raise DefectError(f"there is no defect {name!r}{hint}")
    compose((defect,))
    return defect


def source_text(defect: DefectSource) -> str:
    """Return the defect's source text."""
    if defect.source is not None:
        return defect.source
    if defect.id not in known_defects():  # an id is never a path
        raise DefectError(f"there is no built-in defect {defect.id!r}")
    return (FOLDER / (defect.id.replace("-", "_") + ".py")).read_text(encoding="utf-8")


def digest(defect: DefectSource) -> str:
    """Return the SHA-256 of the defect's source text, in hex."""
    return hashlib.sha256(source_text(defect).encode()).hexdigest()


def summary(defect: DefectSource) -> str:
    """Return the first line of the defect's docstring."""
    return docstring(defect).partition("\n")[0]


def docstring(defect: DefectSource) -> str:
    """Return what the defect's file says of it: what is wrong, its source, its trigger, and what catches it."""
    return (_module(defect).__doc__ or "").strip()


@lru_cache(maxsize=64)
def compose(defects: tuple[DefectSource, ...]) -> EngineClasses:
    """Compose the classes of the reference engine with these defects.

    Raise DefectError for code that doesn't load, replaces nothing, or replaces a method that another one replaces.
    """
    reference = EngineClasses()
    for number, defect in enumerate(defects):
        if defect in defects[:number]:
            raise DefectError(f"defect {defect.id} is named twice")
    replacements: dict[str, list[type]] = {}
    owners: dict[str, str] = {}
    for defect in defects:
        for field, replacement in _replacements(defect, reference):
            for method in _replaced(replacement):
                what = f"{getattr(reference, field).__name__}.{method}"
                if what in owners:
                    raise DefectError(
                        f"defects {owners[what]} and {defect.id} both replace {what}; use one of them"
                    )
                owners[what] = defect.id
            replacements.setdefault(field, []).append(replacement)
    composed = {
        field: type(classes[0].__name__, tuple(classes), {"__slots__": ()})
        for field, classes in replacements.items()
    }
    return dataclasses.replace(reference, **composed) if composed else reference


def _replacements(defect: DefectSource, reference: EngineClasses) -> list[tuple[str, type]]:
    module = _module(defect)
    fields = {getattr(reference, field.name): field.name for field in dataclasses.fields(reference)}
    found = []
    for value in vars(module).values():
        if not isinstance(value, type) or value.__module__ != module.__name__:
            continue
        base = value.__base__
        field = fields.get(base) if base is not None else None
        if base is None or field is None:
            continue
        for method in _replaced(value):
            if not method.startswith("_") and not hasattr(base, method):
                raise DefectError(
                    f"defect {defect.id}: {base.__name__} has no method {method} to replace"
                )
        found.append((field, value))
    if not found:
        raise DefectError(
            f"defect {defect.id} has no subclass of an engine class, so it replaces nothing"
        )
    return found


def _replaced(replacement: type) -> list[str]:
    dunder = (name for name, value in vars(replacement).items() if callable(value))
    return [name for name in dunder if not (name.startswith("__") and name != "__init__")]


@lru_cache(maxsize=64)
def _module(defect: DefectSource) -> ModuleType:
    module = ModuleType("raidstorm_defect_" + defect.id.replace("-", "_"))
    try:
        code = compile(source_text(defect), f"{defect.id}.py", "exec")
        exec(code, module.__dict__)  # noqa: S102  # the user's own code, named by the user
    except DefectError:
        raise
    except SyntaxError as error:
        raise DefectError(
            f"defect {defect.id} has a syntax error in line {error.lineno}: {error.msg}"
        ) from None
    except ANYTHING_RAISED as error:  # code from outside may raise anything
        raise DefectError(f"defect {defect.id} can't be loaded: {error}") from None
    return module
