"""``raidstorm repro``: how often a failure comes."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

from chaos.base.estimates import Share
from chaos.base.interrupt import Interrupt
from chaos.checkers import Check
from chaos.checkers.finding import NAMES
from chaos.cli.parameters import Catalog, command_name
from chaos.cli.screen import Screen, print_json
from chaos.cli.targets import capsule_of, engine_and_checks
from chaos.plan.driver_names import DRIVERS
from chaos.replaying.repro import Repetition, repeat
from chaos.store.capsule import Capsule, CapsuleError, DriverName, write_capsule


class ReproArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    target: str
    runs: int
    driver: DriverName | None = None
    defects: tuple[str, ...] = ()
    allow_code: bool = False
    out: str | None = None
    output: str = "text"


class Repeated(msgspec.Struct, frozen=True):
    """The runs of one plan, and the capsules that were kept of them."""

    capsule: Capsule
    driver: DriverName
    wanted: int
    whole: Repetition
    kept: list[str]


def run(catalog: Catalog, arguments: ReproArguments) -> int:
    """Repeat the run, print how often it failed, and return the exit code."""
    interrupt = Interrupt()
    screen = Screen(output=arguments.output)
    repeated = execute(catalog, arguments, screen, interrupt)
    if arguments.output == "json":
        _print_json(repeated)
    else:
        _show(screen, repeated)
    return repeated.whole.code


def execute(
    catalog: Catalog, arguments: ReproArguments, screen: Screen, interrupt: Interrupt
) -> Repeated:
    """Run the plan as often as was asked for."""
    capsule, is_recording = capsule_of(catalog, arguments.target)
    capsule, checks = engine_and_checks(
        arguments.target,
        capsule,
        arguments.defects,
        is_recording=is_recording,
        allow_code=arguments.allow_code,
    )
    folder = None if arguments.out is None else made_folder(arguments.out)
    interrupt.install()
    driver = arguments.driver or capsule.driver
    whole = _repeat(capsule, driver, checks, arguments.runs, screen, interrupt)
    return Repeated(capsule, driver, arguments.runs, whole, _keep(folder, whole))


def _repeat(
    capsule: Capsule,
    driver: DriverName,
    checks: tuple[Check, ...],
    runs: int,
    screen: Screen,
    interrupt: Interrupt,
) -> Repetition:
    with screen.progress(capsule.experiment.name, runs) as bar:

        def show(so_far: Repetition) -> None:
            bar.at(so_far.runs, f"{so_far.failed} failed")

        return repeat(capsule, driver, checks, runs, interrupt, show)


def percent(share: Share) -> str:
    """Return an interval in words."""
    low, high = _number(share.low), _number(share.high)
    return f"{low}–{high} %"


def _number(share: float) -> str:
    """Return whole percent; with decimals where whole ones would mean never or always, and it is neither."""
    whole = round(100 * share)
    if whole in (0, 100) and share not in (0, 1):
        return f"{100 * share:.2f}"
    return f"{whole}"


def made_folder(out: str) -> Path:
    """Make the directory that --out names, before the work; raises CapsuleError."""
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CapsuleError(
            f"{folder} can't be made ({error.strerror}); choose another directory with --out"
        ) from None
    return folder


def _keep(folder: Path | None, whole: Repetition) -> list[str]:
    """Write a capsule of each failure, numbered; a free run that can't be replayed has only its plan."""
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


def _print_json(repeated: Repeated) -> None:
    capsule, whole = repeated.capsule, repeated.whole
    failures = [
        {
            "signature": seen.signature,
            "summary": seen.summary,
            "code": int(seen.verdict),
            "counts": seen.counts,
            "runs": seen.runs,
        }
        for seen in whole.seen
    ]
    print_json(
        {
            "experiment": capsule.experiment.name,
            "seed": capsule.seed,
            "driver": repeated.driver,
            "defects": [defect.id for defect in capsule.defects],
            "varied": DRIVERS[repeated.driver].varied,
            "signature": whole.signature,
            "wanted": repeated.wanted,
            "runs": whole.runs,
            "failed": whole.failed,
            "share": whole.share,
            "failures": failures,
            "kept": repeated.kept,
            "interrupted": whole.interrupted,
            "error": whole.error,
            "exit_code": whole.code,
        }
    )


def _show(screen: Screen, repeated: Repeated) -> None:
    capsule, whole = repeated.capsule, repeated.whole
    defects = ", ".join(defect.id for defect in capsule.defects)
    with_defects = f", with {defects}" if defects else ""
    what = whole.signature or "any failure, since none is recorded"
    word, style = ("FAIL", "red") if whole.code else ("PASS", "green")
    screen.verdict(
        f"{word}  {capsule.experiment.name}  {repeated.driver}  seed {capsule.seed}   "
        f"{whole.failed}/{whole.runs} failed ({percent(whole.share)}): {what}{with_defects}",
        style,
    )
    screen.say(
        f"  {DRIVERS[repeated.driver].varied}; in brackets the 95 % interval of the share", "dim"
    )
    for seen in whole.seen:
        if seen.counts and seen.signature == whole.signature:
            continue
        otherwise = "" if seen.counts else " in another way"
        screen.say(
            f"  {seen.runs}/{whole.runs} {NAMES[int(seen.verdict)]}{otherwise}: {seen.signature}: {seen.summary}",
            None if seen.counts else "yellow",
        )
    if whole.interrupted:
        screen.say(f"interrupted after {whole.runs} of {repeated.wanted} runs", "yellow")
    if whole.error:
        screen.say(f"{whole.error}; {whole.runs} of {repeated.wanted} had run", "red")
    for path, seen in zip(repeated.kept, whole.seen, strict=True) if repeated.kept else ():
        allow = " --allow-code" if seen.capsule.carries_code else ""
        replay = f"{command_name()} replay {shlex.quote(path)}{allow}"
        screen.say(f"  {seen.signature}: {replay}", "bold")
