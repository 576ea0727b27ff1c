"""``raidstorm export``: a stored run in other forms."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from chaos.cli.completion import complete_files
from chaos.cli.screen import Screen
from chaos.export.for_test import failure_text, replay_for_test
from chaos.export.perfetto import perfetto_trace
from chaos.export.pytest_file import pytest_file
from chaos.showing.labels import make_labels
from chaos.showing.story import Storyteller
from chaos.store.capsule import Capsule, CapsuleError, read_capsule
from chaos.store.stored import StoredError, read_run

NOT_EXERCISED = 7
CAPSULES = ("minimal.json", "capsule.json")  # the first one that is there
FORMS = ("perfetto", "pytest", "capsule")
HINTS = {
    "perfetto": "open it in ui.perfetto.dev or chrome://tracing; a step is a millisecond",
    "pytest": "run it with pytest where raidstorm is installed",
    "capsule": "attach it to the issue; 'raidstorm replay' runs it",
}


@click.command("export")
@click.argument("run_dir", metavar="RUN_DIR", shell_complete=complete_files)
@click.option("--to", "form", type=click.Choice(FORMS), required=True)
@click.option("--out", metavar="FILE", help="'-' for standard output. [named after the run, here]")
@click.option("--allow-code", is_flag=True, help="Run code that the capsule carries (pytest only).")
def export_command(run_dir: str, form: str, out: str | None, allow_code: bool) -> int:
    """Write a stored run as something else: a trace for Perfetto (Chrome trace event format), a pytest file that
    stands alone, or the one capsule to attach to an issue.

    The capsule and the pytest file are made of the run's minimal.json when there is one.
    """
    folder = Path(run_dir)
    folder = folder.parent if folder.name in CAPSULES else folder
    screen = Screen(quiet=out == "-")
    path, capsule = _capsule_of(folder)
    name = f"{capsule.experiment.name}-{capsule.seed}"
    if form == "perfetto":
        data, default = _perfetto(folder), f"{name}.perfetto.json"
    elif form == "capsule":
        data, default = path.read_bytes(), f"{name}.capsule.json"
    else:
        default = f"test_{name.replace('-', '_')}.py"
        replayed_code, text = _pytest(path, capsule, screen, allow_code=allow_code)
        if replayed_code:
            return replayed_code
        data = text.encode()
    if out == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return 0
    target = Path(out or default)
    try:
        target.write_bytes(data)
    except OSError as error:
        raise StoredError(f"{target} can't be written: {error.strerror}") from None
    screen.say(
        f"{target} ({len(data) // 1024 + 1} KB), from {path.name if form != 'perfetto' else folder}"
    )
    screen.say(HINTS[form])
    return 0


def _capsule_of(folder: Path) -> tuple[Path, Capsule]:
    for name in CAPSULES:
        path = folder / name
        if path.exists():
            return path, read_capsule(path)
    raise StoredError(
        f"{folder} has no capsule.json, so it is no run directory (such as {folder}/latest-failure)"
    )


def _perfetto(folder: Path) -> bytes:
    run = read_run(folder)
    capsule, result = run.capsule, run.result
    labels = capsule.labels or make_labels(capsule.plan, capsule.seed)
    about = {
        "experiment": result.experiment,
        "driver": result.driver,
        "seed": result.seed,
        "defects": ", ".join(result.defects),
        "verdict": result.verdict,
        "story": "\n".join(result.story),
        "replay": result.replay,
    }
    teller = Storyteller(run.execution, labels)
    return perfetto_trace(run.execution, teller, result.findings, about)


def _pytest(path: Path, capsule: Capsule, screen: Screen, *, allow_code: bool) -> tuple[int, str]:
    """The exit code and the text; a test is written only of a failure that shows when it is replayed."""
    if capsule.expected is None or not capsule.expected.signature:
        raise CapsuleError(f"{path} says of no failure; there is nothing to test for")
    if capsule.carries_code and not allow_code:
        raise CapsuleError(f"{path} carries code from outside; read it, then use --allow-code")
    signature = capsule.expected.signature
    replayed = replay_for_test(capsule)
    if not failure_text(replayed, signature):
        reason = replayed.divergence or "its steps end without it"
        screen.say(f"{signature} doesn't show when {path} is replayed in sim: {reason}", "red")
        screen.say("no test is written", "red")
        return NOT_EXERCISED, ""
    reference = replay_for_test(capsule, ()) if capsule.defects else None
    if reference is not None and reference.divergence:
        screen.say(
            f"the reference engine can't do the recorded steps ({reference.divergence}), so that the test on it "
            "will be skipped; a shrunk run (minimal.json) does better",
            "yellow",
        )
    return 0, pytest_file(capsule, replayed)
