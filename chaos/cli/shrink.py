"""``raidstorm shrink``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chaos.capsule import CapsuleError
from chaos.checkers.finding import NAMES
from chaos.cli.parameters import Catalog, Duration
from chaos.cli.run import command_name
from chaos.cli.targets import TARGET, capsule_of
from chaos.code import load_check, load_embedded_check
from chaos.interrupt import Interrupt
from chaos.minimal import Minimal, minimize
from chaos.minimal_files import MINIMAL, write_minimal
from chaos.report import Screen
from chaos.shrink import Case
from workers.defects.loader import compose

SECONDS_DEFAULT = 60.0


@click.command("shrink")
@click.argument("target", metavar=TARGET)
@click.option(
    "--budget", type=Duration(), default=SECONDS_DEFAULT, help="At most so long [60s]; 5m, 1h."
)
@click.option("--allow-code", is_flag=True, help="Run code that the capsule carries.")
@click.option(
    "--out", metavar="DIR", help="Where minimal.json, .log and .html go [beside the capsule]."
)
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def shrink_command(
    catalog: Catalog, target: str, budget: float, allow_code: bool, out: str | None, output: str
) -> int:
    """Make the smallest run that still fails in the same way: fewer hosts, disks, blocks, operations and
    faults, and every scheduling choice in default order that need not be another one.

    Writes minimal.json, a capsule for 'replay', minimal.log, its trace, and minimal.html, its timeline.
    Ctrl-C keeps what there is by then. Exits with the failure's own code.
    """
    interrupt = Interrupt()
    interrupt.install()
    capsule, is_recording = capsule_of(catalog, target)
    if is_recording and capsule.carries_code and not allow_code:
        raise CapsuleError(f"{target} carries code from outside; read it, then use --allow-code")
    compose(capsule.defect_sources())
    if is_recording:
        checks = tuple(load_embedded_check(code) for code in capsule.checks)
    else:
        checks = tuple(load_check(path) for path in capsule.experiment.checks)
    folder = _folder(target, out)
    begun = time.monotonic()
    with _Bar(quiet=output == "json") as bar:
        minimal = minimize(
            capsule,
            checks,
            lambda: interrupt() or time.monotonic() - begun > budget,
            bar.show,
        )
    seconds = time.monotonic() - begun
    replay = _replay_line(folder, minimal)
    told = write_minimal(folder, minimal.capsule, checks, replay)
    code = told.code
    if output == "json":
        summary = {
            "exit_code": code,
            "signature": minimal.finding.signature,
            "outside_before": minimal.outside_before,
            "outside": minimal.outside,
            "choices": minimal.choices,
            "steps": told.steps,
            "executions": minimal.executions,
            "seconds": round(seconds, 2),
            "minimal": str(folder / MINIMAL),
        }
        sys.stdout.buffer.write(msgspec.json.encode(summary) + b"\n")
        sys.stdout.flush()
    else:
        _show(minimal, replay, told.story, code, seconds)
    return code


def _folder(target: str, out: str | None) -> Path:
    """Where the files go; looked at before the work."""
    path = Path(target)
    folder = Path(out) if out is not None else path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise CapsuleError(f"{folder} is not a directory; name one with --out")
    return folder


def _replay_line(folder: Path, minimal: Minimal) -> str:
    words = [command_name(), "replay", shlex.quote(str(folder / MINIMAL))]
    return " ".join([*words, "--allow-code"] if minimal.capsule.carries_code else words)


def _show(minimal: Minimal, replay: str, story: list[str], code: int, seconds: float) -> None:
    screen = Screen(quiet=False)
    screen.say(
        f"{NAMES[code]}: {minimal.finding.signature}; from {minimal.outside_before} to {minimal.outside} steps of "
        f"hosts, operator and faults, {minimal.choices} scheduling choices off the default order; "
        f"{minimal.executions} executions in {seconds:.1f} s",
        "red",
    )
    for line in story:
        screen.say(f"  {line}")
    screen.say(f"  replay: {replay}")


class _Bar:
    """What is left, on a terminal only."""

    def __init__(self, *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._progress.add_task("looking at the failure")

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, case: Case, executions: int) -> None:
        """The best case so far."""
        self._progress.update(
            self._task,
            description=f"{case.outside} steps from outside, {case.choices} choices, {executions} executions",
        )
