"""What arguments mean: seeds, counts, durations, names, and what the package brings along.

Every command imports this module, so it imports little.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chaos.base.seeds import SEED_MAX as SEED_MAX
from workers.spelling import did_you_mean

if TYPE_CHECKING:
    from chaos.campaigns.suite import Suite
    from chaos.plan.experiment import Experiment
    from chaos.plan.target_id import TargetId, TargetKind

USAGE = 2
UNKNOWN = 3
LOUDNESS = "raidstorm.loudness"
NAMED_TARGET = "raidstorm.target"
BROKEN = 70
INTERRUPTED = 130
JOBS_MAX = 256
TARGET = "RUN_DIR|CAPSULE.json|NAME:SEED"
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Catalog:
    """What the package brings: handed in, because the tester doesn't import its experiments.

    ``found_by``: the experiments that find a built-in defect, the quickest first.
    """

    experiments: Mapping[str, Experiment]
    suites: Mapping[str, Suite]
    found_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Loudness(IntEnum):
    """How much a command prints: the verdict, what matters, or all it knows."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


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


class Count(click.ParamType[int]):
    """A whole number within bounds; digits only, so that 1e9 is a mistake and gets a sentence."""

    name = "count"

    def __init__(self, low: int, high: int | None = None) -> None:
        self.low = low
        self.high = high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse, or fail with a sentence."""
        text = str(value)
        digits = text.removeprefix("-")
        within = "" if self.high is None else f" to {self.high}"
        wanted = f"a whole number from {self.low}{within or ' on'}"
        if not (digits.isascii() and digits.isdecimal()):
            meant = whole_number(text)
            is_within = self.low <= meant <= (SEED_MAX if self.high is None else self.high)
            example = meant if is_within else max(self.low, 1)
            self.fail(f"{value!r} is not {wanted}, such as {example}", param, ctx)
        number = int(text)
        if number < self.low or (self.high is not None and number > self.high):
            self.fail(f"{value} is not {wanted}", param, ctx)
        return number


class Target(click.ParamType[str]):
    """A path, or NAME:SEED. A path through symbolic links becomes the one they lead to now.

    runs/latest-failure leads to another run after the next failure, so no line or file may have it.
    """

    name = "target"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Follow the links; a path without any stays as it was typed."""
        del param, ctx
        path = Path(value)
        try:
            if not any(part.is_symlink() for part in (path, *path.parents)):
                return str(value)
            real = path.resolve(strict=path.is_symlink())  # a link that leads nowhere stays
        except (OSError, ValueError, RuntimeError):
            return str(value)  # the command says why it can't be read
        return str(real) if path.is_absolute() else os.path.relpath(real)


def target_options(function: Decorated) -> Decorated:
    """Add --spdk and --target, which name code that this command may load; see :func:`named_target`."""
    for name, metavar, text in (
        ("target", "LIB.so|FILE.c", "Test this target in C; see docs/own-target.md."),
        (
            "spdk",
            "DIR",
            "Test this SPDK tree, which you have configured and built; see docs/real-spdk.md.",
        ),
    ):
        function = click.option(
            f"--{name}",
            f"named_{name}",  # the argument of many commands is their target
            metavar=metavar,
            help=text,
            expose_value=False,
            callback=_allow,
        )(function)
    return function


def _allow(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    if NAMED_TARGET in context.meta:
        raise click.UsageError("--spdk and --target each name a target, and a run has one")
    allow(context, "spdk" if parameter.name == "named_spdk" else "target", value)


def allow(context: click.Context, kind: TargetKind, value: str) -> None:
    """Open a target that the command line names; see :func:`named_target`."""
    # Only a command that gets the option needs the modules that load code.
    from chaos.drivers.native.opened import allowed
    from chaos.drivers.native.process import TargetError

    try:
        context.meta[NAMED_TARGET] = context.with_resource(allowed(kind, value))
    except TargetError as error:
        raise click.UsageError(str(error)) from None


def named_target() -> TargetId | None:
    """Return the target in C that the present command line names, if it does."""
    context = click.get_current_context(silent=True)
    return None if context is None else context.meta.get(NAMED_TARGET)


def whole_number(text: str) -> int:
    """Return the whole number that a text such as 1e3 or 1_000 means; -1 where it means none."""
    try:
        number = float(text)
    except ValueError:
        return -1
    return int(number) if number.is_integer() else -1


class Duration(click.ParamType[float]):
    """A time such as 20s, 5m, 8h."""

    name = "duration"
    UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0}  # noqa: RUF012  # a constant table

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse into seconds, or fail with a sentence."""
        text = str(value)
        unit = self.UNITS.get(text[-1:])
        try:
            seconds = float(text[:-1]) * unit if unit else float(text)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < float("inf"):
            self.fail(f"{value!r} is not a duration; write 20s, 5m or 8h", param, ctx)
        return seconds


class OneOf(click.Choice[str]):
    """One of some names; the sentence about another one says which it may mean."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Look it up, or fail with a sentence."""
        names = [str(name) for name in self.choices]
        if value not in names:
            hint = did_you_mean(str(value), names)
            self.fail(f"{value!r} is not one of {', '.join(names)}{hint}", param, ctx)
        return str(value)


def examples(*lines: str) -> str:
    """Return the end of a command's help, each line as it can be typed."""
    return "\n".join(["\b", "Examples:", *(f"  raidstorm {line}" for line in lines)])


def format_option(*names: str) -> Callable[[Decorated], Decorated]:
    """Make the option --format: text for people, or one of these for programs."""
    return click.option(
        "--format", "output", type=OneOf(["text", *names]), default="text", show_default=True
    )


def loudness_options(function: Decorated) -> Decorated:
    """Add -v and -q, which arrive as one argument ``loudness``."""
    for short, long, text in (
        ("-q", "--quiet", "Print the verdict only, in one line."),
        ("-v", "--verbose", "Print all details."),
    ):
        function = click.option(
            short, long, is_flag=True, expose_value=False, callback=_set_loudness, help=text
        )(function)
    return function


def _set_loudness(ctx: click.Context, option: click.Parameter, is_typed: bool) -> None:
    """Make one argument of two flags, which exclude each other."""
    loudness = ctx.params.setdefault("loudness", Loudness.NORMAL)
    if not is_typed:
        return
    if loudness is not Loudness.NORMAL:
        raise click.UsageError("-q and -v exclude each other; give one of them")
    ctx.params["loudness"] = Loudness.QUIET if option.name == "quiet" else Loudness.VERBOSE
    ctx.meta[LOUDNESS] = ctx.params["loudness"]  # for the program, when a command raises something


def command_name() -> str:
    """Return how to call this program again from here, in a line to paste."""
    script = Path(sys.argv[0])
    if script.name != "raidstorm":
        return f"{shlex.quote(os.path.relpath(sys.executable))} -m experiments"
    from shutil import which

    found = which("raidstorm")
    if found is not None and Path(found).resolve() == script.resolve():
        return "raidstorm"
    return shlex.quote(os.path.relpath(script))
