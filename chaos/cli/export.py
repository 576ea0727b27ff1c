"""``raidstorm export``: a stored run in other forms."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

from chaos.checkers import Verdict
from chaos.cli.parameters import Loudness, named_target
from chaos.cli.screen import Screen
from chaos.export.for_test import failure_text, replay_for_test
from chaos.export.perfetto import perfetto_trace
from chaos.export.pytest_file import pytest_file
from chaos.showing.labels import make_labels
from chaos.showing.wording.words import exact_words
from chaos.store.capsule import Capsule, CapsuleError, read_capsule
from chaos.store.stored import StoredError, dangling, read_run

CAPSULES = ("minimal.json", "capsule.json")  # the first one that is there
HINTS = {
    "perfetto": "open it in ui.perfetto.dev or chrome://tracing; a step is a millisecond",
    "pytest": "run it with pytest where raidstorm is installed",
    "capsule": "attach it to the issue; 'raidstorm replay' runs it",
}


class ExportArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    run_dir: str
    form: str
    out: str | None = None
    force: bool = False
    allow_code: bool = False

    @property
    def folder(self) -> Path:
        """Return the run directory; one of its capsules may be named as well."""
        folder = Path(self.run_dir)
        return folder.parent if folder.name in CAPSULES else folder


class Exported(NamedTuple):
    """The run in the other form, and what it was made of."""

    data: bytes
    made_of: Path | str


class NothingToTestError(Exception):
    """The failure doesn't show when it is replayed, so that no test can be written of it."""


def run(arguments: ExportArguments) -> int:
    """Write the file, and print what to do with it."""
    is_piped = arguments.out == "-"
    screen = Screen(Loudness.QUIET if is_piped else Loudness.NORMAL)
    path, capsule = _capsule_of(arguments.folder)
    target = Path(arguments.out or _default_name(arguments.form, capsule))
    if not is_piped and target.exists() and not arguments.force:
        raise StoredError(f"{target} exists; choose another name with --out, or use --force")
    try:
        exported = execute(arguments, path, capsule, screen)
    except NothingToTestError as error:
        screen.say(str(error), "red")
        screen.say("no test is written", "red")
        return int(Verdict.NOT_EXERCISED)
    if is_piped:
        sys.stdout.buffer.write(exported.data)
        sys.stdout.flush()
        return 0
    try:
        target.write_bytes(exported.data)
    except OSError as error:
        raise StoredError(f"{target} can't be written: {error.strerror}") from None
    screen.say(f"{target} ({len(exported.data) // 1024 + 1} KB), from {exported.made_of}")
    screen.say(HINTS[arguments.form])
    return 0


def execute(arguments: ExportArguments, path: Path, capsule: Capsule, screen: Screen) -> Exported:
    """Return the run in the other form; raises NothingToTestError."""
    match arguments.form:
        case "perfetto":
            return Exported(_perfetto(arguments.folder), arguments.folder)
        case "capsule":
            return Exported(path.read_bytes(), path.name)
        case _:
            text = _pytest(path, capsule, screen, allow_code=arguments.allow_code)
            return Exported(text.encode(), path.name)


def _default_name(form: str, capsule: Capsule) -> str:
    name = f"{capsule.experiment.name}-{capsule.seed}"
    return f"test_{name.replace('-', '_')}.py" if form == "pytest" else f"{name}.{form}.json"


def _capsule_of(folder: Path) -> tuple[Path, Capsule]:
    for name in CAPSULES:
        path = folder / name
        if path.exists():
            return path, read_capsule(path)
    if why := dangling(folder):
        raise StoredError(why)
    example = f" (such as {folder}/latest-failure)" if folder.is_dir() else ""
    raise StoredError(f"{folder} has no capsule.json, so it is no run directory{example}")


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
    words = exact_words(run.execution, labels)
    return perfetto_trace(run.execution, words, result.findings, about)


def _pytest(path: Path, capsule: Capsule, screen: Screen, *, allow_code: bool) -> str:
    """Return the text of a test; it is written only for a failure that shows when it is replayed."""
    if capsule.expected is None or not capsule.expected.signature:
        raise CapsuleError(f"{path} has no recorded failure; there is nothing to test")
    if capsule.carries_code and not allow_code:
        raise CapsuleError(f"{path} carries code from outside; read it, then use --allow-code")
    signature = capsule.expected.signature
    replayed = replay_for_test(capsule)
    if not failure_text(replayed, signature):
        reason = replayed.divergence or "its steps end without it"
        raise NothingToTestError(f"{signature} doesn't show when {path} is replayed: {reason}")
    reference = replay_for_test(capsule, ()) if capsule.defects else None
    if reference is not None and reference.divergence:
        screen.say(
            f"the reference engine can't take the recorded steps ({reference.divergence}), so that the test on it "
            "will be skipped; a shrunk run (minimal.json) does better",
            "yellow",
        )
    return pytest_file(capsule, replayed, named_target())
