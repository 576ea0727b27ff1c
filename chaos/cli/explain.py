"""``raidstorm explain``."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.cli.completion import complete_files
from chaos.cli.minimizing import (
    SECONDS_DEFAULT,
    Bar,
    Ready,
    folder_of,
    make_ready,
    make_small,
    replay_line,
)
from chaos.cli.parameters import INTERRUPTED, Catalog, Duration
from chaos.cli.screen import Screen
from chaos.cli.targets import TARGET
from chaos.explaining.explain import Explanation, belongs, explain
from chaos.explaining.likelihood import CONTINUATIONS
from chaos.explaining.text import lines_of
from chaos.shrinking.files import MINIMAL
from chaos.store.capsule import Capsule, CapsuleError, read_capsule

TEXT_NAME = "explain.txt"
JSON_NAME = "explain.json"
CONTINUATIONS_MAX = 10_000


@click.command("explain")
@click.argument("target", metavar=TARGET, shell_complete=complete_files)
@click.option(
    "--budget",
    type=Duration(),
    default=SECONDS_DEFAULT,
    help="Shrink at most so long, where that is still to be done [60s]; 5m, 1h.",
)
@click.option(
    "--continuations",
    type=click.IntRange(1, CONTINUATIONS_MAX),
    default=CONTINUATIONS,
    show_default=True,
    help="Random continuations of each prefix.",
)
@click.option("--allow-code", is_flag=True, help="Run code that the capsule carries.")
@click.option("--out", metavar="DIR", help="Where the files go [beside the capsule].")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def explain_command(
    catalog: Catalog,
    target: str,
    budget: float,
    continuations: int,
    allow_code: bool,
    out: str | None,
    output: str,
) -> int:
    """Tell how a run fails, in sentences for an issue: who did what on which reactor in which order, what it
    should have been, why each step is needed, and at which step the failure became likely.

    Told of the smallest run that fails in the same way: the run directory's minimal.json, or a shrunk capsule; where
    there is none the run is shrunk first. Writes explain.txt and explain.json beside it. Exits with the failure's own
    code; Ctrl-C keeps what there is by then, and exits with 130.
    """
    interrupt = Interrupt()
    quiet = output == "json"
    ready = make_ready(catalog, target, allow_code=allow_code)
    folder = folder_of(target, out)
    interrupt.install()
    minimal = _minimal(ready, target, folder, quiet=quiet)
    if minimal is None:
        shrunk = make_small(ready, folder, budget, interrupt, quiet=quiet)
        minimal = shrunk.minimal.capsule
    with Bar("looking closely", quiet=quiet) as bar:
        explanation = explain(minimal, ready.checks, continuations, interrupt, bar.show)
    is_itself = ready.is_recording and minimal is ready.capsule
    replay = replay_line(Path(target) if is_itself else folder / MINIMAL, minimal)
    _write(folder, explanation, replay)
    if quiet:
        sys.stdout.buffer.write(msgspec.json.encode(explanation) + b"\n")
        sys.stdout.flush()
    else:
        screen = Screen(quiet=False)
        for line in lines_of(explanation, replay):
            screen.say(line)
    return explanation.exit_code if explanation.is_whole else INTERRUPTED


def _minimal(ready: Ready, target: str, folder: Path, *, quiet: bool) -> Capsule | None:
    """The failure made small already, if somebody has."""
    capsule = ready.capsule
    if capsule.script is not None and capsule.schedule is not None:
        return capsule
    screen = Screen(quiet=quiet)
    path = folder / MINIMAL
    if ready.is_recording and path.exists():
        try:
            minimal = read_capsule(path)
        except CapsuleError as error:
            screen.say(f"{error}; it is made anew")
            return None
        if belongs(minimal, capsule):
            return minimal
        screen.say(f"{path} is of another failure; it is made anew")
        return None
    screen.say(f"{target} has not been made small yet; that comes first")
    return None


def _write(folder: Path, explanation: Explanation, replay: str) -> None:
    text = "\n".join(lines_of(explanation, replay)) + "\n"
    data = msgspec.json.format(msgspec.json.encode(explanation), indent=1)
    try:
        (folder / TEXT_NAME).write_text(text)
        (folder / JSON_NAME).write_bytes(data + b"\n")
    except OSError as error:
        raise CapsuleError(f"{folder} can't be written: {error.strerror}") from None
