"""``raidstorm crash-points``: a restart after every write that a disk completed in a run, and after every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import msgspec

from chaos.base.interrupt import Interrupt, InterruptedRunError, Patience
from chaos.cli.crash_point_report import as_json, show
from chaos.cli.crash_point_results import Judged, Subject
from chaos.cli.parameters import SEED_MAX, Catalog, named_target
from chaos.cli.screen import Screen, print_json
from chaos.cli.targets import explored, runnable
from chaos.judging.crash_points import CrashPoint, crash_points
from chaos.plan.targets import resolve_for
from chaos.run.controller import DivergenceError
from chaos.store.capsule import Capsule


class CrashPointArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    target: str
    seeds: int | None = None
    step: int | None = None
    defects: tuple[str, ...] = ()
    allow_code: bool = False
    output: str = "text"

    @property
    def options(self) -> tuple[str, ...]:
        """Return the words of a command line that choose the engine."""
        allowing = ("--allow-code",) if self.allow_code else ()
        return (*allowing, *(word for name in self.defects for word in ("--defect", name)))


def run(catalog: Catalog, arguments: CrashPointArguments) -> int:
    """Judge the crash points of a run or of several, print what was found, and return the exit code."""
    _refuse_bad(arguments)
    interrupt = Interrupt()
    screen = Screen(output=arguments.output)
    capsule = runnable(
        catalog,
        _first(arguments),
        allow_code=arguments.allow_code,
        defects=arguments.defects,
    )
    _refuse_unfit(capsule, arguments)
    interrupt.install()
    judged = execute(capsule, arguments, screen, interrupt)
    if arguments.output == "json":
        print_json(as_json(capsule, arguments.seeds, judged))
    else:
        show(screen, capsule, arguments.seeds, judged)
    return judged.code


def _refuse_bad(arguments: CrashPointArguments) -> None:
    if arguments.seeds is None:
        return
    if arguments.step is not None:
        raise click.UsageError("--at is a step of one run; leave --seeds out")
    path = Path(arguments.target)
    if path.is_dir() or path.suffix == ".json":
        raise click.UsageError(
            f"--seeds is for NAME:SEED, and {arguments.target} is a recorded run; leave --seeds out"
        )


def _first(arguments: CrashPointArguments) -> str:
    """Return the first run that was asked for; a name alone begins with seed 0."""
    _, colon, seed = arguments.target.rpartition(":")
    has_seed = bool(colon) and seed.isdecimal()
    return arguments.target if has_seed or arguments.seeds is None else f"{arguments.target}:0"


def _refuse_unfit(capsule: Capsule, arguments: CrashPointArguments) -> None:
    if arguments.seeds is not None:
        if capsule.seed + arguments.seeds - 1 > SEED_MAX:
            raise click.UsageError(f"the last seed would be beyond {SEED_MAX}")
    elif not capsule.plan.superblock:
        raise click.UsageError(
            f"{arguments.target} has an array without superblock: nothing can assemble it"
        )


def execute(
    capsule: Capsule, arguments: CrashPointArguments, screen: Screen, interrupt: Interrupt
) -> Judged:
    """Crash and restart at one point after the other, in one run after the other."""
    judged = Judged()
    with screen.progress("crash points", arguments.seeds) as bar:
        try:
            for run in _runs(capsule, arguments):
                for point in _points(judged, run, arguments.step, Patience(interrupt)):
                    judged.take(run, point)
                    bar.describe(judged.so_far)
                    if interrupt.requested:
                        raise InterruptedRunError
                bar.advance("")
        except DivergenceError as error:
            judged.divergence = str(error)
        except InterruptedRunError:
            judged.interrupted = True
    return judged


def _runs(capsule: Capsule, arguments: CrashPointArguments) -> Iterator[Subject]:
    """Yield each run that was asked for, with its name on a command line."""
    if arguments.seeds is None:
        yield Subject(capsule, arguments.target, arguments.options)
        return
    name = _first(arguments).rpartition(":")[0]
    for seed in range(capsule.seed, capsule.seed + arguments.seeds):
        plan = resolve_for(capsule.experiment, seed, named_target())
        of_seed = msgspec.structs.replace(capsule, seed=seed, plan=plan)
        yield Subject(of_seed, f"{name}:{seed}", arguments.options)


def _points(
    judged: Judged, run: Subject, step: int | None, gives_up: Callable[[], bool]
) -> Iterator[CrashPoint]:
    """Yield the crash points of a run, which is executed first if there is no recording of it."""
    capsule = run.capsule
    if not capsule.plan.superblock:
        judged.without_superblock += 1
        return
    judged.runs += 1
    schedule = capsule.schedule
    if schedule is None:
        schedule = explored(capsule, gives_up).schedule or []
    if (step or 0) > len(schedule):
        raise click.UsageError(
            f"{run.target} has {len(schedule)} steps; --at {step} is beyond its end"
        )
    yield from crash_points(capsule.plan, schedule, capsule.defect_sources(), step, gives_up)
