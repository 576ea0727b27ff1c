"""``raidstorm adopt``: a failure becomes a regression."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.checkers import Check
from chaos.cli.parameters import Catalog, command_name
from chaos.cli.screen import Screen, count
from chaos.cli.targets import capsule_of, engine_and_checks
from chaos.explaining.minimal_files import write_minimal
from chaos.replaying.regression import STORY_SUFFIX, RegressionResult, check_capsule
from chaos.replaying.replay import Replayed, replay_capsule
from chaos.shrinking.files import MINIMAL
from chaos.shrinking.minimal import minimize
from chaos.store.capsule import (
    Capsule,
    CapsuleError,
    read_capsule,
    replay_line,
    target_words,
    unfinished_line,
    write_capsule,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
USUAL = Path("tests/regressions")
ELSEWHERE = Path("regressions")


class AdoptArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    target: str
    name: str
    folder: str | None = None
    force: bool = False
    allow_code: bool = False


class Adopted(msgspec.Struct, frozen=True):
    """A regression that was written, and whether it holds now."""

    capsule: Capsule
    path: Path
    story_path: Path
    held: RegressionResult


def run(catalog: Catalog, arguments: AdoptArguments) -> int:
    """Write the regression, and print where it lies."""
    interrupt = Interrupt()
    interrupt.install()
    screen = Screen()
    _show(screen, execute(catalog, arguments, screen, interrupt))
    return 0


def execute(
    catalog: Catalog, arguments: AdoptArguments, screen: Screen, interrupt: Interrupt
) -> Adopted:
    """Shrink the failure where that is still to be done, check it, and write its two files."""
    name = name_checked(arguments.name)
    folder = usual_folder() if arguments.folder is None else Path(arguments.folder)
    paths = (folder / f"{name}.json", folder / f"{name}{STORY_SUFFIX}")
    taken = next((path for path in paths if path.exists()), None)
    if taken is not None and not arguments.force:
        raise CapsuleError(f"{taken} exists; choose another name, or overwrite it with --force")
    capsule, checks = _minimal_of(catalog, arguments, screen, interrupt)
    held = check_capsule(capsule, checks)
    if not held.applies:
        raise CapsuleError(f"{arguments.target} can't be adopted: {held.problem}")
    replayed = replay_capsule(capsule, capsule.stepping_driver, capsule.defect_sources(), checks)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_capsule(paths[0], capsule)
        paths[1].write_text(_story(capsule, replayed, paths[0]), encoding="utf-8")
    except OSError as error:
        raise CapsuleError(f"{folder} can't be written: {error.strerror}") from None
    return Adopted(capsule, *paths, held)


def name_checked(name: str) -> str:
    """Return the name of a regression, which names a file and a test; raises UsageError."""
    if not NAME.fullmatch(name):
        raise click.UsageError(
            f"{name!r} can't be the name of a regression; use letters, digits, _ and -, at most 80"
        )
    return name


def usual_folder() -> Path:
    """Return where regressions are kept when no directory is named."""
    return USUAL if USUAL.is_dir() else ELSEWHERE


def _minimal_of(
    catalog: Catalog, arguments: AdoptArguments, screen: Screen, interrupt: Interrupt
) -> tuple[Capsule, tuple[Check, ...]]:
    """Return the shrunk capsule of a target; it is shrunk now where it isn't yet."""
    target = arguments.target
    whole, is_recording = capsule_of(catalog, target)
    whole, checks = engine_and_checks(
        target, whole, (), is_recording=is_recording, allow_code=arguments.allow_code
    )
    if whole.script is not None:
        return whole, checks
    folder = Path(target)
    if (folder / MINIMAL).exists():
        return _of_the_same_run(folder / MINIMAL, whole, target), checks
    with screen.progress("shrinking") as bar:
        small = minimize(whole, checks, interrupt, bar.show_case, interrupt).capsule
    if interrupt.requested:
        raise click.Abort
    if folder.is_dir():
        line = replay_line(command_name(), folder / MINIMAL, small)
        write_minimal(folder, small, checks, line)
    return small, checks


def _of_the_same_run(path: Path, whole: Capsule, target: str) -> Capsule:
    """Read the shrunk capsule beside a whole one; raises CapsuleError when it belongs to another run."""
    minimal = read_capsule(path)
    same = ("seed", "defects", "checks")
    if minimal.experiment.name == whole.experiment.name and all(
        getattr(minimal, field) == getattr(whole, field) for field in same
    ):
        return minimal
    raise CapsuleError(
        f"{path} belongs to another run than capsule.json beside it; 'raidstorm shrink {target}' writes a new one"
    )


def _story(capsule: Capsule, replayed: Replayed, path: Path) -> str:
    """Return the text of NAME.txt: the failure and its steps; a reader may add the cause.

    Its last line can be pasted where the failure was adopted, which is where regressions are run.
    """
    expected = capsule.expected
    assert expected is not None, "what is adopted has a recorded failure"
    defects = ", ".join(defect.id for defect in capsule.defects)
    on = f"with defect {defects}" if defects else "on the reference engine"
    if capsule.plan.target is not None:
        on = f"on {capsule.plan.target.words}"
    lines = [f"{capsule.experiment.name}, seed {capsule.seed}, {on}: {expected.signature}"]
    if replayed.findings:
        lines += ["", replayed.findings[0].summary, *(f"  {line}" for line in replayed.story)]
    unfinished = unfinished_line(capsule)
    lines += ["", f"shrinking: {unfinished}"] if unfinished else []
    lines += ["", f"replay: {replay_line('raidstorm', path, capsule)}"]
    return "\n".join(lines) + "\n"


def _show(screen: Screen, adopted: Adopted) -> None:
    capsule = adopted.capsule
    steps = count(len(capsule.schedule or []), "step")
    screen.say(f"{adopted.path} ({steps}) and {adopted.story_path}", "bold")
    unfinished = unfinished_line(capsule)
    if unfinished:
        screen.say(f"  shrinking: {unfinished}", "yellow")
    if adopted.held.problem:
        screen.say(f"  it doesn't pass now: {adopted.held.problem}", "yellow")
    elif capsule.defects:
        screen.say("  fails with its defect, and passes on the reference engine")
    else:
        screen.say("  passes now")
    words = [command_name(), "regress", shlex.quote(str(adopted.path.parent))]
    words += target_words(capsule)
    words += ["--allow-code"] if capsule.carries_code else []
    screen.say(f"  check: {' '.join(words)}")
