"""What arguments mean: seeds, durations, and what the package brings along."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from chaos.campaigns.suite import Suite
from chaos.plan.experiment import Experiment

Suites = dict[str, Suite]
SEED_MAX = 2**53 - 1  # JSON readers keep whole numbers up to here exact
INTERRUPTED = 130


class Catalog(msgspec.Struct):
    """What the package brings: handed in, because the tester doesn't import its experiments."""

    experiments: dict[str, Experiment]
    suites: Suites


class Seed(click.ParamType[int]):
    """A seed: an integer from 0 on."""

    name = "seed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse, or fail with a sentence."""
        text = str(value)
        if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdecimal()):
            self.fail(f"{value!r} is not a seed; a seed is a whole number from 0 on", param, ctx)
        seed = int(text)
        if not 0 <= seed <= SEED_MAX:
            self.fail(f"{value} is not a seed; a seed lies between 0 and {SEED_MAX}", param, ctx)
        return seed


class Duration(click.ParamType[float]):
    """A time such as 20s, 5m, 8h."""

    name = "duration"
    UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0}  # noqa: RUF012  # a constant table

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        text = str(value)
        unit = self.UNITS.get(text[-1:])
        try:
            seconds = float(text[:-1]) * unit if unit else float(text)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < float("inf"):
            self.fail(f"{value!r} is not a duration; write 20s, 5m or 8h", param, ctx)
        return seconds


def command_name() -> str:
    """How to call this program again from here, in a line to paste."""
    script = Path(sys.argv[0])
    if script.name != "raidstorm":
        return f"{shlex.quote(os.path.relpath(sys.executable))} -m experiments"
    found = shutil.which("raidstorm")
    if found is not None and Path(found).resolve() == script.resolve():
        return "raidstorm"
    return shlex.quote(os.path.relpath(script))
