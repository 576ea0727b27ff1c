"""``raidstorm repro``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click
import msgspec

from chaos.base.estimates import Share
from chaos.base.interrupt import Interrupt
from chaos.checkers.finding import NAMES
from chaos.cli.completion import complete_defects, complete_files
from chaos.cli.parameters import Catalog, command_name
from chaos.cli.screen import Screen
from chaos.cli.targets import TARGET, capsule_of, engine_and_checks
from chaos.drivers.make import DRIVERS
from chaos.replaying.repro import VARIED, Repetition, repeat
from chaos.store.capsule import Capsule, CapsuleError, DriverName, write_capsule

RUNS_DEFAULT = 30
RUNS_MAX = 1_000_000


@click.command("repro")
@click.argument("target", metavar=TARGET, shell_complete=complete_files)
@click.option("--runs", type=click.IntRange(1, RUNS_MAX), default=RUNS_DEFAULT, show_default=True)
@click.option("--driver", type=click.Choice(list(DRIVERS)), help="[the recorded one]")
@click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="ID|FILE.py|none",
    shell_complete=complete_defects,
    help="Instead of the recorded defects; 'none' for the reference engine.",
)
@click.option("--allow-code", is_flag=True, help="Run code that the capsule carries.")
@click.option("--out", metavar="DIR", help="Keep a capsule of the first run of each failure here.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def repro_command(
    catalog: Catalog,
    target: str,
    runs: int,
    driver: DriverName | None,
    defects: tuple[str, ...],
    allow_code: bool,
    out: str | None,
    output: str,
) -> int:
    """Say how often a failure comes: run its plan many times, and count the runs that fail in the same way.

    In realtime the plan is run free with its seed each time, and the processes race as they like. A stepping driver
    would do the same each time; there each run has another schedule, whose seed is drawn from the run's. Other
    failures are counted apart. Of NAME:SEED no failure is recorded, so each failure counts.

    Exits with the failure's own code when it came, with that of the others when only they came, and with 0 when
    nothing failed. Ctrl-C reports what has run until then.
    """
    interrupt = Interrupt()
    capsule, is_recording = capsule_of(catalog, target)
    capsule, checks = engine_and_checks(
        target, capsule, defects, is_recording=is_recording, allow_code=allow_code
    )
    interrupt.install()
    folder = _folder(out)
    chosen = driver or capsule.driver
    screen = Screen(quiet=output == "json")
    with screen.progress(capsule.experiment.name, runs) as progress:
        task = progress.task_ids[0]

        def show(so_far: Repetition) -> None:
            progress.update(task, completed=so_far.runs, state=f"{so_far.failed} failed")

        whole = repeat(capsule, chosen, checks, runs, interrupt, show)
    kept = _keep(folder, whole)
    if output == "json":
        _print_json(capsule, chosen, runs, whole, kept)
    else:
        _show(screen, capsule, chosen, runs, whole, kept)
    return whole.code


def percent(share: Share) -> str:
    """An interval in words."""
    low, high = _number(share.low), _number(share.high)
    return f"{low}–{high} %"


def _number(share: float) -> str:
    """Whole percent; with digits behind the point where these would say never or always, and it is neither."""
    whole = round(100 * share)
    if whole in (0, 100) and share not in (0, 1):
        return f"{100 * share:.2f}"
    return f"{whole}"


def _folder(out: str | None) -> Path | None:
    """Where capsules go; made before the work."""
    if out is None:
        return None
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CapsuleError(
            f"{folder} can't be made ({error.strerror}); choose another directory with --out"
        ) from None
    return folder


def _keep(folder: Path | None, whole: Repetition) -> list[str]:
    """A capsule of each failure, numbered; of a free run that can't be taken again there is only its plan."""
    if folder is None:
        return []
    kept = []
    for number, seen in enumerate(whole.seen, 1):
        path = folder / f"failure-{number}.json"
        try:
            write_capsule(path, seen.capsule)
        except OSError as error:
            raise CapsuleError(f"{path} can't be written: {error.strerror}") from None
        kept.append(str(path))
    return kept


def _print_json(
    capsule: Capsule, driver: str, wanted: int, whole: Repetition, kept: list[str]
) -> None:
    share = whole.share
    summary = {
        "experiment": capsule.experiment.name,
        "seed": capsule.seed,
        "driver": driver,
        "defects": [defect.id for defect in capsule.defects],
        "varied": VARIED[driver],
        "signature": whole.signature,
        "wanted": wanted,
        "runs": whole.runs,
        "failed": whole.failed,
        "share": share,
        "failures": [
            {
                "signature": seen.signature,
                "summary": seen.summary,
                "code": int(seen.verdict),
                "counts": seen.counts,
                "runs": seen.runs,
            }
            for seen in whole.seen
        ],
        "kept": kept,
        "interrupted": whole.interrupted,
        "error": whole.error,
        "exit_code": whole.code,
    }
    sys.stdout.buffer.write(msgspec.json.encode(summary) + b"\n")
    sys.stdout.flush()


def _show(
    screen: Screen,
    capsule: Capsule,
    driver: str,
    wanted: int,
    whole: Repetition,
    kept: list[str],
) -> None:
    defects = ", ".join(defect.id for defect in capsule.defects) or "none"
    screen.say(
        f"{capsule.experiment.name}: seed {capsule.seed}, driver {driver}, defects: {defects}",
        "bold",
    )
    screen.say(f"  {VARIED[driver]}", "dim")
    screen.say(
        f"{whole.failed}/{whole.runs} failed ({percent(whole.share)})"
        + (
            f": {whole.signature}"
            if whole.signature
            else ", whatever the failure: none is recorded"
        ),
        "red" if whole.failed else "green",
    )
    for seen in whole.seen:
        if seen.counts and seen.signature == whole.signature:
            continue
        otherwise = "" if seen.counts else " in another way"
        screen.say(
            f"  {seen.runs}/{whole.runs} {NAMES[int(seen.verdict)]}{otherwise}: {seen.signature}: {seen.summary}",
            None if seen.counts else "yellow",
        )
    screen.say("  in brackets the 95 % interval of the share (Wilson)", "dim")
    if whole.interrupted:
        screen.say(f"interrupted; {whole.runs} of {wanted} had run", "yellow")
    if whole.error:
        screen.say(f"{whole.error}; {whole.runs} of {wanted} had run", "red")
    for path, seen in zip(kept, whole.seen, strict=True) if kept else ():
        words = [command_name(), "replay", shlex.quote(path)]
        screen.say(
            f"  {seen.signature}: {' '.join([*words, '--allow-code'] if seen.capsule.carries_code else words)}"
        )
