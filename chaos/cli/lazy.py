"""Tables that are loaded when the first entry is asked for: starting a command imports what that command needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cached_property
from importlib import import_module
from typing import TypeVar

import click

Value = TypeVar("Value")


class LazyTable(Mapping[str, Value]):
    """A mapping that a function makes, once."""

    def __init__(self, load: Callable[[], Mapping[str, Value]]) -> None:
        self._load = load

    @cached_property
    def _table(self) -> Mapping[str, Value]:
        return self._load()

    def __getitem__(self, name: str) -> Value:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


class LazyCommands(MutableMapping[str, click.Command]):
    """Commands by name, each imported when it is looked up: ``crash-points`` is ``command`` in ``crash_points.py``."""

    def __init__(self, package: str, names: list[str]) -> None:
        self._package = package
        self._commands: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        command = self._commands[name]
        if command is None:
            module = import_module(f"{self._package}.{name.replace('-', '_')}")
            command = self._commands[name] = module.command
        assert isinstance(command, click.Command), "each of these modules has its command"
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)
