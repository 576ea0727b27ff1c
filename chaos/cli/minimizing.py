"""What 'shrink' and 'explain' have in common: a target made ready, shrunk with its progress on the screen, and written."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from chaos.base.interrupt import Interrupt
from chaos.checkers import Check
from chaos.cli.parameters import Catalog, command_name
from chaos.cli.repro import made_folder
from chaos.cli.screen import Screen
from chaos.cli.targets import capsule_of
from chaos.explaining.minimal_files import MinimalReport, write_minimal
from chaos.judging.user_checks import load_check, load_embedded_check
from chaos.shrinking.files import MINIMAL
from chaos.shrinking.minimal import Minimal, minimize
from chaos.store.capsule import Capsule, CapsuleError
from chaos.store.capsule import replay_line as replay_line_of
from workers.defects.loader import compose


class Ready(msgspec.Struct, frozen=True):
    """A capsule that may be run, and the user's own checks of it."""

    capsule: Capsule
    checks: tuple[Check, ...]
    is_recording: bool


class Shrunk(msgspec.Struct, frozen=True):
    """A minimal capsule as it replays, and how long it took to find."""

    minimal: Minimal
    report: MinimalReport
    replay: str  # the line to type
    seconds: float


def make_ready(catalog: Catalog, target: str, *, allow_code: bool) -> Ready:
    """Read what the command is pointed at; raises CapsuleError also for code that is not allowed."""
    capsule, is_recording = capsule_of(catalog, target)
    if is_recording and capsule.carries_code and not allow_code:
        raise CapsuleError(f"{target} carries code from outside; read it, then use --allow-code")
    compose(capsule.defect_sources())
    if is_recording:
        checks = tuple(load_embedded_check(code) for code in capsule.checks)
    else:
        checks = tuple(load_check(path) for path in capsule.experiment.checks)
    return Ready(capsule, checks, is_recording)


def folder_of(target: str, out: str | None) -> Path:
    """Return where the files go: beside the capsule, or in the directory of --out, which is made before the work."""
    if out is not None:
        return made_folder(out)
    path = Path(target)
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise CapsuleError(f"{folder} is not a directory; name one with --out")
    return folder


def make_small(
    ready: Ready, folder: Path, budget: float, interrupt: Interrupt, screen: Screen
) -> Shrunk:
    """Shrink within a budget (seconds), and write its files."""
    begun = time.monotonic()
    with screen.progress("looking at the failure") as bar:
        minimal = minimize(
            ready.capsule,
            ready.checks,
            lambda: interrupt() or time.monotonic() - begun > budget,
            bar.show_case,
            interrupt,
            f"{budget:g} s",
        )
    seconds = time.monotonic() - begun
    replay = replay_line(folder / MINIMAL, minimal.capsule)
    report = write_minimal(folder, minimal.capsule, ready.checks, replay)
    return Shrunk(minimal, report, replay, seconds)


def replay_line(path: Path, capsule: Capsule) -> str:
    """Return what to type to replay the minimal capsule."""
    return replay_line_of(command_name(), path, capsule)
