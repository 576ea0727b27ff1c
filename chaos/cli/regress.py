"""``raidstorm regress``: whether regressions hold."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chaos.base.interrupt import Interrupt
from chaos.checkers import Check, Verdict
from chaos.checkers.finding import NAMES, worst
from chaos.cli.adopt import ELSEWHERE, USUAL, usual_folder
from chaos.cli.parameters import INTERRUPTED, Loudness
from chaos.cli.screen import Screen, count, print_json
from chaos.judging.user_checks import load_embedded_check
from chaos.replaying.regression import capsules_in, check_file
from chaos.store.capsule import Capsule, CapsuleError, read_capsule
from workers.defects.loader import compose


class RegressArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    targets: tuple[str, ...] = ()
    allow_code: bool = False
    loudness: Loudness = Loudness.NORMAL
    output: str = "text"


class Checked(msgspec.Struct, frozen=True):
    """A regression, and whether it holds."""

    path: str
    defects: list[str]
    code: int
    problem: str


class Regression(msgspec.Struct, frozen=True):
    """A capsule that may be run, and the user's own checks of it."""

    path: Path
    capsule: Capsule
    checks: tuple[Check, ...]


def run(arguments: RegressArguments) -> int:
    """Check the regressions, print which hold, and return the exit code of the worst."""
    interrupt = Interrupt()
    interrupt.install()
    screen = Screen(arguments.loudness, output=arguments.output)
    regressions = regressions_of(arguments)
    checked = execute(regressions, screen, interrupt)
    code = int(worst([Verdict(one.code) for one in checked]))
    if interrupt.requested and len(checked) < len(regressions):
        code = INTERRUPTED
    if arguments.output == "json":
        print_json({"exit_code": code, "regressions": checked})
    else:
        _show(screen, checked, len(regressions), code)
    return code


def regressions_of(arguments: RegressArguments) -> list[Regression]:
    """Read all before the first one runs: a damaged one must not show after a long list."""
    folders = [Path(target) for target in arguments.targets] or [usual_folder()]
    if not arguments.targets and not folders[0].is_dir():
        raise CapsuleError(
            f"there is neither {USUAL} nor ./{ELSEWHERE} here; 'raidstorm adopt' makes one"
        )
    return [
        _ready(path, allow_code=arguments.allow_code)
        for folder in folders
        for path in (capsules_in(folder) if folder.is_dir() else [folder])
    ]


def _ready(path: Path, *, allow_code: bool) -> Regression:
    capsule = read_capsule(path)
    if capsule.carries_code and not allow_code:
        raise CapsuleError(f"{path} carries code from outside; read it, then use --allow-code")
    compose(capsule.defect_sources())
    return Regression(path, capsule, tuple(load_embedded_check(code) for code in capsule.checks))


def execute(regressions: list[Regression], screen: Screen, interrupt: Interrupt) -> list[Checked]:
    """Check one after the other, until all are checked or the user wants to stop."""
    checked: list[Checked] = []
    with screen.progress("regressions", len(regressions)) as bar:
        for one in regressions:
            if interrupt.requested:
                break
            held = check_file(one.path, one.checks)
            defects = [defect.id for defect in one.capsule.defects]
            checked.append(Checked(str(one.path), defects, int(held.code), held.problem))
            bar.advance(str(one.path))
    return checked


def _show(screen: Screen, checked: list[Checked], of: int, code: int) -> None:
    """Print a line for each that doesn't hold, with -v for each; then the verdict."""
    width = max((len(one.path) for one in checked), default=0)
    for one in checked:
        on = f" ({', '.join(one.defects)})" if one.defects else ""
        if one.code:
            said = f"{NAMES[one.code]}{on}: {one.problem}"
            screen.say(f"FAIL  {one.path:<{width}}  {said}", "red")
        else:
            said = f"fails with its defect only{on}" if one.defects else "passes"
            screen.detail(f"PASS  {one.path:<{width}}  {said}", "green")
    held = sum(not one.code for one in checked)
    word = "STOP" if code == INTERRUPTED else "FAIL" if code else "PASS"
    rest = f"; interrupted after {len(checked)}" if code == INTERRUPTED else ""
    style = "bold red" if code else "bold green"
    screen.verdict(f"{word}  {held} of {count(of, 'regression')} held{rest}", style)
