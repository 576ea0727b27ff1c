"""The command line in this process: as ``tests.support.raidstorm``, without the half second of a new interpreter."""

from __future__ import annotations

import contextlib
import json
import traceback
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import click
from click.testing import CliRunner

from chaos.base.interrupt import Interrupt
from chaos.cli import program
from chaos.cli.parameters import USAGE, Catalog
from chaos.cli.user_errors import USER_ERRORS
from experiments.catalog import EXPERIMENTS
from experiments.found_by import FOUND_BY
from experiments.suites import SUITES
from tests.support import ROOT

CATALOG = Catalog(EXPERIMENTS, SUITES, FOUND_BY)


class Done(NamedTuple):
    """The results of a command, as those of a finished process."""

    returncode: int
    stdout: str
    stderr: str


def inside(*arguments: str, cwd: Path = ROOT, catalog: Catalog = CATALOG) -> Done:
    """Run a command to its end."""
    # Ctrl-C stays the test run's own.
    with patch.object(Interrupt, "install"), contextlib.chdir(cwd):
        done = CliRunner().invoke(program, arguments, obj=catalog, standalone_mode=False)
    error = done.exception
    match error:
        case None:
            return Done(done.return_value or 0, done.stdout, done.stderr)
        case click.ClickException():
            return Done(USAGE, done.stdout, done.stderr + error.format_message())
        case _ if isinstance(error, USER_ERRORS):
            return Done(USAGE, done.stdout, done.stderr + str(error))
    raise AssertionError("".join(traceback.format_exception(error)))


def run_inside(*arguments: str, out: Path) -> dict:
    """``raidstorm run`` with JSON output, decoded; its code is checked against the command's."""
    done = inside("run", *arguments, "--out", str(out), "--format", "json")
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["exit_code"] == done.returncode, done.stderr
    counted = sum(report[kind] for kind in ("valid", "invalid", "unknown", "crashed", "hung"))
    assert counted + sum(report["known"].values()) == report["runs"]
    return report
