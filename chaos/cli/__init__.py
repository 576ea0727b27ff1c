"""The command line. ``program.py`` lists the commands, ``commands/`` parses their arguments, the other modules do the work.

Nothing here is imported before it is needed: most commands would start in a third of a second otherwise.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from chaos.cli.parameters import BROKEN, INTERRUPTED, UNKNOWN, USAGE, Catalog
from chaos.cli.program import program

if TYPE_CHECKING:
    from chaos.campaigns.suite import Suite
    from chaos.plan.experiment import Experiment


def run_command_line(
    experiments: Mapping[str, Experiment],
    suites: Mapping[str, Suite],
    found_by: Mapping[str, tuple[str, ...]] | None = None,
) -> None:
    """Run the command line and exit with the code of the outcome."""
    catalog = Catalog(experiments, suites, found_by or {})
    unprinted: Exception | None = None
    try:
        code = program(obj=catalog, standalone_mode=False) or 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = USAGE
    except (KeyboardInterrupt, click.Abort, BrokenPipeError):
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the process's edge
        unprinted = error if _is_of_output(error) else None
        code = BROKEN if unprinted else _code_of(error)
    sys.exit(_printed(code, unprinted))


def _is_of_output(error: Exception) -> bool:
    """Return whether it was raised where this program prints."""
    from chaos.cli import screen

    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    printing = (click.utils.__file__, screen.__file__)
    return isinstance(error, OSError) and frames[-1].f_code.co_filename in printing


def _output_error() -> OSError | None:
    """Return the reason why standard output can't be written, if it can't."""
    try:
        if sys.stdout is not None:  # it was closed before the start
            sys.stdout.flush()
    except OSError as error:
        return error
    return None


def _printed(code: int, unprinted: Exception | None) -> int:
    """Return the exit code after all output has been written; say so where it can't be."""
    error = _output_error() or unprinted
    if not isinstance(error, OSError):
        return code
    # Python flushes once more at its end, and would print a traceback.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return INTERRUPTED
    with contextlib.suppress(OSError):
        click.echo(f"raidstorm: standard output can't be written: {error.strerror}", err=True)
    return BROKEN


def _code_of(error: Exception) -> int:
    """Say what went wrong, and return the exit code for it."""
    from chaos.cli.user_errors import USER_ERRORS, DriverError, InterruptedRunError

    if isinstance(error, InterruptedRunError):
        return INTERRUPTED
    if isinstance(error, USER_ERRORS):
        click.echo(f"raidstorm: {error}", err=True)
        return USAGE
    if isinstance(error, DriverError):
        click.echo(f"raidstorm: {error}", err=True)
        return BROKEN
    if isinstance(error, MemoryError):
        click.echo(f"raidstorm: out of memory{f' ({error})' if str(error) else ''}", err=True)
        return UNKNOWN
    sys.excepthook(type(error), error, error.__traceback__)
    click.echo(
        "raidstorm: this is a defect of raidstorm itself; please report it with the lines above",
        err=True,
    )
    return BROKEN


__all__ = ["program", "run_command_line"]
