"""Finding experiments and suites: built-in names, ``module:NAME``, ``file.py``, ``file.toml``."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from chaos.base.line_finder import WHOSE, line_of, line_of_error
from chaos.campaigns.suite import Facet, Suite, SuiteError, check_suite
from chaos.plan.experiment import Experiment, ExperimentError, Fault, Operation, validate
from chaos.plan.sequence import Act
from chaos.plan.wrong_values import line_path_of, with_hint, with_keyword_hint
from workers.errors import ANYTHING_RAISED
from workers.spelling import did_you_mean

Value = Experiment | Suite
EXPERIMENT, SUITE = (Experiment,), (Suite,)
EITHER = (Experiment, Suite)
WORDS = {EXPERIMENT: "experiment", SUITE: "suite", EITHER: "experiment or suite"}
NONE_OF = {
    EXPERIMENT: "no experiment",
    SUITE: "no suite",
    EITHER: "no experiment and no suite",
}
OF_A_SUITE = {"facets", "facet", "experiments"}  # "facet" is a likely mistake for facets
Kinds = tuple[type[Experiment]] | tuple[type[Suite]] | tuple[type[Experiment], type[Suite]]


class Found(NamedTuple):
    """A value, with the place in which its references are resolved."""

    value: Value
    where: str  # a file or module, for references to other names in it
    variables: dict[str, object]
    folder: Path | None  # paths in a suite's file are relative to this directory


def find_experiment(
    argument: str, built_in: Mapping[str, Experiment], suites: Mapping[str, Suite] | None = None
) -> Experiment:
    """Return the experiment with this name; raise ExperimentError where there is none."""
    if argument in built_in:
        return validate(built_in[argument])
    value = checked(_load(argument, EXPERIMENT, [*built_in, *(suites or ())]), built_in)
    assert isinstance(value, Experiment), "it was asked for"
    return value


def find_suite(
    argument: str, built_in: Mapping[str, Experiment], suites: Mapping[str, Suite]
) -> Suite:
    """Return the suite with this name; raise SuiteError or ExperimentError where there is none."""
    if argument in suites:
        return check_suite(suites[argument])
    if argument in built_in:
        raise SuiteError(f"{argument} is an experiment; 'raidstorm run {argument}' runs it")
    value = checked(_load(argument, SUITE, [*suites, *built_in]), built_in)
    assert isinstance(value, Suite), "it was asked for"
    return value


def find_either(
    argument: str, built_in: Mapping[str, Experiment], suites: Mapping[str, Suite]
) -> Value:
    """Return the experiment or suite with this name; raise ExperimentError or SuiteError where there is none."""
    if argument in suites:
        return check_suite(suites[argument])
    if argument in built_in:
        return validate(built_in[argument])
    return checked(_load(argument, EITHER, [*built_in, *suites]), built_in)


def checked(found: Found, built_in: Mapping[str, Experiment]) -> Value:
    """Check a value from a file, and return it with its references resolved; an error in a TOML file has its line."""
    try:
        if isinstance(found.value, Experiment):
            return validate(found.value)
        return settled(found, built_in)
    except ExperimentError as error:
        further = tuple(_with_line(found.where, sentence) for sentence in error.further)
        raise ExperimentError(_with_line(found.where, str(error)), further) from None
    except SuiteError as error:
        raise SuiteError(_with_line(found.where, str(error))) from None


def _with_line(where: str, error: str) -> str:
    """Return an error with the file and line, instead of the value's name, where it is from a TOML file."""
    if not where.endswith(".toml"):
        return error
    text = Path(where).read_text(encoding="utf-8")
    return place(where, line_of_error(text, error)) + WHOSE.sub("", error)


def place(where: str, line: int) -> str:
    """Return the beginning of a sentence about a line of a file; line 0 is the whole file."""
    return f"{where}:{line}: " if line else f"{where}: "


def settled(found: Found, built_in: Mapping[str, Experiment]) -> Suite:
    """Check a suite from a file, and return it with all of its references resolved.

    An experiment that is a value becomes a reference, since a line that replays a seed has to name it.
    """
    suite = found.value
    assert isinstance(suite, Suite), "only suites refer to others"
    check_suite(suite)

    def path(name: str) -> str:
        file, colon, variable = name.partition(":")
        is_file = file.endswith((".py", ".toml"))
        if not is_file or found.folder is None:
            return name
        return f"{found.folder / file}{colon}{variable}"

    def refer(experiment: str | Experiment) -> str:
        if isinstance(experiment, str):
            return path(experiment)
        if built_in.get(experiment.name) == experiment:
            return experiment.name
        for variable, value in found.variables.items():
            if value is experiment:
                return f"{found.where}:{variable}"
        raise SuiteError(
            f"suite {suite.name}: the experiment {experiment.name} can't be referred to; make it a "
            "variable of the same file, or a file of its own"
        )

    def settle(facet: Facet) -> Facet:
        return msgspec.structs.replace(
            facet,
            experiment=refer(facet.experiment) if facet.experiment else "",
            defects=tuple(path(defect) for defect in facet.defects),
        )

    return check_suite(
        msgspec.structs.replace(
            suite,
            experiments=tuple(refer(experiment) for experiment in suite.experiments),
            facets=tuple(settle(facet) for facet in suite.facets),
        )
    )


