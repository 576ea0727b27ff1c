"""Identify and validate files: experiments, suites, capsules, summaries, defects. Runs no experiment.

What reads summaries and prepares suites can also run them, so it is imported only for a file that needs it.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from chaos.base.line_finder import WHOSE, line_of, line_of_method, line_of_variable
from chaos.campaigns.catalog import Found, checked, from_python_file, from_toml
from chaos.campaigns.known import KnownError, entries_of
from chaos.campaigns.suite import Suite, SuiteError, facets_of
from chaos.judging.user_checks import CodeError, load_check
from chaos.plan.experiment import Experiment, ExperimentError
from chaos.store.capsule import FORMAT as CAPSULE
from chaos.store.capsule import CapsuleError, parse_capsule
from workers.defects.loader import DefectError, read_defect
from workers.engine import EngineClasses

CAPSULE_FILE = "capsule.json"
SUMMARY_FILE = "summary.json"
WRONG = (CapsuleError, CodeError, DefectError, ExperimentError, KnownError, SuiteError)
_OF_KNOWN_FAILURES = re.compile(r"^\s*\[\[\s*known\b", re.MULTILINE)
_OF_A_SUITE = re.compile(r"^\s*(?:\[\[\s*facets?\b|experiments\s*=)", re.MULTILINE)
Built = tuple[Mapping[str, Experiment], Mapping[str, Suite]]


class Looked(msgspec.Struct, frozen=True):
    """One thing in one file; ``line`` is 0 where the error has no place in it, or is of the whole file."""

    file: str
    what: str
    error: str = ""
    line: int = 0

    @property
    def is_right(self) -> bool:
        """Return whether nothing is wrong with it."""
        return not self.error


def look_at(name: str, built_in: Built) -> list[Looked]:
    """Look at all that a file holds; a run directory stands for its capsule, a suite's for its summary."""
    path = Path(name)
    try:
        if path.is_dir():
            inside = [
                path / file for file in (CAPSULE_FILE, SUMMARY_FILE) if (path / file).exists()
            ]
            if not inside:
                return [Looked(name, "directory", f"has neither {CAPSULE_FILE} nor {SUMMARY_FILE}")]
            path = inside[0]
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        return [Looked(name, "file", f"can't be read: {getattr(error, 'strerror', error)}")]
    match path.suffix:
        case ".json":
            return [_json(path, data)]
        case ".toml":
            return _toml(path, data, built_in)
        case ".py":
            return _python(path, data.decode(errors="replace"), built_in)
        case _:
            return [Looked(name, "file", "is neither .toml nor .py nor .json")]


def _json(path: Path, data: bytes) -> Looked:
    try:
        head = json.loads(data)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        return Looked(str(path), "JSON file", f"is not JSON, or was cut short: {error}", line)
    if isinstance(head, dict) and head.get("format") == CAPSULE:
        try:
            capsule = parse_capsule(path, data)
        except WRONG as error:
            return Looked(str(path), "capsule", _without(path, str(error)))
        return Looked(str(path), f"capsule of {capsule.experiment.name}, seed {capsule.seed}")
    return _summary(path, data, head)


def _summary(path: Path, data: bytes, head: object) -> Looked:
    from chaos.campaigns.summary import FORMAT, parse_summary

    if not isinstance(head, dict) or head.get("format") != FORMAT:
        return Looked(str(path), "JSON file", "is neither a capsule nor a suite's summary")
    try:
        return Looked(str(path), f"summary of the suite {parse_summary(path, data).suite}")
    except WRONG as error:
        return Looked(str(path), "suite summary", _without(path, str(error)))


def _toml(path: Path, data: bytes, built_in: Built) -> list[Looked]:
    text = data.decode(errors="replace")
    what = "suite" if _OF_A_SUITE.search(text) else "experiment"
    what = "file of known failures" if _OF_KNOWN_FAILURES.search(text) else what
    try:
        if _OF_KNOWN_FAILURES.search(text):
            return [Looked(str(path), f"{len(entries_of(str(path), text))} known failures")]
        found = from_toml(path)
        what = "suite" if isinstance(found.value, Suite) else "experiment"
        return [Looked(str(path), _judged(found, built_in))]
    except CodeError as error:
        return [Looked(str(path), what, str(error), line_of(text, ["checks"]))]
    except WRONG as error:
        return [
            Looked(str(path), what, _without(path, sentence), _line_in(path, sentence))
            for sentence in _all_of(error)
        ]


def _all_of(error: Exception) -> list[str]:
    """Return the sentences of an error: most have one."""
    return [str(error), *(error.further if isinstance(error, ExperimentError) else ())]


def _line_in(path: Path, sentence: str) -> int:
    placed = re.match(rf"{re.escape(str(path))}:(\d+):", sentence)
    return int(placed[1]) if placed else 0


def _python(path: Path, text: str, built_in: Built) -> list[Looked]:
    """Look at the variables of a file; it is executed for them, as ``raidstorm run`` does."""
    try:
        variables = from_python_file(path)
    except ExperimentError as error:
        line = re.search(r"\bline (\d+)", str(error))
        return [
            Looked(
                str(path), "Python file", _without(path, str(error)), int(line[1]) if line else 0
            )
        ]
    looked = []
    for name, value in variables.items():
        if not isinstance(value, (Experiment, Suite)) or value in built_in[0].values():
            continue
        what = f"{'suite' if isinstance(value, Suite) else 'experiment'} {name}"
        try:
            found = Found(value, str(path), variables, path.parent)
            looked.append(Looked(str(path), _judged(found, built_in)))
        except WRONG as error:
            line_ = line_of_variable(text, name)
            looked += [
                Looked(str(path), what, _without(path, sentence), line_)
                for sentence in _all_of(error)
            ]
    if _replaces(variables):
        looked.append(_defect(path, text))
    nothing = (
        "holds no experiment, no suite, and no subclass of an engine class that would be a defect"
    )
    return looked or [Looked(str(path), "Python file", nothing)]


def _replaces(variables: Mapping[str, object]) -> bool:
    """Return whether the file has a class of its own that is made from one of the engine's."""
    reference = EngineClasses()
    engine = [getattr(reference, field.name) for field in dataclasses.fields(reference)]
    own = variables.get("__name__")
    return any(
        isinstance(value, type) and value.__module__ == own and value.__base__ in engine
        for value in variables.values()
    )


def _defect(path: Path, text: str) -> Looked:
    try:
        return Looked(str(path), f"defect {read_defect(str(path)).id}")
    except DefectError as error:
        method = re.search(r"has no method (\w+)", str(error))
        line = line_of_method(text, method[1]) if method else 0
        return Looked(str(path), "defect", _without(path, str(error)), line)


def _judged(found: Found, built_in: Built) -> str:
    """Return what it is, in words; raises one of WRONG, as running it would."""
    suite = checked(found, built_in[0])
    if isinstance(suite, Experiment):
        for check in suite.checks:
            load_check(check)
        return f"experiment {suite.name}"
    from chaos.campaigns.suite_run import prepare

    facets = facets_of(suite)
    for number, facet in enumerate(facets):
        try:
            prepare(*built_in, facet, jobs=1, out="", program="")
        except WRONG as error:
            raise SuiteError(
                f"facet {facet.name} ({number + 1} of {len(facets)}): {error}"
            ) from None
    return f"suite {suite.name}, {len(facets)} facets"


def _without(path: Path, error: str) -> str:
    """Return the sentence without the file's name and the value's, which stand before it."""
    return WHOSE.sub("", re.sub(rf"^{re.escape(str(path))}(?::\d+)?:? ", "", error))
