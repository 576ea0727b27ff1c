"""Finding experiments: built-in names, ``module:NAME``, ``file.py``, ``file.toml``."""

from __future__ import annotations

import difflib
import importlib
import os
import runpy
import sys
from collections.abc import Collection
from pathlib import Path

import msgspec

from chaos.experiment import KINDS, Experiment, ExperimentError, validate
from workers.errors import ANYTHING_RAISED


def find_experiment(
    argument: str, built_in: dict[str, Experiment], suites: Collection[str] = ()
) -> Experiment:
    """The experiment a user names; raises ExperimentError."""
    if argument in built_in:
        return validate(built_in[argument])
    if argument.endswith(".toml"):
        return validate(_from_toml(Path(argument)))
    if argument.endswith(".py") or ".py:" in argument:
        file, _, name = argument.partition(":")
        return validate(_from_python_file(Path(file), name))
    if ":" in argument:
        module, _, name = argument.partition(":")
        return validate(_from_module(module, name))
    close = difflib.get_close_matches(argument, [*built_in, *suites], n=1)
    hint = f"; did you mean {close[0]}?" if close else "; 'raidstorm list' shows what there is"
    raise ExperimentError(f"there is no experiment or suite {argument!r}{hint}")


def _from_toml(path: Path) -> Experiment:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Experiment)
    except OSError as error:
        raise ExperimentError(f"{path} can't be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = f"; kinds are {', '.join(KINDS)}" if "Invalid enum value" in str(error) else ""
        raise ExperimentError(f"{path} is not a valid experiment: {error}{hint}") from None


def _from_python_file(path: Path, name: str) -> Experiment:
    if not path.is_file():
        raise ExperimentError(f"{path} can't be read: no such file")
    _add_to_path(str(path.resolve().parent))  # its checks are named as module:function
    try:
        variables = runpy.run_path(str(path))
    except SyntaxError as error:
        raise ExperimentError(
            f"{path} has a syntax error in line {error.lineno}: {error.msg}"
        ) from None
    except ANYTHING_RAISED as error:  # a process's edge: the user's own code
        raise ExperimentError(f"{path} can't be run: {type(error).__name__}: {error}") from None
    return _pick(str(path), variables, name)


def _from_module(module: str, name: str) -> Experiment:
    _add_to_path(os.getcwd())
    try:
        variables = vars(importlib.import_module(module))
    except ANYTHING_RAISED as error:  # a process's edge: the user's own code
        raise ExperimentError(f"module {module} can't be imported: {error}") from None
    return _pick(module, variables, name)


def _add_to_path(folder: str) -> None:
    if folder not in sys.path:
        sys.path.append(folder)  # last, so that nothing there shadows anything


def _pick(where: str, variables: dict[str, object], name: str) -> Experiment:
    if name:
        value = variables.get(name)
        if not isinstance(value, Experiment):
            raise ExperimentError(f"{where} has no experiment named {name}")
        return value
    found = [value for value in variables.values() if isinstance(value, Experiment)]
    if len(found) != 1:
        raise ExperimentError(f"{where} has {len(found)} experiments; name one with {where}:NAME")
    return found[0]