def _load(argument: str, kinds: Kinds, names: list[str]) -> Found:
    if argument.endswith(".toml"):
        return from_toml(Path(argument), kinds)
    if argument.endswith(".py") or ".py:" in argument:
        file, _, name = argument.partition(":")
        variables = from_python_file(Path(file))
        return Found(_pick(file, variables, name, kinds), file, variables, Path(file).parent)
    if ":" in argument:
        module, _, name = argument.partition(":")
        variables = _from_module(module)
        return Found(_pick(module, variables, name, kinds), module, variables, None)
    hint = did_you_mean(argument, names) or "; 'raidstorm list' shows all of them"
    if kinds == SUITE:
        raise SuiteError(f"there is no suite {argument!r}{hint}")
    raise ExperimentError(f"there is no experiment or suite {argument!r}{hint}")


def from_toml(path: Path, kinds: Kinds = EITHER) -> Found:
    """Read the experiment or suite in a TOML file. Raise ExperimentError or SuiteError."""
    fail = SuiteError if kinds == SUITE else ExperimentError
    kind: type[Value] = kinds[0]
    raw: dict[str, object] = {}
    try:
        text = path.read_text(encoding="utf-8")
        raw = msgspec.toml.decode(text)
        kind = Suite if OF_A_SUITE & raw.keys() else Experiment
        value = msgspec.toml.decode(text, type=kind)
    except OSError as error:
        raise fail(f"{path} can't be read: {error.strerror}") from None
    except msgspec.ValidationError as error:
        line = line_of(text, line_path_of(str(error), raw))
        raise fail(place(str(path), line) + with_hint(str(error), kind, raw)) from None
    except UnicodeDecodeError as error:
        raise fail(f"{path} is not TOML: {error}") from None
    except msgspec.DecodeError as error:
        line = line_of_error(text, str(error))
        raise fail(f"{place(str(path), line)}this is not TOML: {error}") from None
    if kind not in kinds:
        article = "a suite" if kind is Suite else "an experiment"
        raise fail(f"{path} is {article}, and {_with_article(kinds)} is asked for")
    return Found(value, str(path), {}, path.parent)


def _with_article(kinds: Kinds) -> str:
    return f"{'a' if kinds == SUITE else 'an'} {WORDS[kinds]}"


def from_python_file(path: Path) -> dict[str, object]:
    """Execute a file and return its variables; raise ExperimentError where it fails."""
    if not path.is_file():
        raise ExperimentError(f"{path} can't be read: no such file")
    _add_to_path(str(path.resolve().parent))  # its checks are named as module:function
    try:
        return runpy.run_path(str(path))
    except SyntaxError as error:
        raise ExperimentError(
            f"{path} has a syntax error in line {error.lineno}: {error.msg}"
        ) from None
    except ANYTHING_RAISED as error:  # a process's edge: the user's own code
        line = line_within(path, error)
        place = f" in line {line}" if line else ""
        sentence = with_keyword_hint(str(error), (Experiment, Fault, Operation, Act, Suite, Facet))
        raise ExperimentError(
            f"{path} can't be run: {type(error).__name__}{place}: {sentence}"
        ) from None


def line_within(path: Path, error: BaseException) -> int:
    """Return the line of the file in which an error was raised, or whose call raised it; 0 where there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return (lines[-1] if lines else 0) or 0


def _from_module(module: str) -> dict[str, object]:
    _add_to_path(os.getcwd())
    try:
        return vars(importlib.import_module(module))
    except ANYTHING_RAISED as error:  # a process's edge: the user's own code
        raise ExperimentError(f"module {module} can't be imported: {error}") from None


def _add_to_path(folder: str) -> None:
    if folder not in sys.path:
        sys.path.append(folder)  # the last entry, so that it shadows nothing


def _pick(where: str, variables: dict[str, object], name: str, kinds: Kinds) -> Value:
    what = WORDS[kinds]
    fail = SuiteError if kinds == SUITE else ExperimentError
    if name:
        value = variables.get(name)
        if not isinstance(value, kinds):
            known = [one for one, value in variables.items() if isinstance(value, kinds)]
            raise fail(f"{where} has no {what} named {name}{did_you_mean(name, known)}")
        return value
    found = [value for value in variables.values() if isinstance(value, kinds)]
    if not found:
        raise fail(f"{where} defines {NONE_OF[kinds]}")
    if len(found) != 1:
        several = what.replace("experiment", "experiments").replace("suite", "suites")
        raise fail(f"{where} has {len(found)} {several}; name one with {where}:NAME")
    return found[0]
