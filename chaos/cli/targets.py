"""What a command is pointed at: a run directory, a capsule, or a name with a seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from chaos.base.interrupt import never
from chaos.campaigns.catalog import find_experiment
from chaos.checkers import Check
from chaos.cli.parameters import Catalog, Seed, command_name, named_target
from chaos.drivers.make import stepped_driver
from chaos.judging.user_checks import load_check, load_embedded_check
from chaos.plan.targets import resolve_for
from chaos.run.controller import Controller
from chaos.scripts.player import Player
from chaos.store.capsule import Capsule, CapsuleError, capsule_defect, read_capsule
from chaos.store.store import RunName, run_name
from chaos.store.stored import dangling
from chaos.store.version import tool_version
from workers.defects.loader import compose, read_defect


def capsule_of(catalog: Catalog, target: str) -> tuple[Capsule, bool]:
    """Return the capsule, and whether it is a recording (or made from NAME:SEED)."""
    path = Path(target)
    try:
        is_directory, exists = path.is_dir(), path.exists()
    except (OSError, ValueError) as error:
        raise CapsuleError(f"{target} can't be read: {error}") from None
    if is_directory and not (path / "capsule.json").exists():
        raise CapsuleError(
            f"{target} has no capsule.json; a run's own directory has, such as {target}/latest-failure"
        )
    if is_directory:
        return read_capsule(path / "capsule.json"), True
    if why := dangling(path):
        raise CapsuleError(why)
    gone = None if exists else run_name(path)
    if gone is not None:
        raise CapsuleError(_without_directory(catalog, target, gone))
    if exists or target.endswith(".json"):
        return read_capsule(path), True
    name, separator, seed_text = target.rpartition(":")
    if not separator or not seed_text.isdecimal():
        raise CapsuleError(f"{target} is neither a run directory, nor a capsule, nor NAME:SEED")
    experiment = find_experiment(name, catalog.experiments)
    seed = Seed().convert(seed_text, None, None)
    target_id = named_target()
    return (
        Capsule(
            raidstorm_version=tool_version(),
            experiment=experiment,
            seed=seed,
            driver="sim" if target_id is None else "native",
            plan=resolve_for(experiment, seed, target_id),
        ),
        False,
    )


def _without_directory(catalog: Catalog, target: str, run: RunName) -> str:
    """Say how to run the seed of a run directory that is gone."""
    name = run.experiment if run.experiment in catalog.experiments else "FILE"
    driver = "" if run.driver == "sim" else f" --driver {run.driver}"
    line = f"{command_name()} replay {name}:{run.seed}{driver}"
    file = f"; FILE: where the experiment {run.experiment} is written" if name == "FILE" else ""
    return (
        f"{target} does not exist; this line runs its seed again without the directory, and needs the --defect of "
        f"the run, if it had one: {line}{file}"
    )


def engine_and_checks(
    target: str, capsule: Capsule, defects: tuple[str, ...], *, is_recording: bool, allow_code: bool
) -> tuple[Capsule, tuple[Check, ...]]:
    """Return the capsule with these defects instead of its own ('none': without any), and the checks to judge it by.

    Raises CapsuleError when the run would need code from outside that is not allowed.
    """
    if defects:
        capsule = with_defects(capsule, defects)
    elif is_recording and capsule.carries_code and not allow_code:
        names = [defect.id for defect in capsule.defects if defect.source is not None]
        names += [code.name for code in capsule.checks]
        raise CapsuleError(
            f"{target} carries code from outside ({', '.join(names)}); "
            "read it, then use --allow-code"
        )
    if is_recording and capsule.checks and not allow_code:
        raise CapsuleError(f"{target} carries checks; read them, then use --allow-code")
    compose(capsule.defect_sources())
    if is_recording:
        checks = tuple(load_embedded_check(code) for code in capsule.checks)
    else:
        checks = tuple(load_check(path) for path in capsule.experiment.checks)
    return capsule, checks


def with_defects(capsule: Capsule, defects: tuple[str, ...]) -> Capsule:
    """Return the capsule with these defects instead of its own ('none': without any)."""
    if "none" in defects and len(defects) > 1:
        raise click.UsageError("--defect none stands alone")
    sources = () if defects == ("none",) else tuple(read_defect(name) for name in defects)
    return msgspec.structs.replace(capsule, defects=[capsule_defect(source) for source in sources])


def refuse_defects(capsule: Capsule, defects: tuple[str, ...]) -> None:
    """Refuse defects for a run of a target in C."""
    if capsule.plan.target is not None and defects not in ((), ("none",)):
        raise click.UsageError(
            "defects are variants of the built-in engine, and this is a run of a target in C; leave --defect out"
        )


def recorded(catalog: Catalog, target: str, *, allow_code: bool) -> Capsule:
    """Return a capsule with its schedule, ready to be stepped through; NAME:SEED is run first."""
    capsule = runnable(catalog, target, allow_code=allow_code)
    return capsule if capsule.schedule is not None else explored(capsule)


def runnable(
    catalog: Catalog, target: str, *, allow_code: bool, defects: tuple[str, ...] = ()
) -> Capsule:
    """Return a capsule on its engine, or with these defects instead of its own; that of NAME:SEED has no schedule.

    Raises CapsuleError also when it carries defects from outside that are not allowed.
    """
    capsule, is_recording = capsule_of(catalog, target)
    names = [defect.id for defect in capsule.defects if defect.source is not None]
    if defects:
        refuse_defects(capsule, defects)
        capsule = _on_another_engine(with_defects(capsule, defects), capsule)
    elif is_recording and names and not allow_code:
        raise CapsuleError(
            f"{target} carries code from outside ({', '.join(names)}); "
            "read it, then use --allow-code"
        )
    compose(capsule.defect_sources())
    return capsule


def _on_another_engine(capsule: Capsule, before: Capsule) -> Capsule:
    """Play the script of a shrunk run, which has the steps whose order matters; another engine takes other ones between."""
    defects = capsule.defect_sources()
    if capsule.script is None or defects == before.defect_sources():
        return capsule
    driver = stepped_driver(capsule.plan.target)
    played = Player(capsule.plan, driver, defects).play(capsule.script, to_the_end=not capsule.cut)
    return msgspec.structs.replace(capsule, schedule=played.execution.schedule)


def explored(capsule: Capsule, gives_up: Callable[[], bool] = never) -> Capsule:
    """Run the capsule's seed, step by step, and return it with its schedule."""
    driver = stepped_driver(capsule.plan.target, gives_up)
    try:
        controller = Controller(capsule.plan, driver, capsule.defect_sources())
        execution = controller.explore(capsule.seed)
    finally:
        driver.close()
    return msgspec.structs.replace(capsule, schedule=execution.schedule)
