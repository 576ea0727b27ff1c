"""What 'shrink' and 'explain' have in common: a target made ready, shrunk with its progress on the screen, and written."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chaos.base.interrupt import Interrupt
from chaos.base.processor_time import processor_seconds
from chaos.checkers import Check
from chaos.cli.parameters import Catalog, command_name
from chaos.cli.repro import made_folder
from chaos.cli.screen import Screen
from chaos.cli.targets import capsule_of
from chaos.explaining.explain import belongs, case_of
from chaos.explaining.minimal_files import MinimalReport, write_minimal
from chaos.judging.user_checks import load_check, load_embedded_check
from chaos.replaying.replay import replay_capsule
from chaos.shrinking.files import MINIMAL
from chaos.shrinking.minimal import Minimal, minimize
from chaos.store.capsule import Capsule, CapsuleError, read_capsule
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
    seconds: float  # of processor time
    was_there: bool = False  # an earlier result, which is smaller than this time's


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
    """Shrink within a budget (seconds of processor time), and write its files; a smaller run that is there stays."""
    begun = processor_seconds()
    with screen.progress("looking at the failure") as bar:
        minimal = minimize(
            ready.capsule,
            ready.checks,
            lambda: interrupt() or processor_seconds() - begun > budget,
            bar.show_case,
            interrupt,
            f"{budget:g} s of processor time",
        )
    seconds = processor_seconds() - begun
    stays = _smaller_before(folder / MINIMAL, ready, minimal)
    minimal = stays or minimal
    replay = replay_line(folder / MINIMAL, minimal.capsule)
    report = write_minimal(folder, minimal.capsule, ready.checks, replay)
    return Shrunk(minimal, report, replay, seconds, stays is not None)


def _smaller_before(path: Path, ready: Ready, minimal: Minimal) -> Minimal | None:
    """Return the result of an earlier time, if it still shows the same failure and is smaller than this time's; else None."""
    try:
        before = read_capsule(path)
    except CapsuleError:
        return None  # there is none, or one that can't be used any more
    old, new = before.expected, minimal.capsule.expected
    if old is None or new is None or not belongs(before, ready.capsule):
        return None
    was, now = case_of(before), case_of(minimal.capsule)
    is_better = old.signature == new.signature and was.size < now.size
    if not (is_better and _shows(before, old.signature, ready.checks)):
        return None
    return msgspec.structs.replace(
        minimal, capsule=before, outside=was.outside, set_up=was.set_up, choices=was.choices
    )


def _shows(capsule: Capsule, signature: str, checks: tuple[Check, ...]) -> bool:
    """Replay a capsule, and return whether it shows this failure; the engine or the target may have changed."""
    replayed = replay_capsule(capsule, capsule.driver, capsule.defect_sources(), checks)
    return any(finding.signature == signature for finding in replayed.findings)


def replay_line(path: Path, capsule: Capsule) -> str:
    """Return what to type to replay the minimal capsule."""
    return replay_line_of(command_name(), path, capsule)
