"""``raidstorm adopt`` and ``raidstorm regress``: a failure becomes a regression, and regressions are checked."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.checkers import Check, Verdict
from chaos.checkers.finding import NAMES, worst
from chaos.cli.completion import complete_files
from chaos.cli.parameters import Catalog, command_name
from chaos.cli.screen import Screen
from chaos.cli.targets import TARGET, capsule_of, engine_and_checks
from chaos.explaining.minimal_files import write_minimal
from chaos.judging.user_checks import load_embedded_check
from chaos.replaying.regression import (
    STORY_SUFFIX,
    RegressionResult,
    capsules_in,
    check_capsule,
    check_file,
)
from chaos.replaying.replay import Replayed, replay_capsule
from chaos.shrinking.files import MINIMAL
from chaos.shrinking.minimal import minimize
from chaos.shrinking.shrinker import Case
from chaos.store.capsule import Capsule, CapsuleError, read_capsule, write_capsule
from workers.defects.loader import compose

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
USUAL = Path("tests/regressions")
ELSEWHERE = Path("regressions")
WHERE = "[tests/regressions where there is one, else ./regressions]"


@click.command("adopt")
@click.argument("target", metavar=TARGET, shell_complete=complete_files)
@click.argument("name", metavar="NAME")
@click.option("--to", "folder", metavar="DIR", help=f"Where it goes. {WHERE}")
@click.option("--force", is_flag=True, help="Overwrite a regression of this name.")
@click.option("--allow-code", is_flag=True, help="Run code that the capsule carries.")
@click.pass_obj
def adopt_command(
    catalog: Catalog, target: str, name: str, folder: str | None, force: bool, allow_code: bool
) -> int:
    """Keep a failure as a regression: NAME.json, its shrunk capsule, and NAME.txt, its story.

    Shrinks it first where the run directory has no minimal.json ('shrink --budget' before, for one that takes long).
    'raidstorm regress' then checks the directory. Exits with 0 when it is adopted, whether or not it passes today.
    """
    name = name_checked(name)
    into = Path(folder) if folder is not None else _usual()
    paths = (into / f"{name}.json", into / f"{name}{STORY_SUFFIX}")
    taken = next((path for path in paths if path.exists()), None)
    if taken is not None and not force:
        raise CapsuleError(f"{taken} exists; choose another name, or overwrite it with --force")
    interrupt = Interrupt()
    interrupt.install()
    screen = Screen(quiet=False)
    capsule, checks = _minimal_of(catalog, target, screen, interrupt, allow_code=allow_code)
    held = check_capsule(capsule, checks)
    if not held.applies:
        raise CapsuleError(f"{target} can't be adopted: {held.problem}")
    replayed = replay_capsule(capsule, "sim", capsule.defect_sources(), checks)
    try:
        into.mkdir(parents=True, exist_ok=True)
        write_capsule(paths[0], capsule)
        paths[1].write_text(_story(capsule, replayed, name), encoding="utf-8")
    except OSError as error:
        raise CapsuleError(f"{into} can't be written: {error.strerror}") from None
    _say(screen, into, name, capsule, held)
    return 0


def name_checked(name: str) -> str:
    """The name of a regression: of a file, and of a test; raises UsageError."""
    if not NAME.fullmatch(name):
        raise click.UsageError(
            f"{name!r} can't be the name of a regression; use letters, digits, _ and -, at most 80"
        )
    return name


def _usual() -> Path:
    return USUAL if USUAL.is_dir() else ELSEWHERE


def _minimal_of(
    catalog: Catalog, target: str, screen: Screen, interrupt: Interrupt, *, allow_code: bool
) -> tuple[Capsule, tuple[Check, ...]]:
    """The shrunk capsule of a target; shrinks it where nobody has yet."""
    whole, is_recording = capsule_of(catalog, target)
    whole, checks = engine_and_checks(
        target, whole, (), is_recording=is_recording, allow_code=allow_code
    )
    if whole.script is not None:
        return whole, checks
    folder = Path(target)
    if (folder / MINIMAL).exists():
        minimal = read_capsule(folder / MINIMAL)
        if (minimal.experiment.name, minimal.seed, minimal.defects, minimal.checks) != (
            whole.experiment.name,
            whole.seed,
            whole.defects,
            whole.checks,
        ):
            raise CapsuleError(
                f"{folder / MINIMAL} is of another run than capsule.json beside it; 'raidstorm shrink {target}' "
                "writes it anew"
            )
        return minimal, checks
    with screen.progress("shrinking", None) as progress:
        task = progress.task_ids[0]

        def show(case: Case, executions: int) -> None:
            progress.update(
                task, completed=executions, state=f"{case.outside} steps from outside are left"
            )

        small = minimize(whole, checks, interrupt, show, interrupt).capsule
    if interrupt.requested:
        raise click.Abort
    if folder.is_dir():
        words = [command_name(), "replay", shlex.quote(str(folder / MINIMAL))]
        allow = ["--allow-code"] if small.carries_code else []
        write_minimal(folder, small, checks, " ".join([*words, *allow]))
    return small, checks


def _story(capsule: Capsule, replayed: Replayed, name: str) -> str:
    """NAME.txt: which failure it is, and what happens in it; why, its reader may add."""
    expected = capsule.expected
    assert expected is not None, "what is adopted has a recorded failure"
    defects = ", ".join(defect.id for defect in capsule.defects)
    on = f"with defect {defects}" if defects else "on the reference engine"
    lines = [f"{capsule.experiment.name}, seed {capsule.seed}, {on}: {expected.signature}"]
    if replayed.findings:
        lines += ["", replayed.findings[0].summary, *(f"  {line}" for line in replayed.story)]
    allow = " --allow-code" if capsule.carries_code else ""
    lines += ["", f"replay: raidstorm replay {name}.json{allow}"]
    return "\n".join(lines) + "\n"


def _say(screen: Screen, into: Path, name: str, capsule: Capsule, held: RegressionResult) -> None:
    steps = len(capsule.schedule or [])
    screen.say(f"{into / name}.json ({steps} steps) and {into / name}{STORY_SUFFIX}", "bold")
    if held.problem:
        screen.say(f"  it doesn't pass today: {held.problem}", "yellow")
    elif capsule.defects:
        screen.say("  fails with its defect, and passes on the reference engine")
    else:
        screen.say("  passes today")
    allow = " --allow-code" if capsule.carries_code else ""
    screen.say(f"  check: {command_name()} regress {shlex.quote(str(into))}{allow}")


class Checked(msgspec.Struct, frozen=True):
    """A regression, and whether it holds."""

    path: str
    defects: list[str]
    code: int
    problem: str


@click.command("regress")
@click.argument("targets", nargs=-1, metavar="[DIR|CAPSULE.json]...", shell_complete=complete_files)
@click.option("--allow-code", is_flag=True, help="Run code that the capsules carry.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def regress_command(targets: tuple[str, ...], allow_code: bool, output: str) -> int:
    """Check regressions: each capsule still applies, passes on the reference engine, fails as recorded with the
    defect that it names, and has its story beside it.

    Without an argument it looks in tests/regressions, or in ./regressions. Exits with the worst outcome: 0 when all
    hold, the failure's code when the reference engine fails, 7 when one no longer applies or its defect isn't caught.
    """
    interrupt = Interrupt()
    interrupt.install()
    folders = [Path(target) for target in targets] or [_usual()]
    paths = [
        path
        for folder in folders
        for path in (capsules_in(folder) if folder.is_dir() else [folder])
    ]
    # All are read before the first is run: a damaged one must not show after a long list.
    regressions = [(path, *_ready(path, allow_code=allow_code)) for path in paths]
    screen = Screen(quiet=output == "json")
    checked: list[Checked] = []
    for path, capsule, checks in regressions:
        if interrupt.requested:
            break
        held = check_file(path, checks)
        defects = [defect.id for defect in capsule.defects]
        checked.append(Checked(str(path), defects, int(held.code), held.problem))
        on = f" ({', '.join(defects)})" if defects else ""
        said = held.problem or ("fails with its defect only" if defects else "passes")
        screen.say(f"{NAMES[held.code]} {path}{on}: {said}", "red" if held.code else "green")
    code = int(worst([Verdict(one.code) for one in checked]))
    if interrupt.requested and len(checked) < len(paths):
        screen.say(f"interrupted; {len(checked)} of {len(paths)} were checked", "yellow")
        code = 130
    if output == "json":
        whole = {"exit_code": code, "regressions": checked}
        sys.stdout.buffer.write(msgspec.json.encode(whole) + b"\n")
        sys.stdout.flush()
    return code


def _ready(path: Path, *, allow_code: bool) -> tuple[Capsule, tuple[Check, ...]]:
    capsule = read_capsule(path)
    if capsule.carries_code and not allow_code:
        raise CapsuleError(f"{path} carries code from outside; read it, then use --allow-code")
    compose(capsule.defect_sources())
    return capsule, tuple(load_embedded_check(code) for code in capsule.checks)
